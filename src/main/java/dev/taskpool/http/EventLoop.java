package dev.taskpool.http;

import dev.taskpool.engine.Engine;
import dev.taskpool.engine.Events;
import dev.taskpool.engine.Subscription;
import dev.taskpool.pool.Run;
import java.io.IOException;
import java.io.OutputStream;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One answer of events from its first to its last: follows the log, writes what a {@link Source} makes of it, and ends when
 * that says so, the client is gone, or the service stops. A client that reads slowly is waited for: what it has not read
 * stays in the log.
 */
final class EventLoop {
    /** What comes within so long after a piece was sent goes out together. */
    private static final long GATHER_MILLIS = 20;

    /** What a task says of its progress more often than this is told as its latest. */
    private static final long PROGRESS_MILLIS = 100;

    private final Engine engine;
    private final OpenWaits waits;
    private final Exchange exchange;
    private final EventWriter writer;

    EventLoop(Engine engine, OpenWaits waits, Exchange exchange, EventWriter writer) {
        this.engine = engine;
        this.waits = waits;
        this.exchange = exchange;
        this.writer = writer;
    }

    /** What a stream tells. For one thread. */
    interface Source {
        /** Returns what it follows. */
        Events.Scope scope();

        /** Goes to where it begins, and tells what was before that, if it does. */
        void begin(Subscription log, OutputStream out) throws IOException;

        /** Tells what comes next; returns whether it wrote something. */
        boolean more(Subscription log, OutputStream out) throws IOException;

        /** Tells how far a run is. */
        void progress(Run run, OutputStream out) throws IOException;

        /** Returns why it is over, having told everything; null where it is not. */
        @Nullable
        String over();

        /** Returns an id for the place where it is, to be sent with nothing else; null where that is not needed. */
        @Nullable
        String here(Subscription log);

        /** Returns what the last event says. */
        byte[] end(String reason);
    }

    /** The log does not keep what comes next: the client was slower than minutes. */
    static final class GoneException extends IOException {
        private static final long serialVersionUID = 1;

        GoneException() {
            super("the log does not keep what comes next");
        }
    }

    void write(Source source, OutputStream out) throws IOException {
        CountDownLatch stopped = new CountDownLatch(1);
        try (Subscription log = engine.events().subscribe(source.scope())) {
            OpenWaits.Wait wait = waits.beginEndless(exchange, () -> {
                stopped.countDown();
                log.wake();
            });
            try {
                // The head goes out at once: the client knows that it follows, and from where on.
                writer.begin(out);
                out.flush();
                end(source, follow(source, log, stopped, out), out);
            } catch (GoneException e) {
                end(source, "gap", out);
            } finally {
                wait.end();
            }
        }
    }

    private void end(Source source, String reason, OutputStream out) throws IOException {
        writer.event(null, "end", source.end(reason), out);
        out.flush();
    }

    /** Returns why it is over. */
    private String follow(Source source, Subscription log, CountDownLatch stopped, OutputStream out)
            throws IOException {
        source.begin(log, out);
        out.flush();
        long wrote = System.nanoTime();
        long toldProgress = wrote - TimeUnit.MILLISECONDS.toNanos(PROGRESS_MILLIS);
        while (true) {
            boolean last = stopped.getCount() == 0;
            boolean some = source.more(log, out);
            long now = System.nanoTime();
            if (log.hasProgress() && millis(now - toldProgress) >= PROGRESS_MILLIS) {
                for (Run run : log.takeProgress()) {
                    source.progress(run, out);
                }
                toldProgress = now;
                some = true;
            }
            String over = source.over();
            if (over != null) {
                return over;
            }
            if (last) {
                return waits.released() ? "draining" : "too_many_waits";
            }
            if (some) {
                out.flush();
                wrote = now;
            } else if (millis(now - wrote) >= EventWriter.HEARTBEAT_MILLIS) {
                writer.heartbeat(source.here(log), out);
                out.flush();
                wrote = now;
            }
            pause(log, stopped, wrote, toldProgress);
        }
    }

    /** Lets more come together, and waits until there is something to do. */
    private static void pause(Subscription log, CountDownLatch stopped, long wrote, long toldProgress) {
        try {
            if (stopped.await(GATHER_MILLIS, TimeUnit.MILLISECONDS)) {
                return;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            stopped.countDown();
            return;
        }
        long now = System.nanoTime();
        long most = EventWriter.HEARTBEAT_MILLIS - millis(now - wrote);
        if (log.hasProgress()) {
            most = Math.min(most, PROGRESS_MILLIS - millis(now - toldProgress));
        }
        log.await(Math.max(0, most));
    }

    private static long millis(long nanos) {
        return TimeUnit.NANOSECONDS.toMillis(nanos);
    }
}
