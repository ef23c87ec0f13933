package dev.taskpool.pool;

/**
 * How a runner fares.
 *
 * @param degraded whether its workers die or fail to start again and again, so that it takes its time to start others
 * @param workerLosses workers that ended unasked since it was made
 */
public record RunnerStatus(boolean degraded, long workerLosses) {
    /** Of one that has no workers to lose. */
    static final RunnerStatus FINE = new RunnerStatus(false, 0);
}
