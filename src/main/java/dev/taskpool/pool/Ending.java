package dev.taskpool.pool;

import dev.taskpool.model.Failure;
import dev.taskpool.model.Json;
import dev.taskpool.model.Task;

/** How a run ended, as the runner saw it. What that means for the task is the engine's to say. */
public sealed interface Ending {
    /** Returns what it wrote. */
    Task.Output output();

    /** It came back with a value. */
    record Returned(Json result, Task.Output output) implements Ending {}

    /** It came back with an error, was interrupted, or its process ended. */
    record Failed(Failure failure, Task.Output output) implements Ending {}

    /** It asked to be run again, after so many milliseconds; 0 is at once. */
    record Snoozed(long delayMillis, Task.Output output) implements Ending {}

    /** It never began: no process could be made. Not even part of it ran. */
    record NotStarted(Failure failure, Task.Output output) implements Ending {}
}
