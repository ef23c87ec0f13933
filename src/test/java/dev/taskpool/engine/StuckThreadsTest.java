package dev.taskpool.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.taskpool.model.OnLost;
import dev.taskpool.model.PoolKind;
import dev.taskpool.model.PoolSettings;
import dev.taskpool.model.Task;
import dev.taskpool.model.WorkerPolicy;
import dev.taskpool.pool.Run;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StuckThreadsTest {
    @TempDir
    Path data;

    private TestEngine engine(PoolKind kind) {
        PoolSettings settings = TestEngine.pool(kind, 1, 1_000);
        return new TestEngine(data, 100, Map.of("p", settings.with(new WorkerPolicy(null, null, null, 2))));
    }

    private static void interrupt(TestEngine t, Task task) {
        t.run(task);
        t.engine.cancel(task.id(), true).join();
        t.pass(Duration.ofMillis(1_001)); // the pool's grace, and a little
    }

    private static PoolView pool(TestEngine t) {
        return t.engine.pool("p").join();
    }

    @Test
    void slotsOfStuckThreadsAreLentUpToTheCapAndGoBack() {
        try (TestEngine t = engine(PoolKind.THREAD)) {
            List<Task> tasks = new ArrayList<>();
            for (int i = 0; i < 5; i++) {
                tasks.add(t.submitted(OnLost.FAIL));
            }
            for (int stuck = 1; stuck <= 3; stuck++) {
                interrupt(t, tasks.get(stuck - 1));
                int expected = stuck;
                await().until(() -> pool(t).stuck() == expected);
            }
            // Two of the three were replaced.
            assertThat(pool(t).running()).isEqualTo(3);
            Run first = t.run(tasks.getFirst());
            assertThat(first.ignoredStopAt()).isPositive();
            TestEngine.end(first);
            t.run(tasks.get(3));
            assertThat(pool(t).stuck()).isEqualTo(2);
            TestEngine.end(t.run(tasks.get(1)));
            TestEngine.end(t.run(tasks.get(2)));
            await().until(() -> pool(t).stuck() == 0);
            // All of them are back: one runs, as the pool has one worker.
            assertThat(pool(t).running()).isEqualTo(1);
            assertThat(pool(t).pending()).isEqualTo(1);
        }
    }

    @Test
    void processesAreNeverStuck() {
        try (TestEngine t = engine(PoolKind.PROCESS)) {
            Task task = t.submitted(OnLost.FAIL);
            interrupt(t, task);
            assertThat(pool(t).stuck()).isZero();
            assertThat(t.run(task).ignoredStopAt()).isZero();
        }
    }
}
