package dev.taskpool.http;

import dev.taskpool.engine.Engine;
import dev.taskpool.engine.Event;
import dev.taskpool.engine.Events;
import dev.taskpool.engine.Subscription;
import dev.taskpool.engine.TaskStory;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import dev.taskpool.output.Entry;
import dev.taskpool.output.OutputFiles;
import dev.taskpool.output.OutputReader;
import dev.taskpool.pool.Run;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;

/**
 * What happens to one task from its beginning, and what it writes. Each id names a revision of the task and a position in
 * its output, so that it does not matter for how long the log is kept. For one thread.
 */
final class TaskEvents implements EventLoop.Source, AutoCloseable {
    private static final int PIECE_BYTES = 8 * 1024;

    private final Engine engine;
    private final Caller caller;
    private final EventWriter writer;
    private final TaskId id;
    private final OutputFiles files;
    private final @Nullable OutputReader output;

    /** Up to here the task was told. */
    private long revision;

    private boolean done;
    private boolean gone;
    private Runnable watcher = () -> {};

    /** @param withOutput whether what it writes is told, too */
    TaskEvents(
            Engine engine,
            Caller caller,
            EventWriter writer,
            OutputFiles files,
            TaskId id,
            EventCursor.@Nullable OfTask from,
            boolean withOutput)
            throws IOException {
        this.engine = engine;
        this.caller = caller;
        this.writer = writer;
        this.files = files;
        this.id = id;
        this.output = withOutput ? files.both(id) : null;
        if (from != null) {
            revision = from.revision();
            done = from.done();
            if (output != null) {
                output.seek(from.position());
            }
        }
    }

    @Override
    public Events.Scope scope() {
        return new Events.Scope(null, null, id);
    }

    @Override
    public void begin(Subscription log, OutputStream out) throws IOException {
        if (output != null) {
            watcher = log::wake;
            files.watch(id, watcher);
        }
        if (done) {
            return;
        }
        Optional<Task> found;
        try {
            found = engine.find(id).join();
        } catch (CompletionException e) {
            throw new IOException("the task cannot be read", e);
        }
        if (found.isEmpty()) {
            gone = true;
            return;
        }
        Task task = found.get();
        for (Event.OfTask each : TaskStory.of(task)) {
            if (each.revision() > revision) {
                tell(each, log, out);
            }
        }
        revision = Math.max(revision, task.revision());
        Run run = engine.run(id);
        if (run != null && !done) {
            progress(run, out);
        }
    }

    private void tell(Event.OfTask event, Subscription log, OutputStream out) throws IOException {
        if (event.kind() == Event.Kind.DONE || event.kind() == Event.Kind.RETRY) {
            Run run = log.takeProgress(id.sequence());
            if (run != null) {
                progress(run, out);
            }
            // What a run wrote is there before its end is.
            pieces(event.kind() == Event.Kind.DONE, out);
        }
        revision = event.revision();
        done = event.kind() == Event.Kind.DONE;
        writer.event(here(), event.kind().word(), LogEvents.data(event.kind(), event.task()), out);
    }

    private String here() {
        return new EventCursor.OfTask(revision, output == null ? 0 : output.position(), done).toString();
    }

    @Override
    public boolean more(Subscription log, OutputStream out) throws IOException {
        boolean[] wrote = new boolean[1];
        boolean kept = log.read((frame, index, change) -> {
            for (Event event : Event.of(change)) {
                if (event instanceof Event.OfTask of
                        && of.task().id().equals(id)
                        && of.revision() > revision
                        && !done) {
                    tell(of, log, out);
                    wrote[0] = true;
                }
            }
        });
        if (!kept) {
            throw new EventLoop.GoneException();
        }
        wrote[0] |= pieces(done, out);
        if (output != null) {
            output.pause();
        }
        return wrote[0];
    }

    private boolean pieces(boolean last, OutputStream out) throws IOException {
        boolean some = false;
        if (output != null) {
            for (Entry next = output.next(PIECE_BYTES, last); next != null; next = output.next(PIECE_BYTES, last)) {
                Entry entry = next;
                // What tells of something dropped has no id: who is cut off behind it hears of it again.
                String at = entry instanceof Entry.Chunk ? here() : null;
                writer.event(at, "output", JsonOut.bytes(json -> OutputWriter.json(entry, json)), out);
                some = true;
            }
        }
        return some;
    }

    @Override
    public void progress(Run run, OutputStream out) throws IOException {
        byte[] data = LogEvents.progress(run, caller);
        if (data != null) {
            writer.event(null, "progress", data, out);
        }
    }

    @Override
    public @Nullable String over() {
        return gone ? "deleted" : done ? "done" : null;
    }

    @Override
    public @Nullable String here(Subscription log) {
        return null;
    }

    @Override
    public byte[] end(String reason) {
        return JsonOut.bytes(json -> {
            json.writeStartObject();
            json.writeStringField("reason", reason);
            json.writeEndObject();
        });
    }

    @Override
    public void close() throws IOException {
        if (output != null) {
            files.unwatch(id, watcher);
            output.close();
        }
    }
}
