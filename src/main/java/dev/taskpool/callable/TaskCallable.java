package dev.taskpool.callable;

import org.jspecify.annotations.Nullable;

/**
 * A function that can be run by name. One instance serves all tasks, from many threads at once.
 *
 * <p>Long work should look at {@link TaskContext#cancelled()} or be interruptible: a thread cannot be killed.
 */
@FunctionalInterface
public interface TaskCallable {
    /**
     * Runs once.
     *
     * @param context arguments, cancellation, output
     * @return the result: null, a {@code JsonNode}, or anything that Jackson turns into JSON (String, Number, Boolean,
     *     Map, List, array, record)
     * @throws IllegalArgumentException or anything else: the task is FAILED {@code exception}
     * @throws InterruptedException when it was asked to stop and did
     */
    @Nullable
    Object call(TaskContext context) throws Exception;
}
