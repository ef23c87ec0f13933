package dev.taskpool.model;

import org.jspecify.annotations.Nullable;

/**
 * What a pool lets its tasks use. A task gets what its submission asks for, else what its callable says, else the pool's default, and of
 * each at most the pool's maximum.
 *
 * @param defaults of tasks that say nothing; in PROCESS pools, of each worker
 * @param maximum clamps what submissions and callables ask for, and limits those that ask for nothing
 * @param maxTimeoutMillis the same for the run time; null is none
 * @param queueTimeoutMillis time in the queue of tasks that say nothing; null is none
 * @param maxQueueTimeoutMillis clamps it; null is none
 */
public record PoolLimits(
        Limits defaults,
        Limits maximum,
        @Nullable Long maxTimeoutMillis,
        @Nullable Long queueTimeoutMillis,
        @Nullable Long maxQueueTimeoutMillis) {

    /** Nothing is limited. */
    public static final PoolLimits NONE = new PoolLimits(Limits.NONE, Limits.NONE, null, null, null);

    /** Returns what a task may use. */
    public Limits of(Limits submission, Limits callable) {
        return submission.or(callable).or(defaults).atMost(maximum);
    }

    /** Returns what each worker of a PROCESS pool may use. */
    public Limits ofWorker() {
        return defaults.atMost(maximum);
    }

    /** Returns the run time of a task that asks for one, or has none. */
    public @Nullable Long timeout(@Nullable Long asked) {
        return Limits.lower(asked, maxTimeoutMillis);
    }

    /** Returns the time in the queue of a task that asks for one, or does not. */
    public @Nullable Long queueTimeout(@Nullable Long asked) {
        return Limits.lower(asked == null ? queueTimeoutMillis : asked, maxQueueTimeoutMillis);
    }
}
