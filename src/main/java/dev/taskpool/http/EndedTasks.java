package dev.taskpool.http;

import dev.taskpool.engine.Engine;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * The answer to a wait: done tasks with their results, which may be a thousand of a megabyte each. What one read of the
 * store brings is answered at once; where there is more the rest is read piece by piece, while the answer is sent.
 */
final class EndedTasks {
    private static final byte[] NOTHING = new byte[0];

    private final Engine engine;
    private final boolean satisfied;
    private final List<TaskId> notDone;
    /** In the order of the answer; what was read is taken off. */
    private List<TaskId> left;

    private List<Task> read = List.of();

    /** @param done in the order of their end */
    EndedTasks(Engine engine, List<TaskId> done, boolean satisfied, List<TaskId> notDone) {
        this.engine = engine;
        this.left = done;
        this.satisfied = satisfied;
        this.notDone = notDone;
    }

    /** Reads the first of them. */
    CompletableFuture<List<Task>> first() {
        return next();
    }

    private CompletableFuture<List<Task>> next() {
        if (left.isEmpty()) {
            read = List.of();
            return CompletableFuture.completedFuture(read);
        }
        return engine.whole(left).thenApply(found -> {
            // Those before the last that came are here or forgotten; where none came, none are left.
            int upTo =
                    found.isEmpty() ? left.size() : left.indexOf(found.getLast().id()) + 1;
            left = left.subList(upTo, left.size());
            read = found;
            return found;
        });
    }

    /** Returns what to send. Once. */
    Answer answer() throws IOException {
        Body body = new Body();
        return left.isEmpty()
                ? new Answer(200, Answer.JSON, body.readAllBytes())
                : Answer.stream(200, Answer.JSON, body);
    }

    /** The answer, written down task by task as it is read. For one thread. */
    private final class Body extends InputStream {
        private byte[] piece = bytes("{\"satisfied\":" + satisfied + ",\"done\":[");
        private int at;
        private int taskAt;
        private boolean any;
        private boolean ended;

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] target, int offset, int length) throws IOException {
            while (at == piece.length) {
                if (ended) {
                    return -1;
                }
                piece = next();
                at = 0;
            }
            int count = Math.min(length, piece.length - at);
            System.arraycopy(piece, at, target, offset, count);
            at += count;
            return count;
        }

        private byte[] next() throws IOException {
            if (taskAt == read.size() && !left.isEmpty()) {
                try {
                    EndedTasks.this.next().join();
                } catch (CompletionException e) {
                    // The status is sent already: an answer that is cut off is all that can still be said.
                    throw new IOException("the rest of the tasks cannot be read", e);
                }
                taskAt = 0;
            }
            if (taskAt == read.size()) {
                ended = left.isEmpty();
                if (!ended) {
                    return NOTHING;
                }
                byte[] ids = JsonOut.bytes(out -> {
                    out.writeStartArray();
                    for (TaskId id : notDone) {
                        out.writeString(id.toString());
                    }
                    out.writeEndArray();
                });
                return bytes("],\"not_done\":" + new String(ids, StandardCharsets.UTF_8) + "}");
            }
            Task task = read.get(taskAt++);
            byte[] json = JsonOut.bytes(out -> TaskJson.ended(out, task));
            if (!any) {
                any = true;
                return json;
            }
            byte[] further = new byte[json.length + 1];
            further[0] = ',';
            System.arraycopy(json, 0, further, 1, json.length);
            return further;
        }

        private static byte[] bytes(String text) {
            return text.getBytes(StandardCharsets.UTF_8);
        }
    }
}
