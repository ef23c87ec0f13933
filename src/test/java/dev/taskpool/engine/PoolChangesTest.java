package dev.taskpool.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.taskpool.model.Breakage;
import dev.taskpool.model.Failure;
import dev.taskpool.model.FailureCode;
import dev.taskpool.model.OnLost;
import dev.taskpool.model.Outcome;
import dev.taskpool.model.PoolKind;
import dev.taskpool.model.PoolSettings;
import dev.taskpool.model.PoolState;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import dev.taskpool.model.TaskState;
import dev.taskpool.store.Change;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PoolChangesTest {
    private static final PoolSettings TWO = TestEngine.pool(PoolKind.THREAD, 2, 1_000);
    private static final PoolSettings THREE = TestEngine.pool(PoolKind.THREAD, 3, 1_000);

    @TempDir
    Path data;

    private TestEngine engine() {
        return new TestEngine(data, 2, Map.of("p", TestEngine.pool(PoolKind.THREAD, 1, 1_000)));
    }

    @Test
    void poolThatWasShutDownJustBeforeIsNotChangedAnyMore() {
        try (TestEngine t = engine()) {
            for (String name : List.of("put", "paused")) {
                t.engine.putPool(name, TWO).join();
                List<CompletableFuture<PoolView>> second = new ArrayList<>();
                CompletableFuture<PoolView> finished = new CompletableFuture<>();
                t.together(() -> {
                    var _ = t.engine.shutdownPool(name, false, finished);
                    second.add(name.equals("put") ? t.engine.putPool(name, THREE) : t.engine.pausePool(name, true));
                });
                assertThat(TestEngine.problem(second.getFirst())).isEqualTo(ProblemCode.POOL_SHUT_DOWN);
                assertThat(finished.join().state()).isEqualTo(PoolState.SHUT_DOWN);
                assertThat(t.engine.pool(name).join().state()).isEqualTo(PoolState.SHUT_DOWN);
            }
        }
    }

    @Test
    void shutdownThatCannotBeWrittenShutsNothingDown() {
        try (TestEngine t = engine()) {
            List<CompletableFuture<PoolView>> shutdown = new ArrayList<>();
            List<CompletableFuture<PoolView>> put = new ArrayList<>();
            t.together(() -> {
                shutdown.add(t.engine.shutdownPool("p", false, new CompletableFuture<>()));
                put.add(t.engine.putPool("p", TWO));
                t.refuse();
            });
            assertThat(TestEngine.problem(shutdown.getFirst())).isEqualTo(ProblemCode.STORAGE_UNAVAILABLE);
            // Not that the pool is shut down: it is not.
            assertThat(TestEngine.problem(put.getFirst())).isEqualTo(ProblemCode.STORAGE_UNAVAILABLE);
            t.recover();
            assertThat(t.engine.putPool("p", TWO).join().state()).isEqualTo(PoolState.ACTIVE);
            t.run(t.submitted(OnLost.FAIL));
        }
    }

    @Test
    void twoWhoMakeOnePoolMakeOne() {
        try (TestEngine t = engine()) {
            List<CompletableFuture<PoolView>> answers = new ArrayList<>();
            t.together(() -> {
                answers.add(t.engine.putPool("new", TWO));
                answers.add(t.engine.putPool("new", THREE));
            });
            assertThat(answers.stream().map(a -> a.join().created())).containsExactly(true, false);
            assertThat(t.runners.get("new")).hasSize(1);
            assertThat(t.engine.pool("new").join().settings()).isEqualTo(THREE);
        }
    }

    @Test
    void changesThatMeetAllStand() {
        try (TestEngine t = engine()) {
            t.together(() -> {
                var _ = t.engine.putPool("p", THREE);
                var _ = t.engine.pausePool("p", true);
            });
            t.settle();
            assertThat(t.view().state()).isEqualTo(PoolState.PAUSED);
            assertThat(t.view().settings()).isEqualTo(THREE);
        }
        // The configuration says one worker; what was stored is seen where a client made the pool.
        try (TestEngine t = engine()) {
            t.engine.putPool("mine", TWO).join();
            t.together(() -> {
                var _ = t.engine.putPool("mine", THREE);
                var _ = t.engine.pausePool("mine", true);
            });
            t.settle();
        }
        try (TestEngine t = engine()) {
            assertThat(t.engine.pool("mine").join().settings()).isEqualTo(THREE);
            assertThat(t.engine.pool("mine").join().state()).isEqualTo(PoolState.PAUSED);
        }
    }

    private static List<Task> fill(TestEngine t, int pending) {
        List<Task> tasks = new ArrayList<>();
        for (int i = 0; i < 1 + pending; i++) {
            tasks.add(t.submitted(OnLost.FAIL));
        }
        // What is behind the window has left memory.
        await().until(() -> t.engine.residentTasks() <= 4);
        return tasks;
    }

    @Test
    void cancellationOfPendingTasksIsToldOnceAllAreCancelled() {
        try (TestEngine t = engine()) {
            List<Task> tasks = fill(t, 20);
            PoolView answer =
                    t.engine.shutdownPool("p", true, new CompletableFuture<>()).join();
            assertThat(answer.pending()).isZero();
            for (Task task : tasks.subList(1, tasks.size())) {
                assertThat(t.task(task.id()).state()).isEqualTo(TaskState.CANCELLED);
            }
            assertThat(t.task(tasks.getFirst().id()).state()).isEqualTo(TaskState.RUNNING);
        }
    }

    @Test
    void drainIsToldOnceAllPendingTasksAreCancelledAndSparesWhatComesAfterIt() {
        try (TestEngine t = engine()) {
            List<Task> tasks = fill(t, 20);
            List<CompletableFuture<Drain.Status>> drain = new ArrayList<>();
            List<CompletableFuture<Accepted>> later = new ArrayList<>();
            t.together(() -> {
                drain.add(t.engine.drain().begin(true));
                var _ = t.engine.drain().takeBack();
                for (int i = 0; i < 20; i++) {
                    later.add(t.submit(TestEngine.spec("anywhere", OnLost.FAIL), null));
                }
            });
            assertThat(drain.getFirst().join().pending()).isEqualTo(20);
            for (Task task : tasks.subList(1, tasks.size())) {
                assertThat(t.task(task.id()).state()).isEqualTo(TaskState.CANCELLED);
            }
            for (CompletableFuture<Accepted> each : later) {
                assertThat(t.task(each.join().tasks().getFirst().id()).state()).isEqualTo(TaskState.PENDING);
            }
        }
    }

    private static final Breakage BROKEN_BY =
            new Breakage(FailureCode.INITIALIZER_FAILED, "the initializer failed", "Traceback\n  no module");

    private static Task pending(String pool) {
        return Task.accepted(
                new TaskId(1L << 16, 1),
                TestEngine.spec("anywhere", OnLost.FAIL).accepted(pool, null, null, 0, null),
                1_700_000_000_000L,
                0);
    }

    @Test
    void poolThatBrokeEndsItsTasksAlsoAfterARestartAndKnowsWhy() {
        Task left = pending("broken");
        try (TestEngine t = new TestEngine(
                data,
                2,
                Map.of("p", TWO),
                new Change.PoolSaved(new Change.StoredPool("broken", TWO, PoolState.BROKEN, true, BROKEN_BY)),
                new Change.TaskCreated(left))) {
            await().until(() -> t.task(left.id()).state() == TaskState.FAILED);
            assertThat(t.task(left.id()).outcome())
                    .isEqualTo(new Outcome.Failed(Failure.of(FailureCode.INITIALIZER_FAILED, BROKEN_BY.text())));
            assertThat(t.engine.pool("broken").join().state()).isEqualTo(PoolState.BROKEN);
            assertThat(t.engine.pool("broken").join().brokenBy()).isEqualTo(BROKEN_BY);
        }
    }

    /** A restart mends what the configuration names: a crash after it fails nothing that was accepted since. */
    @Test
    void configuredPoolThatBrokeIsMendedByARestartForGood() {
        Change broken = new Change.PoolSaved(new Change.StoredPool("p", TWO, PoolState.BROKEN, false, BROKEN_BY));
        try (TestEngine t = new TestEngine(data, 2, Map.of("p", TWO), broken)) {
            assertThat(t.engine.pool("p").join().state()).isEqualTo(PoolState.ACTIVE);
            assertThat(t.engine.pool("p").join().brokenBy()).isNull();
        }
        Task accepted = pending("p");
        try (TestEngine t = new TestEngine(data, 2, Map.of("p", TWO), new Change.TaskCreated(accepted))) {
            await().until(() -> t.task(accepted.id()).state() != TaskState.PENDING);
            assertThat(t.task(accepted.id()).state()).isEqualTo(TaskState.RUNNING);
        }
    }
}
