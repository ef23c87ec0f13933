package dev.taskpool.pool;

import static org.assertj.core.api.Assertions.assertThat;

import dev.taskpool.model.Failure;
import dev.taskpool.model.FailureCode;
import dev.taskpool.model.PoolKind;
import dev.taskpool.process.Spawner;
import dev.taskpool.worker.Interpreters;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class SilenceTest {
    private static final long MILLIS = 1_000_000;

    @TempDir
    Path folder;

    @Test
    void fourHeartbeatsMayBeMissedAndNeverLessThanTwoSeconds() {
        assertThat(new Silence(5_000).limitMillis()).isEqualTo(20_000);
        assertThat(new Silence(10).limitMillis()).isEqualTo(2_000);
        assertThat(new Silence(Long.MAX_VALUE).limitMillis()).isPositive();
    }

    @Test
    void serviceThatStoodStillLooksTwice() {
        Silence silence = new Silence(1_000);
        assertThat(silence.after(1_000 * MILLIS)).isEqualTo(3_000);
        assertThat(silence.after(60_000 * MILLIS)).isPositive();
        assertThat(silence.after(10 * MILLIS)).isEqualTo(3_990);
        assertThat(silence.after(4_000 * MILLIS)).isPositive();
        assertThat(silence.after(4_250 * MILLIS)).isZero();
    }

    @Test
    void workerThatHangsIsReplacedAndItsTaskFails() throws Exception {
        Files.writeString(folder.resolve("hangs.py"), """
                import os, signal
                def stop(): os.kill(os.getpid(), signal.SIGSTOP)
                def pid(): return os.getpid()
                """);
        Path sockets = Files.createTempDirectory("tp");
        Bench bench = new Bench(folder.resolve("outputs"), 1 << 20);
        try (Spawner spawner = Spawner.best()) {
            ProcessRunner pool = new ProcessRunner(
                    "test",
                    Bench.settings(PoolKind.PROCESS, 1),
                    Interpreters.python(folder, "--allow", "hangs", "--heartbeat", "0.2"),
                    spawner,
                    sockets,
                    1 << 20,
                    true,
                    cause -> {});
            String pid = bench.start(pool, "hangs:pid", null, null).result().toString();
            Ending ending = bench.start(pool, "hangs:stop", null, null).await();
            Failure failure = ((Ending.Failed) ending).failure();
            assertThat(failure.code()).isEqualTo(FailureCode.WORKER_DIED);
            assertThat(failure.message()).contains("said nothing for 2000 ms", "heartbeat every 200 ms");
            assertThat(bench.start(pool, "hangs:pid", null, null).result()).doesNotHaveToString(pid);
            pool.close().get(20, TimeUnit.SECONDS);
        }
        Files.delete(sockets);
    }
}
