package dev.taskpool.model;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A task at one revision: a future, from submission to outcome. Instants are Unix milliseconds, 0 where there is none.
 *
 * @param id its id
 * @param spec what was submitted
 * @param state where it stands
 * @param revision grows by one with every change, from 1
 * @param attempt runs begun so far
 * @param lost runs that ended because the service or its worker died
 * @param createdAt when it was accepted
 * @param notBefore it does not start before this (delay or retry)
 * @param front whether it goes before all others of its queue (it had been taken from there already)
 * @param startedAt when the last run began
 * @param finishedMicros when it became done, in Unix microseconds; no two tasks of a store have the same, so it gives the order
 * @param cancelRequestedAt when its running was asked to stop
 * @param expiresAt when the done task is forgotten
 * @param runMillis time of the last run, by a monotonic clock
 * @param outcome what became of it; null until done
 * @param output what it wrote and how its process ended
 * @param callbacks who is to be told of its end, and how far that is
 * @param history earlier runs that did not settle it, in order; at most {@link Attempt#MAX_KEPT}
 * @param snoozes how often the callable asked to be run later
 */
public record Task(
        TaskId id,
        TaskSpec spec,
        TaskState state,
        long revision,
        int attempt,
        int lost,
        long createdAt,
        long notBefore,
        boolean front,
        long startedAt,
        long finishedMicros,
        long cancelRequestedAt,
        long expiresAt,
        long runMillis,
        @Nullable Outcome outcome,
        Output output,
        Callbacks callbacks,
        List<Attempt> history,
        int snoozes) {

    /**
     * What a run wrote, and how its process ended.
     *
     * @param stdoutBytes kept of standard output
     * @param stderrBytes kept of standard error
     * @param stdoutDropped bytes of standard output that are not kept
     * @param stderrDropped bytes of standard error that are not kept
     * @param truncated whether it wrote more than is kept
     * @param exitCode of its process, where it had one that exited
     * @param exit of its process, where it had one and its end is known
     * @param artifacts files of the run that are kept; of the run that settled the task, and no other
     */
    public record Output(
            long stdoutBytes,
            long stderrBytes,
            long stdoutDropped,
            long stderrDropped,
            boolean truncated,
            @Nullable Integer exitCode,
            @Nullable ProcessExit exit,
            Artifacts artifacts) {
        /** Nothing written, no process. */
        public static final Output NONE = new Output(0, 0, 0, 0, false, null);

        /** What was written, before anything is known of a process. */
        public Output(
                long stdoutBytes,
                long stderrBytes,
                long stdoutDropped,
                long stderrDropped,
                boolean truncated,
                @Nullable Integer exitCode) {
            this(stdoutBytes, stderrBytes, stdoutDropped, stderrDropped, truncated, exitCode, null, Artifacts.NONE);
        }

        /** The same with the end of its process. */
        public Output withExit(ProcessExit ended) {
            return new Output(
                    stdoutBytes, stderrBytes, stdoutDropped, stderrDropped, truncated, ended.code(), ended, artifacts);
        }

        /** The same with other files that are kept. */
        public Output with(Artifacts files) {
            return new Output(stdoutBytes, stderrBytes, stdoutDropped, stderrDropped, truncated, exitCode, exit, files);
        }

        /** The same without files: of a run that did not settle its task, and of a task as lists have it. */
        public Output withoutArtifacts() {
            return artifacts.equals(Artifacts.NONE) ? this : with(Artifacts.NONE);
        }
    }

    /** Accepts a submission: PENDING at revision 1. */
    public static Task accepted(TaskId id, TaskSpec spec, long now, long notBefore) {
        return accepted(id, spec, Callbacks.NONE, now, notBefore);
    }

    /** Accepts a submission with callbacks: PENDING at revision 1. */
    public static Task accepted(TaskId id, TaskSpec spec, Callbacks callbacks, long now, long notBefore) {
        return new Task(
                id,
                spec,
                TaskState.PENDING,
                1,
                0,
                0,
                now,
                notBefore,
                false,
                0,
                0,
                0,
                0,
                0,
                null,
                Output.NONE,
                callbacks,
                List.of(),
                0);
    }

    /** Returns when it became done, in Unix milliseconds, or 0. */
    public long finishedAt() {
        return finishedMicros / 1000;
    }

    /** Returns about how many bytes it takes in memory. */
    public int weight() {
        int result = outcome instanceof Outcome.Succeeded succeeded
                ? succeeded.result().size()
                : 0;
        return 600 + spec.weight() + result + output.artifacts().weight() + callbacks.weight();
    }

    /** Returns whether the state is final. */
    public boolean done() {
        return state.done();
    }

    /**
     * Its place in the queue: smaller starts first, and among equals the one accepted first. Priority counts as if the
     * task had waited {@code ageingMillis} longer for each point, so that every task's turn comes however high the
     * priority of those behind it, and the order of two tasks never changes: it can stand in an index.
     */
    public long rank(long ageingMillis) {
        return front ? Long.MIN_VALUE : createdAt + spec.delayMillis() - spec.priority() * ageingMillis;
    }

    /**
     * Returns when it fails for not having started, or 0 for never. The time counts from when it could first start; a task
     * that was taken back had started.
     */
    public long queueDeadline() {
        Long limit = spec.queueTimeoutMillis();
        return limit == null || attempt > 0 || front ? 0 : createdAt + spec.delayMillis() + limit;
    }

    /** Returns when it has to be done, or 0 for never. */
    public long deadline() {
        Long limit = spec.deadlineMillis();
        return limit == null ? 0 : createdAt + limit;
    }

    /** Returns when something is to happen to it while it is PENDING, whatever that is; 0 for never. */
    public long lookAt() {
        return earlier(notBefore, earlier(queueDeadline(), deadline()));
    }

    private static long earlier(long one, long other) {
        return one == 0 || other == 0 ? Math.max(one, other) : Math.min(one, other);
    }

    /** PENDING, and its delay is over. */
    public Task ready() {
        return new Task(
                id,
                spec,
                state,
                revision + 1,
                attempt,
                lost,
                createdAt,
                0,
                front,
                startedAt,
                finishedMicros,
                cancelRequestedAt,
                expiresAt,
                runMillis,
                outcome,
                output,
                callbacks,
                history,
                snoozes);
    }

    /** PENDING → RUNNING: one more attempt. */
    public Task started(long now) {
        return next(TaskState.RUNNING, attempt + 1, lost, 0, false, now, 0, 0, 0, 0, null, output);
    }

    /** RUNNING, and asked to stop. */
    public Task cancelRequested(long now) {
        return next(
                state,
                attempt,
                lost,
                notBefore,
                front,
                startedAt,
                finishedMicros,
                now,
                expiresAt,
                runMillis,
                outcome,
                output);
    }

    /** → done. */
    public Task finished(Outcome what, Output wrote, long nowMicros, long ran, long expires) {
        return next(
                what.state(),
                attempt,
                lost,
                0,
                false,
                startedAt,
                nowMicros,
                cancelRequestedAt,
                expires,
                ran,
                what,
                wrote);
    }

    /** RUNNING → PENDING for another attempt, not before an instant. */
    public Task retried(long startNotBefore, Output wrote, Failure why, long now, long ran) {
        Attempt failed = new Attempt(attempt, startedAt, now, ran, Attempt.Ended.FAILED, why);
        return next(
                        TaskState.PENDING,
                        attempt,
                        lost,
                        startNotBefore,
                        false,
                        0,
                        0,
                        0,
                        0,
                        0,
                        null,
                        wrote.withoutArtifacts())
                .with(and(failed), snoozes);
    }

    /** RUNNING → PENDING because the callable asked for it, not before an instant. The attempt is not used. */
    public Task snoozed(long startNotBefore, Output wrote) {
        return next(
                        TaskState.PENDING,
                        attempt - 1,
                        lost,
                        startNotBefore,
                        false,
                        0,
                        0,
                        0,
                        0,
                        0,
                        null,
                        wrote.withoutArtifacts())
                .with(history, snoozes + 1);
    }

    /** RUNNING → PENDING at the front, because the service or its worker died under it. The attempt is used. */
    public Task requeuedAfterLoss(Output wrote, long now) {
        Attempt gone = new Attempt(attempt, startedAt, now, 0, Attempt.Ended.LOST, null);
        return next(TaskState.PENDING, attempt, lost + 1, 0, true, 0, 0, 0, 0, 0, null, wrote)
                .with(and(gone), snoozes);
    }

    /** RUNNING → PENDING at the front, because a drain or a failed start took it back. The attempt is not used. */
    public Task takenBack(Output wrote) {
        return next(TaskState.PENDING, attempt - 1, lost, 0, true, 0, 0, 0, 0, 0, null, wrote.withoutArtifacts());
    }

    /** The same task with other callbacks, or the same further on. Not a transition: it may be done. */
    public Task withCallbacks(Callbacks further) {
        return withCallbacks(further, revision + 1);
    }

    /** The same task with its callbacks as they are at a revision. */
    public Task withCallbacks(Callbacks further, long atRevision) {
        return new Task(
                id,
                spec,
                state,
                atRevision,
                attempt,
                lost,
                createdAt,
                notBefore,
                front,
                startedAt,
                finishedMicros,
                cancelRequestedAt,
                expiresAt,
                runMillis,
                outcome,
                output,
                further,
                history,
                snoozes);
    }

    private Task next(
            TaskState to,
            int attempts,
            int losses,
            long startNotBefore,
            boolean atFront,
            long started,
            long finished,
            long cancelRequested,
            long expires,
            long ran,
            @Nullable Outcome what,
            Output wrote) {
        if (!state.mayBecome(to)) {
            throw new IllegalStateException(id + " is " + state + " and cannot become " + to);
        }
        return new Task(
                id,
                spec,
                to,
                revision + 1,
                attempts,
                losses,
                createdAt,
                startNotBefore,
                atFront,
                started,
                finished,
                cancelRequested,
                expires,
                ran,
                what,
                wrote,
                callbacks,
                history,
                snoozes);
    }

    private Task with(List<Attempt> ended, int snoozed) {
        return new Task(
                id,
                spec,
                state,
                revision,
                attempt,
                lost,
                createdAt,
                notBefore,
                front,
                startedAt,
                finishedMicros,
                cancelRequestedAt,
                expiresAt,
                runMillis,
                outcome,
                output,
                callbacks,
                ended,
                snoozed);
    }

    /** The run that is over did not settle it: it is remembered. In the middle of many, the older ones are not. */
    private List<Attempt> and(Attempt ended) {
        List<Attempt> all = new ArrayList<>(history);
        if (all.size() >= Attempt.MAX_KEPT) {
            all.remove(1);
        }
        all.add(ended);
        return List.copyOf(all);
    }
}
