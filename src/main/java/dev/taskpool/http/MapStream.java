package dev.taskpool.http;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.taskpool.engine.BatchPage;
import dev.taskpool.engine.Engine;
import dev.taskpool.model.Batch;
import dev.taskpool.model.Json;
import dev.taskpool.model.Task;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;

/**
 * The answer of a streamed map: first a line with the batch, then one for each result, then one with the end. What an
 * earlier request on the same batch has taken comes first. Two virtual threads, one for each direction.
 */
final class MapStream implements LiveBody {
    private static final int MOST_AT_ONCE = 256;
    private static final int PAGE = 500;
    private static final long TICK_MILLIS = 1_000;
    private static final int HEARTBEAT_TICKS = 15;

    private final Engine engine;
    private final OpenWaits waits;
    private final Exchange exchange;
    private final MapOptions options;
    private final MapWindow window;
    private final Submissions submissions;
    private final int maxLine;
    private final MapSessions sessions;
    private final Batch batch;
    private volatile @Nullable MapIntake intake;

    // Confined to the thread that writes.
    /** Lines of earlier requests that were not done when it was their turn. */
    private final Set<Long> awaited = new HashSet<>();

    private int idleTicks;

    MapStream(
            Engine engine,
            OpenWaits waits,
            Exchange exchange,
            MapOptions options,
            Submissions submissions,
            int maxLine,
            MapSessions sessions,
            Batch batch) {
        this.engine = engine;
        this.waits = waits;
        this.exchange = exchange;
        this.options = options;
        this.window = new MapWindow(options.ordered(), options.bufferSize());
        this.submissions = submissions;
        this.maxLine = maxLine;
        this.sessions = sessions;
        this.batch = batch;
    }

    /** Takes no more lines, because another request does; returns when none is on its way. */
    void giveWay() {
        window.stop("moved");
        MapIntake taking = intake;
        if (taking != null) {
            taking.finish().join();
        }
    }

    @Override
    public void write(OutputStream sink) throws IOException {
        sessions.begin(batch.id(), this);
        OpenWaits.Wait wait = waits.beginWhileReading(exchange, () -> window.stop("draining"));
        engine.batches().watch(batch.id(), window);
        try (OutputStream out = new Unclosed(sink)) {
            Batch now = now();
            window.begin(now.taken());
            InputStream in = exchange.servlet().getInputStream();
            // Whoever was promised 100 Continue gets it before the answer begins.
            int there = in.available();
            MapIntake taking = new MapIntake(
                    engine, submissions, exchange.caller(), options, window, batch.id(), now.taken(), in, maxLine);
            intake = taking;
            Thread.ofVirtual().name("map-intake-" + batch.id() + "-" + there).start(taking);
            head(out, now);
            older(out, now.taken());
            results(out);
            Throwable failure = window.failure();
            if (failure != null) {
                throw failure instanceof IOException io ? io : new IOException(failure);
            }
            end(out);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(e);
        } catch (CompletionException e) {
            throw new IOException(e);
        } finally {
            window.stop("cut");
            MapIntake taking = intake;
            if (taking != null) {
                // Whoever goes on with the batch counts what it has: nothing of this may come later.
                taking.finish().join();
            }
            engine.batches().unwatch(batch.id(), window);
            sessions.end(batch.id(), this);
            wait.end();
        }
    }

    private Batch now() {
        return engine.batches()
                .find(batch.id())
                .thenApply((Optional<Batch> found) -> found.orElse(batch))
                .join();
    }

    private static void head(OutputStream out, Batch now) throws IOException {
        line(out, JsonOut.bytes(json -> {
            json.writeStartObject();
            json.writeStringField("batch_id", now.id().toString());
            json.writeNumberField("taken", now.taken());
            json.writeEndObject();
        }));
        out.flush();
    }

    private static void line(OutputStream out, byte[] json) throws IOException {
        out.write(json);
        out.write('\n');
    }

    /** Sends what earlier requests have taken, page by page. */
    private void older(OutputStream out, long to) throws IOException, InterruptedException {
        long at = options.offset();
        while (at < to && !window.stopped()) {
            BatchPage page = engine.batches()
                    .page(now(), at, (int) Math.min(PAGE, to - at))
                    .join();
            if (page.positions().isEmpty()) {
                return;
            }
            for (BatchPage.Position position : page.positions()) {
                Task task = position.task();
                if (task != null && !task.done()) {
                    if (options.ordered()) {
                        break;
                    }
                    awaited.add(position.index());
                } else {
                    line(out, JsonOut.bytes(json -> BatchJson.position(json, position, exchange.caller())));
                }
                at++;
            }
            if (at < page.next()) {
                out.flush();
                window.awaitOlder(TICK_MILLIS);
                tick(out);
            }
        }
    }

    private void results(OutputStream out) throws IOException, InterruptedException {
        while (true) {
            List<MapWindow.Settled> some = window.next(MOST_AT_ONCE, 0);
            if (some.isEmpty()) {
                if (window.stopped() || (window.finished() && awaited.isEmpty())) {
                    return;
                }
                out.flush();
                some = window.next(MOST_AT_ONCE, TICK_MILLIS);
            }
            if (some.isEmpty()) {
                tick(out);
                continue;
            }
            idleTicks = 0;
            int sent = 0;
            for (MapWindow.Settled settled : some) {
                boolean mine = window.mine(settled.index());
                if (mine || awaited.remove(settled.index())) {
                    line(out, json(settled));
                }
                sent += mine ? 1 : 0;
            }
            window.sent(sent);
        }
    }

    private byte[] json(MapWindow.Settled settled) {
        Json line = settled.line();
        if (line != null) {
            return line.utf8();
        }
        Task kept = settled.task();
        Task task = kept != null || settled.id() == null
                ? kept
                : engine.find(settled.id()).join().orElse(null);
        return JsonOut.bytes((JsonGenerator json) -> BatchJson.result(json, settled.index(), task, false));
    }

    /** A second passed without anything to send: says now and then that it is there, and that its pools are needed. */
    private void tick(OutputStream out) throws IOException {
        MapIntake taking = intake;
        if (taking != null && !taking.pools().isEmpty()) {
            engine.renewPools(List.copyOf(taking.pools()));
        }
        if (++idleTicks % HEARTBEAT_TICKS == 0) {
            out.write('\n');
            out.flush();
        }
    }

    private void end(OutputStream out) throws IOException {
        String reason = window.reason();
        Batch last = now();
        line(out, JsonOut.bytes(json -> {
            json.writeStartObject();
            json.writeStringField("end", reason == null ? "draining" : reason);
            json.writeObjectFieldStart("batch");
            json.writeStringField("id", last.id().toString());
            BatchJson.fields(json, last);
            json.writeEndObject();
            json.writeEndObject();
        }));
        out.flush();
        if (reason == null || !(reason.equals("complete") || reason.equals("input_short"))) {
            // The client may still be sending: nothing else tells it that nobody reads on.
            throw new IOException("the map ended before its input: " + reason);
        }
    }

    /** Buffers, and leaves the answer open, which is its server's to close. */
    private static final class Unclosed extends BufferedOutputStream {
        Unclosed(OutputStream out) {
            super(out, 32 << 10);
        }

        @Override
        public void close() {
            // Not on the way of an exception: what is in the buffer is of no use then.
        }
    }
}
