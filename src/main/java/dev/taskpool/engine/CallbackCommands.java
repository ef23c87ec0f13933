package dev.taskpool.engine;

import dev.taskpool.model.Callback;
import dev.taskpool.model.Callbacks;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.Task;
import dev.taskpool.model.Ticker;

/** What is decided on the callbacks of a task. Each is a step from one revision to the next, so none overwrites another. */
final class CallbackCommands {
    private CallbackCommands() {}

    /** A step from a task to its next revision. */
    @FunctionalInterface
    interface Step {
        /** @throws Problem where it cannot be done */
        Task next(Task task);
    }

    /** One more is to be told, at once where the task is done. */
    static Step add(Callback.Wish wish, Ticker ticker) {
        return task -> {
            Callbacks before = task.callbacks();
            if (before.all().size() >= Callbacks.MAX) {
                throw Problem.ofTask(
                        ProblemCode.TOO_MANY_CALLBACKS,
                        "task " + task.id() + " has " + Callbacks.MAX + " callbacks, and may have no more",
                        task);
            }
            return task.withCallbacks(
                    task.done()
                            ? before.plus(wish, task.state(), ticker.millis())
                            : before.plus(wish, ticker.millis()));
        };
    }

    /** It is to be delivered again, or now instead of later. */
    static Step again(int number, Ticker ticker) {
        return task -> {
            Callback callback = task.callbacks().numbered(number);
            if (!task.done()) {
                throw Problem.ofTask(
                        ProblemCode.TASK_NOT_DONE,
                        "task " + task.id() + " is " + task.state() + ": there is nothing to tell yet",
                        task);
            }
            if (callback.state() == Callback.State.SKIPPED) {
                throw Problem.ofTask(
                        ProblemCode.CALLBACK_SKIPPED,
                        "callback " + number + " is for " + callback.wish().on() + ", and the task is " + task.state(),
                        task);
            }
            return task.withCallbacks(task.callbacks().with(callback.again(ticker.millis())));
        };
    }

    /** A try is over. */
    static Step tried(int number, Callback.Verdict verdict) {
        return task -> task.withCallbacks(
                task.callbacks().with(task.callbacks().numbered(number).tried(verdict)));
    }
}
