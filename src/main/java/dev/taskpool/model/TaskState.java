package dev.taskpool.model;

/**
 * Where a task stands. This set does not grow within v1; finer reasons are in {@link Failure#code()}.
 *
 * <pre>
 *   PENDING ──> RUNNING ──> SUCCEEDED | FAILED | CANCELLED
 *      │           └─────> PENDING   (retry, requeue after a drain or a loss)
 *      └──────────────────> FAILED | CANCELLED   (never started)
 * </pre>
 */
public enum TaskState {
    PENDING,
    RUNNING,
    SUCCEEDED,
    FAILED,
    CANCELLED;

    /** Returns whether this state is final. As {@code Future.done()} of concurrent.futures. */
    public boolean done() {
        return switch (this) {
            case PENDING, RUNNING -> false;
            case SUCCEEDED, FAILED, CANCELLED -> true;
        };
    }

    /** Returns whether a task in this state may change to {@code next}. The one table of transitions. */
    public boolean mayBecome(TaskState next) {
        return switch (this) {
            case PENDING -> next == RUNNING || next == FAILED || next == CANCELLED;
            case RUNNING -> true;
            case SUCCEEDED, FAILED, CANCELLED -> false;
        };
    }
}
