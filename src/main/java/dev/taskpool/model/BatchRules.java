package dev.taskpool.model;

/**
 * When a batch has succeeded, and when what is left of it is cancelled: all of {@code invokeAll}, any of {@code invokeAny},
 * n of m.
 *
 * @param successCount tasks that have to succeed; 0 is all of them, or one where the first success ends it
 * @param cancelRestOn what makes the rest unwanted
 * @param interrupt whether that stops running tasks as well, and not only those that have not started
 */
public record BatchRules(long successCount, CancelRestOn cancelRestOn, boolean interrupt) {
    /** All have to succeed, and all run. */
    public static final BatchRules NONE = new BatchRules(0, CancelRestOn.NEVER, false);

    /** What makes the rest of a batch unwanted. The store keeps their names. */
    public enum CancelRestOn {
        /** Nothing does. */
        NEVER,
        /** A task FAILED. A cancelled one is no failure. */
        FIRST_FAILURE,
        /** A task SUCCEEDED. */
        FIRST_SUCCESS,
        /** Enough have SUCCEEDED, or cannot any more. */
        DECIDED
    }

    /** Returns how many of so many tasks have to succeed. */
    public long needed(long size) {
        if (successCount > 0) {
            return successCount;
        }
        return cancelRestOn == CancelRestOn.FIRST_SUCCESS ? 1 : size;
    }
}
