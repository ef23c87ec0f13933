package dev.taskpool.http;

import io.javalin.http.Context;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Answers that are being written over time: a virtual thread each, so that a slow reader costs no other. */
final class LiveAnswers {
    private static final Logger LOG = LoggerFactory.getLogger(LiveAnswers.class);
    /** Has Jetty cut the connection, so that what came is not taken for all. */
    private static final int CUT = -1;

    private final ThreadFactory threads =
            Thread.ofVirtual().name("live-answer-", 0).factory();
    /** By number. */
    private final Map<Long, CompletableFuture<Void>> open = new ConcurrentHashMap<>();

    private final AtomicLong numbers = new AtomicLong();

    /**
     * Begins to write; the future is done when all is written, and never where it cannot be.
     *
     * @param after runs before that
     */
    CompletableFuture<Void> begin(Context context, String requestId, LiveBody body, Runnable after) {
        CompletableFuture<Void> written = new CompletableFuture<>();
        CompletableFuture<Void> over = new CompletableFuture<>();
        long number = numbers.incrementAndGet();
        open.put(number, over);
        threads.newThread(() -> {
                    try {
                        boolean whole = write(requestId, body, context);
                        after.run();
                        if (whole || !cut(context)) {
                            // Whoever heeds this completes the answer, in this thread.
                            written.complete(null);
                        }
                    } finally {
                        open.remove(number);
                        over.complete(null);
                    }
                })
                .start();
        return written;
    }

    private static boolean write(String requestId, LiveBody body, Context context) {
        try {
            body.write(context.res().getOutputStream());
            return true;
        } catch (IOException e) {
            LOG.debug("answer {} was not written to its end: {}", requestId, e.toString());
        } catch (RuntimeException e) {
            LOG.error("answer {} found a fault in the service", requestId, e);
        }
        return false;
    }

    /** Ends request and connection. Jetty has no more of the request then, so nobody may touch it. */
    private static boolean cut(Context context) {
        try {
            context.res().sendError(CUT);
            return true;
        } catch (IOException | RuntimeException e) {
            LOG.debug("the answer is over already: {}", e.toString());
            return false;
        }
    }

    /** Waits until all that are open now are over. */
    void awaitEnd(Duration most) {
        try {
            CompletableFuture.allOf(open.values().toArray(CompletableFuture[]::new))
                    .get(most.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException | ExecutionException e) {
            LOG.debug("{} answers are cut off", open.size());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
