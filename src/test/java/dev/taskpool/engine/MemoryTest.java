package dev.taskpool.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.taskpool.model.OnLost;
import dev.taskpool.model.PoolKind;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskState;
import dev.taskpool.pool.Run;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MemoryTest {
    @TempDir
    Path data;

    @Test
    void taskWhoseStartIsBeingWrittenDoesNotLeaveMemory() {
        try (TestEngine t = new TestEngine(data, 100, Map.of("p", TestEngine.pool(PoolKind.THREAD, 1, 1_000)))) {
            Run first = t.run(t.submitted(OnLost.FAIL));
            Task next = t.submitted(OnLost.FAIL);
            t.together(() -> {
                TestEngine.end(first);
                // The database has it as it was: pending.
                t.engine.mailbox.put(tx -> t.engine.live.applied(List.of(next)));
            });
            await().until(() -> t.engine.find(next.id()).join().orElseThrow().state() == TaskState.RUNNING);
            assertThat(t.engine.resident(next.id())).isNotNull();
            TestEngine.end(t.run(next));
            await().until(() -> t.task(next.id()).done());
        }
    }
}
