package dev.taskpool.engine;

import dev.taskpool.model.Failure;
import dev.taskpool.model.FailureCode;
import dev.taskpool.model.OnLost;
import dev.taskpool.model.Outcome;
import dev.taskpool.model.Task;
import dev.taskpool.pool.Ending;
import java.util.Set;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/** What the end of a run means for its task. Rules only: no state, no I/O. */
final class Verdict {
    /** Failures that another attempt may not have. Others are the same every time. */
    private static final Set<String> RETRYABLE = Set.of(
            FailureCode.EXCEPTION,
            FailureCode.TIMEOUT,
            FailureCode.PROCESS_EXIT,
            FailureCode.PROCESS_SIGNAL,
            FailureCode.WORKER_DIED,
            FailureCode.START_FAILED);

    /** A task that may run twice is given up when the service or its worker died under it so often. */
    static final int MAX_LOSSES = 5;

    private static final long FIRST_BACKOFF_MILLIS = 500;
    private static final long MAX_BACKOFF_MILLIS = 60_000;

    private final long retentionMillis;
    private final RandomGenerator random;

    Verdict(long retentionMillis, RandomGenerator random) {
        this.retentionMillis = retentionMillis;
        this.random = random;
    }

    /** The run of a RUNNING task ended. */
    Task ended(Task task, Ending ending, @Nullable StopReason stop, long ranMillis, long nowMicros) {
        return switch (ending) {
            case Ending.Returned(var result, var output) ->
                stop == StopReason.TIMEOUT
                        ? failed(task, timeout(task), output, ranMillis, nowMicros)
                        : done(task, new Outcome.Succeeded(result), output, ranMillis, nowMicros);
            case Ending.Failed(var failure, var output) ->
                switch (stop) {
                    case null -> failed(task, failure, output, ranMillis, nowMicros);
                    case TIMEOUT -> failed(task, timeout(task), output, ranMillis, nowMicros);
                    case CANCEL -> done(task, new Outcome.Cancelled(), output, ranMillis, nowMicros);
                    case BROKEN ->
                        done(task, new Outcome.Failed(broken(failure.message())), output, ranMillis, nowMicros);
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
            case Ending.NotStarted(var failure, var output) ->
                switch (stop) {
                    case null -> failed(task, failure, output, 0, nowMicros);
                    case TIMEOUT -> failed(task, timeout(task), output, 0, nowMicros);
                    case CANCEL -> done(task, new Outcome.Cancelled(), output, 0, nowMicros);
                    case BROKEN -> done(task, new Outcome.Failed(broken(failure.message())), output, 0, nowMicros);
                    case DRAIN -> task.takenBack(all(task, output));
                };
        };
    }

    /**
     * The service died while the task was RUNNING.
     *
     * @param left what it had written
     */
    Task lost(Task task, Task.Output left, long nowMicros) {
        if (task.spec().onLost() == OnLost.RETRY && task.lost() + 1 < MAX_LOSSES) {
            return task.requeuedAfterLoss(all(task, left));
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
        if (RETRYABLE.contains(failure.code()) && used < task.spec().maxAttempts()) {
            return task.retried(nowMicros / 1000 + backoff(used), all(task, output));
        }
        return done(task, new Outcome.Failed(failure), output, ranMillis, nowMicros);
    }

    /** Exponential with jitter: between half and all of 0.5 s, 1 s, 2 s, … up to a minute. */
    private long backoff(int failures) {
        long full = Math.min(MAX_BACKOFF_MILLIS, FIRST_BACKOFF_MILLIS << Math.min(20, failures - 1));
        return full / 2 + random.nextLong(full / 2 + 1);
    }

    private Task done(Task task, Outcome outcome, Task.Output output, long ranMillis, long nowMicros) {
        Task done = task.finished(outcome, all(task, output), nowMicros, ranMillis, nowMicros / 1000 + retentionMillis);
        Task.Callback callback = done.callback();
        return callback == null
                ? done
                : done.withCallback(new Task.Callback(false, 0, 0, Math.max(1, nowMicros / 1000)));
    }

    /** A run that wrote nothing leaves what earlier ones wrote. */
    private static Task.Output all(Task task, Task.Output output) {
        return output.equals(Task.Output.NONE) ? task.output() : output;
    }

    /** The failure of a task whose pool broke. */
    static Failure broken(String cause) {
        return Failure.of(FailureCode.POOL_BROKEN, "its pool broke: " + cause);
    }

    private static Failure timeout(Task task) {
        return Failure.of(
                FailureCode.TIMEOUT,
                "it ran longer than timeout_ms = " + task.spec().timeoutMillis());
    }
}
