package dev.taskpool.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.taskpool.config.Settings;
import dev.taskpool.config.SettingsLoader;
import dev.taskpool.worker.WorkerType;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class CompositionTest {
    private static Settings settings(String workers) throws Exception {
        return SettingsLoader.load(null, Map.of("TASKPOOL_WORKERS", workers)).settings();
    }

    @Test
    void programOfAWorkerTypeMustBeThere() throws Exception {
        assertThatThrownBy(() -> Composition.check(settings("{lua: {command: [no-such-lua, worker.lua]}}")))
                .isInstanceOf(CannotStartException.class)
                .hasMessageContaining("workers.lua")
                .hasMessageContaining("no-such-lua");
        assertThatThrownBy(() -> Composition.check(settings("{x: {command: [sh], directory: /no/such/folder}}")))
                .isInstanceOf(CannotStartException.class)
                .hasMessageContaining("/no/such/folder");
        Composition.check(settings("{x: {command: [sh]}}"));
    }

    @Test
    void workerTypesAreMadeOfTheConfiguration() throws Exception {
        Map<String, WorkerType> types = Composition.workerTypes(
                settings(
                        "{x: {command: [sh, '{home}/w.sh'], env: {A: b, PATH: /bin}, inherit_env: [HOME, NO_SUCH], directory: /tmp, start_timeout: 3s}}"));
        assertThat(types).containsOnlyKeys("java", "x");
        WorkerType type = Objects.requireNonNull(types.get("x"));
        assertThat(type.argv()).isEqualTo(List.of("sh", Path.of("").toAbsolutePath() + "/w.sh"));
        assertThat(type.env())
                .containsEntry("A", "b")
                .containsEntry("PATH", "/bin")
                .containsEntry("HOME", System.getenv("HOME"))
                .containsOnlyKeys("A", "PATH", "HOME", "LANG");
        assertThat(type.directory()).isEqualTo(Path.of("/tmp"));
        assertThat(type.startTimeout()).isEqualTo(Duration.ofSeconds(3));
    }
}
