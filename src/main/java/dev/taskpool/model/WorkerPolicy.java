package dev.taskpool.model;

import org.jspecify.annotations.Nullable;

/**
 * How the workers of a pool begin and when they are replaced. The first three are for PROCESS pools, the last for THREAD pools.
 *
 * @param initializer runs in each new worker before its first task; null is nothing
 * @param maxMemoryBytes a worker whose resident set is larger after a task is replaced; null is never
 * @param maxAgeMillis a worker that is older is replaced when it has no task; null is never
 * @param maxStuck 0 to 1024: threads that ignore their interrupt and are replaced; null is as many as there are workers
 */
public record WorkerPolicy(
        @Nullable Initializer initializer,
        @Nullable Long maxMemoryBytes,
        @Nullable Long maxAgeMillis,
        @Nullable Integer maxStuck) {

    /** Nothing of all this. */
    public static final WorkerPolicy NONE = new WorkerPolicy(null, null, null, null);

    /** A call, as a task makes it. */
    public record Initializer(
            String callable, @Nullable Json args, @Nullable Json kwargs) {}
}
