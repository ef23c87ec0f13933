package dev.taskpool.http;

import dev.taskpool.engine.Engine;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.Task;
import dev.taskpool.output.Extent;
import dev.taskpool.output.OutputFiles;
import dev.taskpool.output.StreamReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/** What tasks wrote to one of their streams: whole, a range, the last lines, or as it comes. */
final class OutputHandlers {
    static final Set<String> PARAMETERS = Set.of("offset", "tail_lines", "follow");
    static final int MAX_TAIL_LINES = 10_000;
    private static final String BYTES = "application/octet-stream";
    private static final int BUFFER_BYTES = 16 * 1024;
    private static final long NEVER_MILLIS = Long.MAX_VALUE / 2_000_000;

    private final TaskHandlers tasks;
    private final OutputFiles files;
    private final Engine engine;
    private final OpenWaits waits;

    OutputHandlers(TaskHandlers tasks, OutputFiles files, Engine engine, OpenWaits waits) {
        this.tasks = tasks;
        this.files = files;
        this.engine = engine;
        this.waits = waits;
    }

    CompletableFuture<Reply> stdout(Exchange exchange) {
        return output(exchange, false);
    }

    CompletableFuture<Reply> stderr(Exchange exchange) {
        return output(exchange, true);
    }

    private CompletableFuture<Reply> output(Exchange exchange, boolean stderr) {
        Start start = Start.of(exchange, "offset");
        boolean follow = exchange.flag("follow");
        return tasks.find(exchange).thenApply(task -> () -> {
            if (follow) {
                return follow(exchange, task, stderr, start);
            }
            // The task was looked at first: of one that is done, this is all.
            Extent there = files.extents(task.id()).of(stderr);
            Answer answer = start instanceof Start.Beginning
                    ? ranged(task, stderr, there, ByteRange.of(exchange.header("Range"), there.total()))
                    : from(task, stderr, there, start);
            answer.with("Accept-Ranges", "bytes")
                    .with("Task-State", task.state().name());
            if (there.dropped() > 0) {
                answer.with(
                        "Output-Dropped",
                        "bytes " + there.droppedFrom() + "-" + (there.droppedFrom() + there.dropped() - 1) + "/"
                                + there.total());
            }
            return answer.with("X-Content-Type-Options", "nosniff");
        });
    }

    private Answer ranged(Task task, boolean stderr, Extent there, ByteRange range) {
        return switch (range) {
            case ByteRange.Whole() -> body(200, task, stderr, there, 0, there.total() - there.dropped());
            case ByteRange.Part part -> part(task, stderr, there, part);
            case ByteRange.None() -> throw unsatisfiable("there are " + there.total() + " bytes so far");
        };
    }

    /** One contiguous part of what is asked for: its end where the end is asked for, its beginning otherwise. */
    private Answer part(Task task, boolean stderr, Extent there, ByteRange.Part part) {
        long gap = there.droppedFrom();
        long behind = gap + there.dropped();
        long first = part.suffix() && part.first() < behind && behind < there.total()
                ? Math.max(part.first(), there.dropped() > 0 ? behind : 0)
                : there.kept(part.first());
        long last = there.dropped() > 0 && first < gap ? Math.min(part.last(), gap - 1) : part.last();
        if (first > last) {
            throw unsatisfiable("bytes " + gap + " to " + (behind - 1) + " of " + there.total() + " are dropped");
        }
        return body(206, task, stderr, there, first, last - first + 1)
                .with("Content-Range", "bytes " + first + "-" + last + "/" + (task.done() ? there.total() : "*"));
    }

    private static Problem unsatisfiable(String detail) {
        return Problem.field(ProblemCode.RANGE_NOT_SATISFIABLE, "header:Range", detail);
    }

    private Answer from(Task task, boolean stderr, Extent there, Start start) throws IOException {
        long first;
        try (StreamReader reader = files.stream(task.id(), stderr)) {
            reader.upTo(there);
            start.seek(reader);
            first = there.kept(Math.min(reader.offset(), there.total()));
        }
        long droppedBehind = first < there.droppedFrom() ? there.dropped() : 0;
        return body(200, task, stderr, there, first, there.total() - first - droppedBehind)
                .with("Output-Start", Long.toString(first));
    }

    private Answer body(int status, Task task, boolean stderr, Extent there, long first, long length) {
        if (length == 0) {
            return new Answer(status, BYTES, new byte[0]);
        }
        return Answer.stream(status, BYTES, new Bounded(files.stream(task.id(), stderr), there, first, length))
                .with("Content-Length", Long.toString(length));
    }

    private Answer follow(Exchange exchange, Task task, boolean stderr, Start start) {
        return Answer.live(200, BYTES, out -> {
                    out.flush();
                    try (Follower follower = new Follower(engine, files, waits, exchange, task, 0);
                            StreamReader reader = files.stream(task.id(), stderr)) {
                        reader.upTo(files.extents(task.id()).of(stderr));
                        start.seek(reader);
                        while (true) {
                            boolean last = follower.ended();
                            boolean some = copy(task, stderr, reader, out);
                            if (last) {
                                return;
                            }
                            if (some) {
                                out.flush();
                                follower.gather(OrderedOutput.GATHER_MILLIS);
                            }
                            reader.pause();
                            follower.await(NEVER_MILLIS);
                        }
                    }
                })
                .with("Cache-Control", "no-store")
                .with("X-Accel-Buffering", "no")
                .with("X-Content-Type-Options", "nosniff");
    }

    /** Writes what is there; returns whether there was something. */
    private boolean copy(Task task, boolean stderr, StreamReader reader, OutputStream out) throws IOException {
        byte[] buffer = new byte[BUFFER_BYTES];
        boolean some = false;
        Extent there = files.extents(task.id()).of(stderr);
        while (true) {
            reader.upTo(there);
            for (int n = reader.read(buffer, 0, buffer.length); n > 0; n = reader.read(buffer, 0, buffer.length)) {
                out.write(buffer, 0, n);
                some = true;
            }
            Extent now = reader.gone() ? files.extents(task.id()).of(stderr) : there;
            if (now.equals(there)) {
                return some;
            }
            // The task is faster than its reader: what this was about to read is dropped.
            there = now;
        }
    }

    /** So many bytes of a stream that may be growing. */
    private static final class Bounded extends InputStream {
        private final StreamReader in;
        private final Extent there;
        private final long first;
        private boolean begun;
        private long left;

        Bounded(StreamReader in, Extent there, long first, long length) {
            this.in = in;
            this.there = there;
            this.first = first;
            this.left = length;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            if (left == 0) {
                return -1;
            }
            if (!begun) {
                begun = true;
                in.upTo(there);
                in.seek(first);
            }
            int read = in.read(bytes, offset, (int) Math.min(length, left));
            if (read == 0 && length > 0) {
                throw new IOException("the output is shorter than it was");
            }
            left -= read;
            return read;
        }

        @Override
        public void close() throws IOException {
            in.close();
        }
    }
}
