package dev.taskpool.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.taskpool.model.OnLost;
import dev.taskpool.model.PoolKind;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DelaysTest {
    @TempDir
    Path data;

    @Test
    void tasksThatAreDueAtOneInstantAllCome() {
        int count = 2_500;
        try (TestEngine t = new TestEngine(data, 10_000, Map.of("p", TestEngine.pool(PoolKind.THREAD, 1, 10_000)))) {
            Submission one = new Submission(
                    TestEngine.delayed(TestEngine.spec("anywhere", OnLost.FAIL), 50_000), TestEngine.ANYWHERE);
            var batch =
                    t.engine.submit(Collections.nCopies(count, one), true, null).join();
            assertThat(batch.tasks()).hasSize(count);
            await().until(() -> t.engine.residentTasks() == 0);
            t.pass(Duration.ofSeconds(25));
            await().until(() -> t.engine.residentTasks() == count);
            t.pass(Duration.ofSeconds(26));
            await().until(() -> t.runner().started.size() == 1);
        }
    }
}
