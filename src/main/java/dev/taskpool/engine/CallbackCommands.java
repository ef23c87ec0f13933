package dev.taskpool.engine;

import dev.taskpool.model.Batch;
import dev.taskpool.model.Callback;
import dev.taskpool.model.Callbacks;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskState;
import dev.taskpool.model.Ticker;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;

/** What is decided on callbacks. Each is a step from what they were to what they are, so none overwrites another. */
final class CallbackCommands {
    private CallbackCommands() {}

    /**
     * Callbacks as a step finds them.
     *
     * @param name of what they are of
     * @param state of it
     * @param end how it ended; null where it has not
     * @param notDone what to say where it should have
     * @param problem one that is about it
     */
    record Before(
            Callbacks callbacks,
            String name,
            String state,
            @Nullable TaskState end,
            ProblemCode notDone,
            BiFunction<ProblemCode, String, Problem> problem) {}

    /** A step on callbacks. */
    @FunctionalInterface
    interface Step {
        /** @throws Problem where it cannot be done */
        After next(Before before);
    }

    /**
     * Callbacks as a step leaves them.
     *
     * @param number of the one that it was about
     * @param changed false where all are as they were
     */
    record After(Callbacks callbacks, int number, boolean changed) {
        After(Callbacks callbacks, int number) {
            this(callbacks, number, true);
        }
    }

    /** What a step leads to, and what it left. */
    record Stepped<T>(T subject, After after) {
        Noted<T> noted(T now) {
            return new Noted<>(now, after.callbacks.numbered(after.number), !after.changed);
        }
    }

    static Stepped<Task> on(Task task, Step step) {
        After after = step.next(new Before(
                task.callbacks(),
                "task " + task.id(),
                task.state().name(),
                task.done() ? task.state() : null,
                ProblemCode.TASK_NOT_DONE,
                (code, detail) -> Problem.ofTask(code, detail, task)));
        return new Stepped<>(after.changed ? task.withCallbacks(after.callbacks) : task, after);
    }

    static Stepped<Batch> on(Batch batch, Step step) {
        After after = step.next(new Before(
                batch.callbacks(),
                "batch " + batch.id(),
                batch.state().name(),
                batch.end(),
                ProblemCode.BATCH_NOT_DONE,
                Problem::of));
        return new Stepped<>(after.changed ? batch.with(after.callbacks) : batch, after);
    }

    /** One more is to be told, at once where the end has come; the same where it was asked for with the same key. */
    static Step add(Callback.Wish wish, Ticker ticker) {
        return before -> {
            Callbacks all = before.callbacks;
            Callback first = wish.key() == null ? null : all.keyed(wish.key()).orElse(null);
            if (first != null) {
                if (!first.wish().equals(wish)) {
                    throw before.problem.apply(
                            ProblemCode.IDEMPOTENCY_KEY_REUSED,
                            "the key stands for callback " + first.number() + " of " + before.name
                                    + ", which has another url or on");
                }
                return new After(all, first.number(), false);
            }
            if (all.all().size() >= Callbacks.MAX) {
                throw before.problem.apply(
                        ProblemCode.TOO_MANY_CALLBACKS,
                        before.name + " has " + Callbacks.MAX + " callbacks, and may have no more");
            }
            long now = ticker.millis();
            return new After(
                    before.end == null ? all.plus(wish, now) : all.plus(wish, before.end, now),
                    all.all().size() + 1);
        };
    }

    /** It is to be delivered again, or now instead of later. */
    static Step again(int number, Ticker ticker) {
        return before -> {
            Callback callback = before.callbacks.numbered(number);
            if (before.end == null) {
                throw before.problem.apply(
                        before.notDone, before.name + " is " + before.state + ": there is nothing to tell yet");
            }
            if (callback.state() == Callback.State.SKIPPED) {
                throw before.problem.apply(
                        ProblemCode.CALLBACK_SKIPPED,
                        "callback " + number + " is for " + callback.wish().on() + ", and " + before.name + " is "
                                + before.state);
            }
            return new After(before.callbacks.with(callback.again(ticker.millis())), number);
        };
    }

    /** A try is over. */
    static Step tried(int number, Callback.Verdict verdict) {
        return before -> new After(
                before.callbacks.with(before.callbacks.numbered(number).tried(verdict)), number);
    }
}
