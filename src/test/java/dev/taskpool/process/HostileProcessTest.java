package dev.taskpool.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Programs that do what they can to outlive their end. Each says "up" when it is at it. */
@Timeout(120)
class HostileProcessTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "(setsid sleep 1000 &) ; echo up; sleep 1000",
                "setsid --fork sh -c 'trap \"\" TERM HUP INT; sleep 1000; sleep 1000'; echo up; sleep 1000",
                "nohup sleep 1000 >/dev/null 2>&1 & echo up; sleep 1000",
                "trap '' TERM HUP INT QUIT USR1; echo up; while :; do sleep 1; done",
                "(setsid sh -c '(setsid sh -c \"(setsid sleep 1000 &); sleep 1000\" &); sleep 1000' &); echo up; sleep 1000",
                "(setsid sleep 1000 &); echo up; kill -s STOP $$; sleep 1000",
                "echo up; exec <&- >&- 2>&-; (setsid sleep 1000 &); sleep 1000",
                "(setsid sh -c 'exec env -i /bin/sleep 1000' &); echo up; exec sh -c 'exec sh -c \"exec sleep 1000\"'",
                "while :; do (setsid sleep 1000 &); echo up; sleep 0.01; done",
                "(setsid sh -c 'while :; do (setsid sleep 1000 &); sleep 0.01; done' &) ; echo up; sleep 1000",
                "i=0; while [ $i -lt 50 ]; do (exit 0) & i=$((i+1)); done; echo up; kill -s STOP $$",
                "(setsid sh -c 'kill -s STOP $$' &); sh -c 'kill -s STOP $$' & echo up; sleep 1000"
            })
    void nothingOfItIsLeft(String script) throws Exception {
        try (Spawner spawner = Spawner.best()) {
            for (Duration grace : List.of(Duration.ZERO, Duration.ofMillis(50))) {
                Collected output = new Collected();
                ChildProcess child = spawner.start(
                        new ProcessSpec(List.of("/bin/sh", "-c", script), Map.of("PATH", "/usr/bin:/bin"), folder),
                        output);
                await().pollInterval(Duration.ofMillis(5))
                        .until(() -> output.stdout().contains("up"));
                child.terminate(grace);
                Exit exit = child.exit().get(20, TimeUnit.SECONDS);
                assertThat(exit.survivors()).isZero();
                assertThat(SpawnerContract.alive(spawner.boot())).isEmpty();
            }
        }
    }
}
