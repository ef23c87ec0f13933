package dev.taskpool.model;

import org.jspecify.annotations.Nullable;

/**
 * A run of a task that did not settle it: what came before the run that did. Instants are Unix milliseconds.
 *
 * @param number from 1
 * @param startedAt when it began
 * @param endedAt when its end was known
 * @param runMillis its time by a monotonic clock; 0 where the service died under it
 * @param how how it ended
 * @param failure what was wrong, shortened; null where nothing was
 */
public record Attempt(
        int number,
        long startedAt,
        long endedAt,
        long runMillis,
        Ended how,
        @Nullable Failure failure) {

    /** Attempts that a task remembers: the first, and the last ones. */
    public static final int MAX_KEPT = 20;

    private static final int MAX_MESSAGE = 500;

    /** How a run ended that did not settle its task. The store keeps their order. */
    public enum Ended {
        /** It failed, and another was to follow. */
        FAILED,
        /** The service died under it. */
        LOST
    }

    public Attempt {
        if (failure != null) {
            String message = failure.message();
            failure = new Failure(
                    failure.code(),
                    message.length() <= MAX_MESSAGE ? message : message.substring(0, MAX_MESSAGE) + "…",
                    failure.exceptionType(),
                    null,
                    null,
                    failure.exitCode(),
                    failure.signal());
        }
    }
}
