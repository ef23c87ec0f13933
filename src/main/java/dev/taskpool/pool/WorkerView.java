package dev.taskpool.pool;

import dev.taskpool.model.TaskId;
import org.jspecify.annotations.Nullable;

/**
 * A worker as it is at one moment: a worker process, the subprocess of a command, or a thread that runs a task.
 *
 * @param id different for each worker of a pool, and for each start of the service
 * @param pid the process that works; null for threads, and where it has not started
 * @param task what it runs; null where it runs nothing
 * @param sinceMillis when it came into its state, in Unix milliseconds
 * @param startedAtMillis when it was started, in Unix milliseconds
 * @param tasksDone how many tasks came to an end on it; 0 for those that are there for one
 * @param memoryBytes its resident set; null where that is not known
 */
public record WorkerView(
        String id,
        @Nullable Integer pid,
        State state,
        @Nullable TaskId task,
        long sinceMillis,
        long startedAtMillis,
        long tasksDone,
        @Nullable Long memoryBytes) {

    /** What a worker does. */
    public enum State {
        /** It is on its way, and cannot run anything yet. */
        STARTING,
        /** It waits for a task. */
        IDLE,
        /** It runs a task. */
        BUSY,
        /** It has its last task, or was asked to stop it. */
        LEAVING
    }

    WorkerView withMemory(@Nullable Long bytes) {
        return new WorkerView(id, pid, state, task, sinceMillis, startedAtMillis, tasksDone, bytes);
    }
}
