package dev.taskpool.pool;

import static org.assertj.core.api.Assertions.assertThat;

import dev.taskpool.model.FailureCode;
import dev.taskpool.model.Limits;
import dev.taskpool.model.PoolKind;
import dev.taskpool.model.PoolLimits;
import dev.taskpool.process.Spawner;
import dev.taskpool.worker.WorkerType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(180)
class WorkerLimitsTest {
    @Test
    void workerThatUsesTooMuchMemoryFailsItsTaskAndIsReplaced(@TempDir Path folder) throws Exception {
        Path sockets = Files.createTempDirectory("tp");
        Limits limits = new Limits(170_000_000L, null, null, null, null);
        Bench bench = new Bench(folder.resolve("outputs"), 1 << 20);
        try (Spawner spawner = Spawner.best()) {
            ProcessRunner pool = new ProcessRunner(
                    "limited",
                    Bench.settings(PoolKind.PROCESS, 1).with(new PoolLimits(limits, Limits.NONE, null, null, null)),
                    WorkerType.java("java", TestCallables.folder(folder), 512L << 20, Map.of()),
                    spawner,
                    sockets,
                    1 << 20,
                    true,
                    _ -> {});
            assertThat(bench.start(pool, "noop", null, null).result()).hasToString("null");
            Ending ending = bench.start(pool, "test.large", "[200000000]", null).await();
            assertThat(ending)
                    .isInstanceOfSatisfying(
                            Ending.Failed.class,
                            failed -> assertThat(failed.failure().code()).isEqualTo(FailureCode.MEMORY_LIMIT));
            assertThat(ending.output().exit())
                    .isNotNull()
                    .satisfies(exit -> assertThat(exit.cause()).isEqualTo("memory_limit"));
            assertThat(bench.start(pool, "noop", null, null).result()).hasToString("null");
            pool.close().get(20, TimeUnit.SECONDS);
        }
        Files.delete(sockets);
    }
}
