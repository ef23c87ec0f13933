package dev.taskpool.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.taskpool.model.BatchRules;
import dev.taskpool.model.OnLost;
import dev.taskpool.model.PoolKind;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import dev.taskpool.model.TaskState;
import dev.taskpool.pool.Run;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CancellationTest {
    @TempDir
    Path data;

    private TestEngine engine(int workers) {
        return new TestEngine(data, 100, Map.of("p", TestEngine.pool(PoolKind.THREAD, workers, 1_000)));
    }

    @Test
    void interruptReachesATaskWhoseStartIsBeingWritten() {
        try (TestEngine t = engine(1)) {
            Run first = t.run(t.submitted(OnLost.FAIL));
            Task next = t.submitted(OnLost.FAIL);
            Cancel cancel = new Cancel(t.engine.live, t.cell(next), true);
            t.together(() -> {
                TestEngine.end(first);
                t.engine.mailbox.put(cancel);
            });
            assertThat(cancel.answer.join().cancelRequestedAt()).isPositive();
            assertThat(t.runner().stopped).containsExactly(t.run(next));
        }
    }

    @Test
    void cancelledTaskIsNotTriedAgain() {
        try (TestEngine t = engine(1)) {
            Task task = t.submitted(OnLost.RETRY);
            t.run(task);
            t.engine.drain().stopRunning(0);
            t.engine.cancel(task.id(), true).join();
            t.run(task)
                    .ended(new dev.taskpool.pool.Ending.Failed(
                            dev.taskpool.model.Failure.of(dev.taskpool.model.FailureCode.EXCEPTION, "interrupted"),
                            Task.Output.NONE));
            await().until(() -> t.task(task.id()).state() != TaskState.RUNNING);
            assertThat(t.task(task.id()).state()).isEqualTo(TaskState.CANCELLED);
        }
    }

    @Test
    void cancelIsNotToldOfAnEndThatIsNotDurable() {
        try (TestEngine t = engine(1)) {
            Task task = t.submitted(OnLost.FAIL);
            Run run = t.run(task);
            Cancel cancel = new Cancel(t.engine.live, t.cell(task), true);
            t.together(() -> {
                TestEngine.end(run);
                t.engine.mailbox.put(cancel);
                t.refuse();
            });
            assertThat(TestEngine.problem(cancel.answer)).isEqualTo(ProblemCode.STORAGE_UNAVAILABLE);
            t.recover();
            await().until(() -> t.task(task.id()).state() == TaskState.SUCCEEDED);
        }
    }

    @Test
    void restThatIsNotWantedIsCancelledAlthoughTheStoreRefusedAtFirst() {
        try (TestEngine t = engine(1)) {
            Submission each = new Submission(TestEngine.spec("anywhere", OnLost.FAIL), TestEngine.ANYWHERE);
            List<Task> tasks = t.engine
                    .submit(
                            List.of(new Placed(0, each), new Placed(1, each), new Placed(2, each)),
                            new Grouping.AsBatch(
                                    "",
                                    new BatchRules(0, BatchRules.CancelRestOn.FIRST_SUCCESS, false),
                                    List.of(),
                                    true,
                                    3,
                                    "/items/"),
                            null)
                    .join()
                    .tasks();
            Run first = t.run(tasks.getFirst());
            t.together(() -> {
                TestEngine.end(first);
                t.engine.mailbox.put(tx -> tx.after(t::refuse));
            });
            await().until(t.engine::storeAway);
            t.recover();
            await().until(() -> t.task(tasks.getLast().id()).state() == TaskState.CANCELLED);
        }
    }

    @Test
    void doneTaskLeavesMemoryAgainAfterACancel() {
        try (TestEngine t = engine(1)) {
            Task task = t.submitted(OnLost.FAIL);
            TestEngine.end(t.run(task));
            await().until(() -> t.engine.residentTasks() == 0);
            assertThat(TestEngine.problem(t.engine.cancel(task.id(), false))).isEqualTo(ProblemCode.TASK_DONE);
            await().until(() -> t.engine.residentTasks() == 0);
            assertThat(TestEngine.problem(t.engine.cancel(new TaskId(task.id().sequence(), 5), false)))
                    .isEqualTo(ProblemCode.TASK_NOT_FOUND);
            await().until(() -> t.engine.residentTasks() == 0);
        }
    }

    @Test
    void cancelWhileTheStoreIsAwayDoesNotStartTheTaskAgain() {
        try (TestEngine t = engine(3)) {
            t.engine.pausePool("p", true).join();
            Task task = t.submitted(OnLost.RETRY);
            List<CompletableFuture<PoolView>> resumed = new ArrayList<>();
            t.together(() -> {
                resumed.add(t.engine.pausePool("p", false));
                // Behind what resuming does: the start itself cannot be written.
                t.engine.mailbox.put(tx -> t.refuse());
            });
            resumed.getFirst().join();
            t.run(task);
            await().until(t.engine::storeAway);
            assertThat(t.task(task.id()).state()).isEqualTo(TaskState.PENDING);
            assertThat(TestEngine.problem(t.engine.cancel(task.id(), false)))
                    .isEqualTo(ProblemCode.STORAGE_UNAVAILABLE);
            t.recover();
            await().until(() -> t.task(task.id()).state() == TaskState.RUNNING);
            assertThat(t.runner().starts(task.id())).isEqualTo(1);
            assertThat(t.view().running()).isEqualTo(1);
            assertThat(t.view().pending()).isZero();
        }
    }
}
