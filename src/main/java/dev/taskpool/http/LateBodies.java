package dev.taskpool.http;

import dev.taskpool.model.HeapShare;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadFactory;
import java.util.function.Supplier;

/**
 * Requests whose bodies are not here yet, or not all of them: each is handled on a virtual thread of its own, so that clients which send
 * slowly, or never go on, keep no request thread from the others. What such bodies may come to is bounded. Safe for all threads.
 */
final class LateBodies {
    /** What they may come to at once, on a heap of some size. */
    private static final long BYTES = 128L << 20;

    private static final int UNIT_BYTES = 4096;

    /** What a request takes besides its body. */
    private static final int BESIDES_UNITS = 4;

    private static final int RETRY_AFTER_SECONDS = 1;

    private final int maxBytes;
    private final Semaphore room;
    private final ThreadFactory threads =
            Thread.ofVirtual().name("http-body-", 0).factory();

    /** @param maxBytes of one body, which is what one of unknown length counts for */
    LateBodies(int maxBytes) {
        this.maxBytes = maxBytes;
        // At least a few of the largest, whatever the heap.
        this.room = new Semaphore((int) Math.max(HeapShare.of(BYTES) / UNIT_BYTES, 4L * units(maxBytes)));
    }

    private static int units(long bytes) {
        return (int) (bytes / UNIT_BYTES) + BESIDES_UNITS;
    }

    /** Returns whether reading the body would have to wait, or may have to. */
    static boolean isLate(HttpServletRequest request) {
        long announced = request.getContentLengthLong();
        if (announced < 0) {
            return request.getHeader("Transfer-Encoding") != null;
        }
        if (announced == 0) {
            return false;
        }
        if (request.getHeader("Expect") != null) {
            return true; // Looked for, it would be asked for.
        }
        try {
            return request.getInputStream().available() < announced;
        } catch (IOException e) {
            return true;
        }
    }

    /** Handles a request that no thread works on. */
    CompletableFuture<? extends Reply> handle(
            HttpServletRequest request, Supplier<CompletableFuture<? extends Reply>> handler) {
        long announced = request.getContentLengthLong();
        int units = units(announced < 0 || announced > maxBytes ? maxBytes : announced);
        if (!room.tryAcquire(units)) {
            return CompletableFuture.failedFuture(Problem.retryable(
                    ProblemCode.TOO_MANY_UPLOADS,
                    "the bodies that are being sent take all the memory that they may; nothing was changed",
                    RETRY_AFTER_SECONDS));
        }
        CompletableFuture<CompletableFuture<? extends Reply>> handled = new CompletableFuture<>();
        Runnable step = () -> {
            try {
                handled.complete(handler.get());
            } catch (RuntimeException | Error e) {
                handled.completeExceptionally(e);
            } finally {
                room.release(units);
            }
        };
        try {
            threads.newThread(step).start();
        } catch (OutOfMemoryError e) {
            room.release(units);
            throw e;
        }
        return handled.thenCompose(reply -> reply.<Reply>thenApply(ready -> ready));
    }
}
