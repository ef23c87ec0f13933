package dev.taskpool.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.taskpool.model.Artifacts;
import dev.taskpool.model.Breakage;
import dev.taskpool.model.Callback;
import dev.taskpool.model.Callbacks;
import dev.taskpool.model.Failure;
import dev.taskpool.model.FailureMatch;
import dev.taskpool.model.InputFile;
import dev.taskpool.model.Json;
import dev.taskpool.model.Limits;
import dev.taskpool.model.OnLost;
import dev.taskpool.model.Outcome;
import dev.taskpool.model.PoolKind;
import dev.taskpool.model.PoolLimits;
import dev.taskpool.model.PoolSettings;
import dev.taskpool.model.PoolSettings.OnWorkerLost;
import dev.taskpool.model.PoolState;
import dev.taskpool.model.RetryPolicy;
import dev.taskpool.model.Surroundings;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import dev.taskpool.model.TaskSpec;
import dev.taskpool.model.TaskState;
import dev.taskpool.model.WorkerPolicy;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class CodecTest {
    private static final TaskSpec SPEC = new TaskSpec(
            "c",
            null,
            null,
            "p",
            null,
            null,
            0,
            0,
            1,
            RetryPolicy.DEFAULT,
            null,
            OnLost.FAIL,
            Map.of(),
            null,
            0,
            null,
            null);

    private static Task failed(Failure failure) {
        Task begun = Task.accepted(new TaskId(1, 2), SPEC, 1_000, 0).started(1_001);
        return begun.finished(new Outcome.Failed(failure), Task.Output.NONE, 2_000_000, 5, 9_000);
    }

    private static Task copy(Task task) {
        Bytes out = new Bytes(64);
        Codec.progress(task, out);
        return Codec.progress(task.id(), SPEC, new Bytes.Reader(out.view())).task();
    }

    @Test
    void historyAndPolicySurvive() {
        RetryPolicy policy = new RetryPolicy(
                1,
                1.5,
                2,
                0.25,
                List.of(FailureMatch.parse("exit:64-78")),
                List.of(FailureMatch.parse("signal:SIGHUP")));
        TaskSpec spec = new TaskSpec(
                "c", null, null, "p", null, null, 0, 0, 9, policy, 77L, OnLost.RETRY, Map.of(), null, 0, null, null);
        Bytes out = new Bytes(64);
        Codec.spec(spec, out);
        assertThat(Codec.spec(new Bytes.Reader(out.view()))).isEqualTo(spec);
        Task task = Task.accepted(new TaskId(1, 2), SPEC, 1_000, 0)
                .started(1_001)
                .retried(2_000, Task.Output.NONE, Failure.of("exception", "no"), 1_002, 1)
                .started(2_001)
                .requeuedAfterLoss(Task.Output.NONE, 2_002)
                .started(2_003)
                .snoozed(3_000, Task.Output.NONE);
        assertThat(task.history()).hasSize(2);
        assertThat(task.snoozes()).isEqualTo(1);
        assertThat(copy(task)).isEqualTo(task);
    }

    @Test
    void filesSurviveAndListsAreWithoutThem() {
        Surroundings surroundings = new Surroundings(
                new Limits(null, null, null, null, null, 1L << 30),
                List.of(new InputFile("in/a", new byte[] {0, -1}), new InputFile("b", new byte[0])));
        TaskSpec spec = SPEC.within(null, surroundings);
        Bytes out = new Bytes(64);
        Codec.spec(spec, out);
        assertThat(Codec.spec(new Bytes.Reader(out.view()))).isEqualTo(spec);
        Artifacts artifacts = new Artifacts(
                List.of(new Artifacts.Artifact("out/ä", 5, "ab")),
                java.util.Arrays.stream(Artifacts.Reason.values())
                        .map(reason ->
                                new Artifacts.LeftOut("x", reason, reason == Artifacts.Reason.TOO_LARGE ? 7L : null))
                        .toList(),
                99);
        Task task = Task.accepted(new TaskId(1, 2), spec, 1_000, 0)
                .started(1_001)
                .finished(new Outcome.Cancelled(), Task.Output.NONE.with(artifacts), 2_000_000, 5, 9_000);
        Bytes progress = new Bytes(64);
        Codec.progress(task, progress);
        assertThat(Codec.progress(task.id(), spec, new Bytes.Reader(progress.view()))
                        .task())
                .isEqualTo(task);
        Task brief = Codec.brief(task);
        assertThat(brief.spec().surroundings().files()).isEmpty();
        assertThat(brief.spec().surroundings().limits()).isEqualTo(surroundings.limits());
        assertThat(brief.output().artifacts()).isEqualTo(Artifacts.NONE);
    }

    @Test
    void runThatDidNotSettleItsTaskLeavesNoArtifacts() {
        Task.Output left =
                Task.Output.NONE.with(new Artifacts(List.of(new Artifacts.Artifact("a", 1, "ab")), List.of(), 0));
        Task running = Task.accepted(new TaskId(1, 2), SPEC, 1_000, 0).started(1_001);
        for (Task again : List.of(
                running.retried(2_000, left, Failure.of("exception", "no"), 1_002, 1),
                running.snoozed(2_000, left),
                running.takenBack(left))) {
            assertThat(again.output().artifacts()).isEqualTo(Artifacts.NONE);
        }
    }

    @Test
    void callbacksSurviveWithTheTaskAndAlone() {
        Callbacks callbacks = Callbacks.of(
                        List.of(
                                new Callback.Wish("https://a.org/x", Callback.Wish.ALL),
                                new Callback.Wish("https://b.org/", Set.of(TaskState.FAILED), "hash")),
                        1_000)
                .ended(TaskState.FAILED, 2_000);
        Task task = failed(Failure.of("exception", "m")).withCallbacks(callbacks);
        Callback tried = callbacks
                .numbered(2)
                .tried(new Callback.Verdict(
                        0, new Callback.Try(2_001, 0, 7, "e".repeat(300)), Callback.State.PENDING, 9_000));
        Task further = task.withCallbacks(callbacks.with(tried));
        Bytes out = new Bytes(64);
        Codec.write(new Change.TaskCreated(task), out);
        Codec.write(new Change.TaskChanged(task), out);
        Codec.write(new Change.CallbacksChanged(further), out);
        Bytes.Reader in = new Bytes.Reader(out.view());
        assertThat(Codec.read(in, id -> null)).isEqualTo(new Change.TaskCreated(task));
        assertThat(Codec.read(in, id -> task)).isEqualTo(new Change.TaskChanged(task));
        assertThat(Codec.read(in, id -> task)).isEqualTo(new Change.CallbacksChanged(further));
        assertThat(in.more()).isFalse();
    }

    @Test
    void failureKeepsItsCauses() {
        Failure plain = new Failure("exception", "m", "E", "trace", Json.ofValid("[1]"), 3, "SIGKILL");
        assertThat(copy(failed(plain))).isEqualTo(failed(plain));
        Failure caused = new Failure(
                "exception",
                "m",
                "E",
                null,
                null,
                null,
                null,
                List.of(new Failure.Cause("C", "c ä", "trace"), new Failure.Cause(null, "", null)));
        assertThat(copy(failed(caused))).isEqualTo(failed(caused));
    }

    @Test
    void longChainsOfCausesAreCut() {
        Failure.Cause cause = new Failure.Cause("C", "", null);
        Failure failure = new Failure(
                "exception", "m", null, null, null, null, null, java.util.Collections.nCopies(1_000, cause));
        assertThat(failure.causes()).hasSize(Failure.MAX_CAUSES);
        assertThat(copy(failed(failure))).isEqualTo(failed(failure));
    }

    @Test
    void poolKeepsHowItsWorkersBeginAndEnd() {
        PoolSettings plain =
                new PoolSettings(PoolKind.PROCESS, 2, 1, false, "java", 3, 4L, OnWorkerLost.BREAK, null, 10, null, 100);
        for (WorkerPolicy policy : List.of(
                WorkerPolicy.NONE,
                new WorkerPolicy(null, null, 5L, 6),
                new WorkerPolicy(
                        new WorkerPolicy.Initializer("a:b", Json.ofValid("[1]"), null), 1L << 30, null, null))) {
            Change.StoredPool pool = new Change.StoredPool("p", plain.with(policy), PoolState.PAUSED, true);
            Bytes out = new Bytes(64);
            PoolCodec.pool(pool, out);
            assertThat(PoolCodec.pool(new Bytes.Reader(out.view()))).isEqualTo(pool);
        }
    }

    @Test
    void poolKeepsWhyItBroke() {
        PoolSettings settings =
                new PoolSettings(PoolKind.PROCESS, 2, 1, false, "java", 3, 4L, OnWorkerLost.BREAK, null, 10, null, 100);
        String large = "x".repeat(100_000);
        Change.StoredPool pool = new Change.StoredPool(
                "p", settings, PoolState.BROKEN, true, new Breakage("worker_died", "a worker was lost", large));
        Bytes out = new Bytes(64);
        PoolCodec.pool(pool, out);
        assertThat(out.size()).isLessThan(65_536 / 4);
        Breakage read = PoolCodec.pool(new Bytes.Reader(out.view())).brokenBy();
        assertThat(read).isEqualTo(new Breakage("worker_died", "a worker was lost", large.substring(0, 4_000) + "…"));
    }

    @Test
    void poolKeepsTheLimitOfScratchFolders() {
        PoolSettings plain =
                new PoolSettings(PoolKind.COMMAND, 2, 1, false, "java", 3, 4L, OnWorkerLost.HEAL, null, 10, null, 100);
        Limits scratch = new Limits(null, 5L, null, null, null, 4096L);
        for (PoolLimits limits : List.of(
                new PoolLimits(scratch, Limits.NONE, 1L, 2L, 3L),
                new PoolLimits(Limits.NONE, scratch, null, 2L, null))) {
            Change.StoredPool pool = new Change.StoredPool("p", plain.with(limits), PoolState.ACTIVE, true);
            Bytes out = new Bytes(64);
            PoolCodec.pool(pool, out);
            assertThat(PoolCodec.pool(new Bytes.Reader(out.view()))).isEqualTo(pool);
        }
    }
}
