package dev.taskpool.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.taskpool.model.OnLost;
import dev.taskpool.model.Outcome;
import dev.taskpool.model.PoolKind;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskState;
import dev.taskpool.pool.Run;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EndOfServiceTest {
    @TempDir
    Path data;

    private TestEngine engine(PoolKind kind, int workers) {
        return new TestEngine(data, 100, Map.of("p", TestEngine.pool(kind, workers, 1_000)));
    }

    private static String code(Task task) {
        return task.outcome() instanceof Outcome.Failed(var failure) ? failure.code() : "";
    }

    @Test
    void taskThatIgnoresTheDrainGetsItsVerdictBeforeTheProcessEnds() {
        Task once;
        Task again;
        Task cancelled;
        try (TestEngine t = engine(PoolKind.THREAD, 3)) {
            once = t.submitted(OnLost.FAIL);
            again = t.submitted(OnLost.RETRY);
            cancelled = t.submitted(OnLost.RETRY);
            Run run = t.run(once);
            t.engine.cancel(cancelled.id(), true).join();
            t.engine.drain().begin(false).join();
            t.engine.drain().stopRunning(0);
            assertThat(t.engine.drain().abandonRunning().join()).isEqualTo(3);
            assertThat(t.engine.drain().status().join().running()).isZero();
            // Its late word changes nothing.
            TestEngine.end(run);
            t.settle();
        }
        try (TestEngine t = engine(PoolKind.THREAD, 3)) {
            assertThat(code(t.task(once.id()))).isEqualTo("interrupted");
            assertThat(t.task(cancelled.id()).state()).isEqualTo(TaskState.CANCELLED);
            assertThat(t.run(again).attempt()).isEqualTo(1);
        }
    }

    @Test
    void tasksOfAPoolThatIsOfAnotherKindNowRunWhereTheyCan() {
        Task anywhere;
        Task threads;
        try (TestEngine t = engine(PoolKind.THREAD, 1)) {
            t.engine.pausePool("p", true).join();
            anywhere = t.submitted(OnLost.FAIL);
            threads = t.submit(TestEngine.spec("threads", OnLost.FAIL), null)
                    .join()
                    .tasks()
                    .getFirst();
        }
        try (TestEngine t = engine(PoolKind.PROCESS, 2)) {
            t.engine.pausePool("p", false).join();
            await().until(() -> t.task(threads.id()).done());
            assertThat(code(t.task(threads.id()))).isEqualTo("pool_kind_unsupported");
            assertThat(t.run(anywhere).attempt()).isEqualTo(1);
        }
    }
}
