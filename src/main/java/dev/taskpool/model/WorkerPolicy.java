package dev.taskpool.model;

import org.jspecify.annotations.Nullable;

/**
 * How the workers of a PROCESS pool begin and when they are replaced.
 *
 * @param initializer runs in each new worker before its first task; null is nothing
 * @param maxMemoryBytes a worker whose resident set is larger after a task is replaced; null is never
 * @param maxAgeMillis a worker that is older is replaced when it has no task; null is never
 */
public record WorkerPolicy(
        @Nullable Initializer initializer,
        @Nullable Long maxMemoryBytes,
        @Nullable Long maxAgeMillis) {

    /** Nothing of all this. */
    public static final WorkerPolicy NONE = new WorkerPolicy(null, null, null);

    /** A call, as a task makes it. */
    public record Initializer(
            String callable, @Nullable Json args, @Nullable Json kwargs) {}
}
