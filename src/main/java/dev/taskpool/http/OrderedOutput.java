package dev.taskpool.http;

import dev.taskpool.engine.Engine;
import dev.taskpool.model.Task;
import dev.taskpool.output.Entry;
import dev.taskpool.output.OutputFiles;
import dev.taskpool.output.OutputReader;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/** What tasks wrote to both of their streams, in the order in which it came. */
final class OrderedOutput {
    static final Set<String> PARAMETERS = Set.of("position", "tail_lines", "follow", "wait");

    /** What comes within so long after a piece was sent goes out together. */
    static final long GATHER_MILLIS = 20;

    private static final long HEARTBEAT_MILLIS = 15_000;
    private static final int PIECE_BYTES = 8 * 1024;
    private static final int PAGE_BYTES = 256 * 1024;

    private final TaskHandlers tasks;
    private final OutputFiles files;
    private final Engine engine;
    private final OpenWaits waits;

    OrderedOutput(TaskHandlers tasks, OutputFiles files, Engine engine, OpenWaits waits) {
        this.tasks = tasks;
        this.files = files;
        this.engine = engine;
        this.waits = waits;
    }

    CompletableFuture<Reply> output(Exchange exchange) {
        OutputFormat format = OutputFormat.of(exchange.header("Accept"));
        Start asked = Start.of(exchange, "position");
        Start start = format == OutputFormat.EVENTS ? asked.unless(exchange.header("Last-Event-ID")) : asked;
        boolean follow = exchange.flag("follow");
        int seconds = exchange.waitSeconds();
        if (format == OutputFormat.JSON) {
            if (follow) {
                throw Exchange.badQuery(
                        "follow", "is for text/plain, application/x-ndjson and text/event-stream; use wait");
            }
            return tasks.find(exchange).thenCompose(task -> pageOrWait(exchange, task, start, seconds));
        }
        return tasks.find(exchange)
                .thenApply(task -> () -> Answer.live(
                                200,
                                format.contentType(),
                                out -> write(
                                        exchange, task, format, start, follow || format == OutputFormat.EVENTS, out))
                        .with("Cache-Control", "no-store")
                        .with("X-Accel-Buffering", "no")
                        .with("Task-State", task.state().name())
                        .with("X-Content-Type-Options", "nosniff"));
    }

    private void write(Exchange exchange, Task task, OutputFormat format, Start start, boolean follow, OutputStream out)
            throws IOException {
        OutputWriter writer = OutputWriter.of(format);
        try (OutputReader reader = files.both(task.id())) {
            start.seek(reader);
            if (!follow) {
                pieces(reader, writer, true, out);
                writer.end(task, reader.position(), null, out);
                return;
            }
            try (Follower follower = new Follower(engine, files, waits, exchange, task, 0)) {
                // The head goes out at once: the client knows that it follows.
                writer.heartbeat(out);
                out.flush();
                while (true) {
                    boolean last = follower.ended();
                    if (pieces(reader, writer, last, out)) {
                        out.flush();
                        follower.gather(last ? 0 : GATHER_MILLIS);
                    }
                    if (last) {
                        writer.end(follower.task(), reader.position(), follower.reason(), out);
                        return;
                    }
                    reader.pause();
                    if (!follower.await(HEARTBEAT_MILLIS)) {
                        writer.heartbeat(out);
                        out.flush();
                    }
                }
            }
        }
    }

    /** Writes what is there; returns whether there was something. */
    private static boolean pieces(OutputReader reader, OutputWriter writer, boolean last, OutputStream out)
            throws IOException {
        boolean some = false;
        for (Entry next = reader.next(PIECE_BYTES, last); next != null; next = reader.next(PIECE_BYTES, last)) {
            writer.entry(next, out);
            some = true;
        }
        return some;
    }

    // --- pages of JSON ---

    private CompletableFuture<Reply> pageOrWait(Exchange exchange, Task task, Start start, int seconds) {
        if (seconds == 0 || task.done()) {
            return CompletableFuture.completedFuture(() -> page(task, start));
        }
        Follower follower = new Follower(engine, files, waits, exchange, task, seconds);
        if (here(task, start)) {
            follower.close();
            return CompletableFuture.completedFuture(() -> page(task, start));
        }
        return follower.first().thenApply(woken -> {
            follower.close();
            return () -> page(follower.task(), start);
        });
    }

    private boolean here(Task task, Start start) {
        try {
            return start instanceof Start.Lines
                    || files.extents(task.id()).position() > (start instanceof Start.At(long place) ? place : 0);
        } catch (IOException e) {
            // The page says what is wrong.
            return true;
        }
    }

    private Answer page(Task task, Start start) throws IOException {
        try (OutputReader reader = files.both(task.id())) {
            start.seek(reader);
            byte[] body = JsonOut.bytes(out -> {
                out.writeStartObject();
                out.writeArrayFieldStart("items");
                int bytes = 0;
                Entry next = reader.next(PIECE_BYTES, task.done());
                while (next != null) {
                    OutputWriter.json(next, out);
                    bytes += next instanceof Entry.Chunk chunk ? chunk.bytes().length : 0;
                    next = bytes < PAGE_BYTES ? reader.next(PIECE_BYTES, task.done()) : null;
                }
                out.writeEndArray();
                out.writeNumberField("next_position", reader.position());
                out.writeBooleanField("more", bytes >= PAGE_BYTES && reader.position() < reader.end());
                out.writeStringField("state", task.state().name());
                out.writeBooleanField("done", task.done());
                out.writeEndObject();
            });
            return Answer.json(200, body);
        }
    }
}
