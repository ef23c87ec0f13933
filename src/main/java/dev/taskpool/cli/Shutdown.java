package dev.taskpool.cli;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import sun.misc.Signal;

/**
 * The wish to stop: the first signal asks, the second hurries, the third does not wait any more. {@link Signal} and not a
 * shutdown hook, because a hook learns of no second signal and cannot make the exit code 0.
 */
public final class Shutdown {
    private static final Logger LOG = LoggerFactory.getLogger(Shutdown.class);

    private final AtomicInteger signals = new AtomicInteger();
    private final CompletableFuture<Void> asked = new CompletableFuture<>();
    private final CompletableFuture<Void> hurried = new CompletableFuture<>();

    /** Listens to SIGTERM, SIGINT, and SIGHUP, which a terminal sends that is closed; not where it is ignored, as nohup has it. */
    void onSignals() {
        for (String name : new String[] {"TERM", "INT", "HUP"}) {
            Signal.handle(new Signal(name), signal -> {
                switch (signals.incrementAndGet()) {
                    case 1 -> asked.complete(null);
                    case 2 -> {
                        LOG.info("hurrying: what still runs is stopped now");
                        hurried.complete(null);
                    }
                    default -> Runtime.getRuntime().halt(128 + signal.getNumber());
                }
            });
        }
    }

    /** Asks, without a signal. */
    public void ask() {
        asked.complete(null);
    }

    /** Waits until somebody asks. */
    void await() {
        asked.join();
    }

    /** Returns whether nothing should be waited for. */
    boolean hurry() {
        return hurried.isDone();
    }

    /** Waits for something, but no longer than a time, and not once it is hurried. Returns whether it came. */
    boolean awaitUnlessHurried(CompletableFuture<?> something, Duration most) {
        try {
            CompletableFuture.anyOf(something.handle((value, error) -> true), hurried)
                    .get(Math.max(0, most.toMillis()), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            return false;
        } catch (ExecutionException e) {
            throw new IllegalStateException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return something.isDone();
    }
}
