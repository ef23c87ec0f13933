package dev.taskpool.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.taskpool.config.ConfigException;
import dev.taskpool.config.Settings;
import dev.taskpool.config.SettingsLoader;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ConfiguredLimitsTest {
    private static Settings settings(String key, String value) throws ConfigException {
        return SettingsLoader.load(null, Map.of("TASKPOOL_" + key, value)).settings();
    }

    @Test
    void limitThatTheMachineCannotKeepIsRefused() throws Exception {
        Map<String, String> missing = Map.of("processes", "there is no cgroup");
        String limits = "{x: {kind: command, max_limits: {processes: 5}}, default: {kind: thread}}";
        assertThatThrownBy(() -> Composition.checkLimits(settings("POOLS", limits), missing))
                .isInstanceOf(CannotStartException.class)
                .hasMessage("pools.x.max_limits sets processes: there is no cgroup");
        Settings command = settings("COMMANDS", "{c: {argv: [x], limits: {processes: 5, cpu: 1s}}}");
        assertThatThrownBy(() -> Composition.checkLimits(command, missing))
                .hasMessage("commands.c.limits sets processes: there is no cgroup");
        assertThatCode(() -> Composition.checkLimits(command, Map.of())).doesNotThrowAnyException();
    }

    @Test
    void limitThatIsNotKeptToTheLetterIsTold() throws Exception {
        assertThat(Composition.notes(settings("COMMANDS", "{c: {argv: [x], limits: {cpu: 1s}}}")))
                .isEmpty();
        assertThat(Composition.notes(settings("COMMANDS", "{c: {argv: [x], limits: {scratch: 1MiB}}}")))
                .singleElement()
                .asString()
                .startsWith("commands.c.limits.scratch is kept by looking");
    }

    @Test
    void exitCodeMeansOneThing() throws Exception {
        Settings both = settings("COMMANDS", "{c: {argv: [x], success_exit_codes: [75], snooze_exit_codes: {75: 1s}}}");
        assertThatThrownBy(() -> Composition.check(both)).hasMessageContaining("exit code 75");
    }
}
