package dev.taskpool.engine;

import dev.taskpool.model.Failure;
import dev.taskpool.model.FailureCode;
import dev.taskpool.model.OnLost;
import dev.taskpool.model.Outcome;
import dev.taskpool.model.Task;
import dev.taskpool.pool.Ending;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/** What the end of a run means for its task. Rules only: no state, no I/O. */
final class Verdict {
    /** A task that may run twice is given up when the service or its worker died under it so often. */
    static final int MAX_LOSSES = 5;

    /** A task that ended so many workers gets no other. */
    static final int MAX_WORKERS_ENDED = 3;

    private final long retentionMillis;
    private final RandomGenerator random;

    Verdict(long retentionMillis, RandomGenerator random) {
        this.retentionMillis = retentionMillis;
        this.random = random;
    }

    /** The run of a RUNNING task ended. */
    Task ended(Task task, Ending ending, @Nullable StopReason reason, long ranMillis, long nowMicros) {
        // A client's word stands also where it came in the same transaction as the end, or after that of a drain.
        boolean cancelled = task.cancelRequestedAt() > 0 && (reason == null || reason == StopReason.DRAIN);
        StopReason stop = cancelled ? StopReason.CANCEL : reason;
        return switch (StopReason.inRecord(ending, stop)) {
            case Ending.Returned(var result, var output) ->
                switch (stop) {
                    case TIMEOUT -> failed(task, timeout(task), output, ranMillis, nowMicros);
                    case DEADLINE -> failed(task, deadline(task), output, ranMillis, nowMicros);
                    case null, default -> done(task, new Outcome.Succeeded(result), output, ranMillis, nowMicros);
                };
            case Ending.Failed(var failure, var output) ->
                switch (stop) {
                    case null -> failed(task, failure, output, ranMillis, nowMicros);
                    case TIMEOUT -> failed(task, timeout(task), output, ranMillis, nowMicros);
                    case DEADLINE -> failed(task, deadline(task), output, ranMillis, nowMicros);
                    case CANCEL -> done(task, new Outcome.Cancelled(), output, ranMillis, nowMicros);
                    case BROKEN -> done(task, new Outcome.Failed(broken(failure)), output, ranMillis, nowMicros);
                    case DRAIN ->
                        task.spec().onLost() == OnLost.RETRY
                                ? task.takenBack(all(task, output))
                                : done(
                                        task,
                                        new Outcome.Failed(
                                                Failure.of(
                                                        FailureCode.INTERRUPTED,
                                                        "the service stopped and had to interrupt it, and it may not run twice")),
                                        output,
                                        ranMillis,
                                        nowMicros);
                };
            case Ending.Snoozed(long delayMillis, var output) ->
                switch (stop) {
                    case TIMEOUT -> failed(task, timeout(task), output, ranMillis, nowMicros);
                    case DEADLINE -> failed(task, deadline(task), output, ranMillis, nowMicros);
                    case CANCEL -> done(task, new Outcome.Cancelled(), output, ranMillis, nowMicros);
                    case BROKEN ->
                        done(task, new Outcome.Failed(broken("it was stopped")), output, ranMillis, nowMicros);
                    case DRAIN -> task.snoozed(nowMicros / 1000 + delayMillis, all(task, output));
                    case null -> task.snoozed(nowMicros / 1000 + delayMillis, all(task, output));
                };
            case Ending.NotStarted(var failure, var output) ->
                switch (stop) {
                    case null -> failed(task, failure, output, 0, nowMicros);
                    case TIMEOUT -> failed(task, timeout(task), output, 0, nowMicros);
                    case DEADLINE -> failed(task, deadline(task), output, 0, nowMicros);
                    case CANCEL -> done(task, new Outcome.Cancelled(), output, 0, nowMicros);
                    case BROKEN -> done(task, new Outcome.Failed(broken(failure)), output, 0, nowMicros);
                    case DRAIN -> task.takenBack(all(task, output));
                };
        };
    }

    /** The task runs on in spite of everything, and the process is about to end under it. */
    Task abandoned(Task task, Task.Output output, @Nullable StopReason stop, long ranMillis, long nowMicros) {
        Failure failure = Failure.of(
                FailureCode.INTERRUPTED,
                "the service stopped, it ignored the interrupt, and was abandoned with the process; it may not run twice");
        boolean drained = (stop == null || stop == StopReason.DRAIN) && task.cancelRequestedAt() == 0;
        return drained && task.spec().onLost() == OnLost.FAIL
                ? done(task, new Outcome.Failed(failure), output, ranMillis, nowMicros)
                : ended(
                        task,
                        new Ending.Failed(failure, output),
                        stop == null ? StopReason.DRAIN : stop,
                        ranMillis,
                        nowMicros);
    }

    /**
     * The service died while the task was RUNNING.
     *
     * @param left what it had written
     */
    Task lost(Task task, Task.Output left, long nowMicros) {
        if (task.cancelRequestedAt() > 0) {
            return done(task, new Outcome.Cancelled(), left, 0, nowMicros);
        }
        if (task.spec().onLost() == OnLost.RETRY && task.lost() + 1 < MAX_LOSSES) {
            return task.requeuedAfterLoss(all(task, left), nowMicros / 1000);
        }
        String message = task.spec().onLost() == OnLost.RETRY
                ? "the service died " + MAX_LOSSES + " times while it ran"
                : "the service died while attempt " + task.attempt() + " ran, and it may not run twice";
        return done(task, new Outcome.Failed(Failure.of(FailureCode.LOST, message)), left, 0, nowMicros);
    }

    /** The task did not start in time. */
    Task queueTimeout(Task task, long nowMicros) {
        return done(
                task,
                new Outcome.Failed(Failure.of(
                        FailureCode.QUEUE_TIMEOUT,
                        "it did not start within queue_timeout_ms = "
                                + task.spec().queueTimeoutMillis())),
                task.output(),
                0,
                nowMicros);
    }

    /** The task is not done in time, and does not run. */
    Task tooLate(Task task, long nowMicros) {
        return done(task, new Outcome.Failed(deadline(task)), task.output(), 0, nowMicros);
    }

    /** The task failed before it ran, for good. */
    Task rejected(Task task, Failure failure, long nowMicros) {
        return done(task, new Outcome.Failed(failure), task.output(), 0, nowMicros);
    }

    /** The task was taken back before it ran. */
    Task cancelled(Task task, long nowMicros) {
        return done(task, new Outcome.Cancelled(), task.output(), 0, nowMicros);
    }

    private Task failed(Task task, Failure failure, Task.Output output, long ranMillis, long nowMicros) {
        // Runs that the service lost are not counted against the task.
        int used = task.attempt() - task.lost();
        boolean again = used < task.spec().maxAttempts() && task.spec().retry().retries(failure);
        if (!again || task.cancelRequestedAt() > 0) {
            return done(task, new Outcome.Failed(failure), output, ranMillis, nowMicros);
        }
        long now = nowMicros / 1000;
        long workersEnded = workersEnded(task) + (failure.code().equals(FailureCode.WORKER_DIED) ? 1 : 0);
        if (workersEnded >= MAX_WORKERS_ENDED) {
            return done(task, new Outcome.Failed(quarantined(failure)), output, ranMillis, nowMicros);
        }
        long next = now + task.spec().retry().delayMillis(used, random);
        if (task.deadline() > 0 && next >= task.deadline()) {
            // Another attempt would come too late: what went wrong says more than that.
            return done(task, new Outcome.Failed(failure), output, ranMillis, nowMicros);
        }
        return task.retried(next, all(task, output), failure, now, ranMillis);
    }

    private static long workersEnded(Task task) {
        return task.history().stream()
                .filter(a -> a.failure() != null && a.failure().code().equals(FailureCode.WORKER_DIED))
                .count();
    }

    private static Failure quarantined(Failure last) {
        return new Failure(
                FailureCode.QUARANTINED,
                "it ended " + MAX_WORKERS_ENDED + " workers and gets no other; the last time " + last.message(),
                last.exceptionType(),
                last.trace(),
                last.data(),
                last.exitCode(),
                last.signal());
    }

    private Task done(Task task, Outcome outcome, Task.Output output, long ranMillis, long nowMicros) {
        Task done = task.finished(outcome, all(task, output), nowMicros, ranMillis, nowMicros / 1000 + retentionMillis);
        return done.callbacks().isEmpty()
                ? done
                : done.withCallbacks(done.callbacks().ended(done.state(), nowMicros / 1000));
    }

    /** A run that wrote nothing leaves what earlier ones wrote. */
    private static Task.Output all(Task task, Task.Output output) {
        return output.equals(Task.Output.NONE) ? task.output() : output;
    }

    /** The failure of a run that ended because its pool broke: by that, or by what broke it. */
    private static Failure broken(Failure failure) {
        return failure.code().equals(FailureCode.INITIALIZER_FAILED) ? failure : broken(failure.message());
    }

    /** The failure of a task whose pool broke. */
    static Failure broken(String cause) {
        return Failure.of(FailureCode.POOL_BROKEN, "its pool broke: " + cause);
    }

    private static Failure deadline(Task task) {
        return Failure.of(
                FailureCode.DEADLINE,
                "it was not done within deadline_ms = " + task.spec().deadlineMillis());
    }

    private static Failure timeout(Task task) {
        return Failure.of(
                FailureCode.TIMEOUT,
                "it ran longer than timeout_ms = " + task.spec().timeoutMillis());
    }
}
