package dev.taskpool.pool;

import dev.taskpool.model.Failure;
import dev.taskpool.model.Json;
import dev.taskpool.model.ProcessExit;
import dev.taskpool.model.Task;

/** How a run ended, as the runner saw it. What that means for the task is the engine's to say. */
public sealed interface Ending {
    /** Returns what it wrote. */
    Task.Output output();

    /** The same ending, of a process that did not end by itself but for this cause; see {@link ProcessExit}. */
    default Ending because(String cause) {
        ProcessExit exit = output().exit();
        if (exit == null) {
            return this;
        }
        return with(output().withExit(exit.because(cause)));
    }

    /** The same ending with another account of what was written. */
    default Ending with(Task.Output output) {
        return switch (this) {
            case Returned(Json result, var _) -> new Returned(result, output);
            case Failed(Failure failure, var _) -> new Failed(failure, output);
            case Snoozed(long delayMillis, var _) -> new Snoozed(delayMillis, output);
            case NotStarted(Failure failure, var _) -> new NotStarted(failure, output);
        };
    }

    /** It came back with a value. */
    record Returned(Json result, Task.Output output) implements Ending {}

    /** It came back with an error, was interrupted, or its process ended. */
    record Failed(Failure failure, Task.Output output) implements Ending {}

    /** It asked to be run again, after so many milliseconds; 0 is at once. */
    record Snoozed(long delayMillis, Task.Output output) implements Ending {}

    /** It never began: no process could be made. Not even part of it ran. */
    record NotStarted(Failure failure, Task.Output output) implements Ending {}
}
