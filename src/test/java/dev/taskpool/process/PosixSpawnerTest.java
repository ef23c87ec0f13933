package dev.taskpool.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class PosixSpawnerTest extends SpawnerContract {
    @Override
    Spawner spawner() {
        assertThat(PosixSpawner.problem()).isNull();
        return new PosixSpawner(new SecureRandom());
    }

    @Test
    void exitCode139IsNoSignal() throws Exception {
        assertThat(run(shell("exit 139")).status()).isEqualTo(new Exit.Status.Exited(139));
        assertThat(run(shell("kill -s SEGV $$")).status())
                .isInstanceOfSatisfying(
                        Exit.Status.Signalled.class, s -> assertThat(s.signal()).isEqualTo(11));
    }

    @Test
    void daemonWithScrubbedEnvironmentIsFound() throws Exception {
        Exit exit = run(shell("(env -i /usr/bin/setsid /bin/sh -c 'echo x > up; exec sleep 1000' &) ; "
                + "while [ ! -s up ]; do :; done"));
        assertThat(exit.isSuccess()).isTrue();
        assertThat(exit.strays()).isEqualTo(1);
    }

    /** A mark that is set after the start misses what was forked before it; on a busy machine that happened. */
    @Test
    void daemonsOfTheFirstMomentAreFoundEveryTime() throws Exception {
        String time = "1000000" + ProcessHandle.current().pid();
        for (int i = 0; i < 200; i++) {
            run(shell("env -i /usr/bin/setsid /bin/sleep " + time + " & kill -s KILL $$"));
            assertThat(ProcFs.pids().stream().filter(pid -> isSleep(pid, time))).isEmpty();
        }
    }

    private static boolean isSleep(int pid, String time) {
        try {
            return Files.readString(Path.of("/proc/" + pid + "/cmdline"), StandardCharsets.ISO_8859_1)
                    .contains("\0" + time + "\0");
        } catch (IOException gone) {
            return false;
        }
    }

    @Test
    void daemonThatHoldsTheOutputOpenDelaysNobody() throws Exception {
        Exit exit = run(shell("(setsid sleep 1000 &) ; echo done"));
        assertThat(exit.outputComplete()).isTrue();
        assertThat(output.stdout()).isEqualTo("done\n");
        assertThat(exit.wall()).isLessThan(Duration.ofSeconds(10));
    }

    @Test
    void stoppedProcessTakesItsTerm() throws Exception {
        ChildProcess child = spawner.start(shell("trap 'exit 6' TERM; echo up; kill -s STOP $$; sleep 1000"), output);
        await().until(() -> {
            ProcFs.Stat stat = ProcFs.stat(child.pid());
            return stat != null && stat.state() == 'T';
        });
        child.terminate(Duration.ofSeconds(30));
        assertThat(child.exit().get().status()).isEqualTo(new Exit.Status.Exited(6));
    }

    @Test
    void limitsHold() throws Exception {
        ResourceLimits limits = new ResourceLimits(null, null, 50L, null, 4096L, 0L);
        Exit exit = run(shell("ulimit -n; head -c 100000 /dev/zero > big").withLimits(limits));
        assertThat(output.stdout()).isEqualTo("50\n");
        assertThat(exit.isSuccess()).isFalse();
        assertThat(folder.resolve("big")).hasSize(4096);
    }

    @Test
    void pidIsGroupAndSession() throws Exception {
        ChildProcess child = spawner.start(
                new ProcessSpec(List.of("sleep", "1000"), Map.of("PATH", "/usr/bin:/bin"), folder), output);
        ProcFs.Stat stat = java.util.Objects.requireNonNull(ProcFs.stat(child.pid()));
        assertThat(stat.group()).isEqualTo(child.pid());
        assertThat(stat.session()).isEqualTo(child.pid());
        assertThat(child.startTicks()).hasValue(stat.startTicks());
        child.kill();
        child.exit().join();
    }
}
