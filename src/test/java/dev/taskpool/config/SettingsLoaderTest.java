package dev.taskpool.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.taskpool.model.PoolKind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@org.jspecify.annotations.NullUnmarked
class SettingsLoaderTest {
    private static final Path SHIPPED = Path.of("config", "taskpool.yaml");

    @TempDir
    Path folder;

    private Path file(String yaml) {
        try {
            return Files.writeString(folder.resolve("t.yaml"), yaml);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Map<String, String> values(Loaded loaded) {
        Map<String, String> all = new TreeMap<>();
        loaded.effective().forEach(e -> all.put(e.path(), e.value()));
        return all;
    }

    @Test
    void shippedFileSaysTheDefaults() throws Exception {
        Map<String, String> shipped = values(SettingsLoader.load(SHIPPED, Map.of()));
        shipped.keySet().removeIf(k -> k.startsWith("commands."));
        assertThat(shipped).isEqualTo(values(SettingsLoader.load(null, Map.of())));
    }

    @Test
    void shippedFileDocumentsEveryKey() throws Exception {
        String text = Files.readString(SHIPPED);
        for (Effective each : SettingsLoader.load(SHIPPED, Map.of()).effective()) {
            String key = each.path().substring(each.path().lastIndexOf('.') + 1);
            assertThat(text).as(each.path()).containsPattern("(?m)^\\s*#?\\s*-?\\s*" + key + "\\b");
        }
    }

    @Test
    void environmentIsOverFileIsOverDefault() throws Exception {
        Loaded loaded = SettingsLoader.load(
                file("server:\n  port: 1000\n  host: localhost\n"),
                Map.of("TASKPOOL_SERVER_PORT", "2000", "TASKPOOL_CALLBACKS_ALLOWED_HOSTS", "a.org, b.org"));
        assertThat(loaded.settings().server().port()).isEqualTo(2000);
        assertThat(loaded.settings().callbacks().allowedHosts()).containsExactly("a.org", "b.org");
        assertThat(loaded.effective())
                .contains(
                        new Effective("server.port", "2000", "TASKPOOL_SERVER_PORT"),
                        new Effective("server.max_wait", "25s", "default"))
                .anySatisfy(e -> {
                    assertThat(e.path()).isEqualTo("server.host");
                    assertThat(e.source()).endsWith("t.yaml:3:9");
                });
    }

    @Test
    void poolsAndCommandsAreRead() throws Exception {
        Settings settings = SettingsLoader.load(file("""
                        tasks: {default_pool: quick}
                        pools:
                          quick: {kind: thread, max_workers: 3, virtual_threads: true}
                          work: {kind: process, max_workers: 2, idle_timeout: 1m, on_worker_lost: break}
                        commands:
                          list: {argv: [ls, "{args[0]}"], timeout: 2s, success_exit_codes: [0, 2], env: {A: b},
                                 arguments_schema: {properties: {args: {minItems: 1}}}}
                        """), Map.of("TASKPOOL_POOLS_WORK_MAX_WORKERS", "7"))
                .settings();
        assertThat(settings.pools().get("quick").virtualThreads()).isTrue();
        assertThat(settings.pools().get("work").kind()).isEqualTo(PoolKind.PROCESS);
        assertThat(settings.pools().get("work").maxWorkers()).isEqualTo(7);
        Settings.Command list = settings.commands().get("list");
        assertThat(list.argv()).containsExactly("ls", "{args[0]}");
        assertThat(list.timeout()).isEqualTo(Duration.ofSeconds(2));
        assertThat(list.successExitCodes()).containsExactly(0, 2);
        assertThat(list.argumentsSchema()).isEqualTo("{\"properties\":{\"args\":{\"minItems\":1}}}");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            server: {prot: 1}                   | t.yaml:1:10: server.prot is not known; did you mean port?
            sever: {}                           | t.yaml:1:1: sever is not known; did you mean server?
            server: {port: 99999}               | t.yaml:1:16: server.port must be a whole number from 0 to 65535, is '99999'
            server: {max_wait: 5}               | server.max_wait must be a time from 0s to 300s, such as 250ms
            server: {max_request_bytes: 1KB}    | must be a size from 1KiB to 256MiB
            store: {durability: fast}           | store.durability must be one of fsync, process, is 'fast'
            metrics: {enabled: maybe}           | metrics.enabled must be one of true, false
            pools: {a: {kind: thread}}          | tasks.default_pool must be one of the configured pools (a), is 'default'
            pools: {default: {worker_type: x}}  | pools.default.worker_type is not known
            'pools: {default: {min_workers: 99, max_workers: 2}}' | must be at most max_workers, which is 2, is 99
            commands: {x: {}}                   | commands.x.argv must name the program
            server: [1]                         | server must be a mapping
            'server: {port: 1, port: 2}'        | server.port stands here twice
            'server: {port'                      | is not YAML
            server: {host: 0.0.0.0}             | server.host is 0.0.0.0, which others can reach
            auth: {tokens: [{name: a}]}         | auth.tokens[0].sha256 must be the SHA-256
            tasks: {default_pool: A}            | tasks.default_pool must be one
            'pools: {default: {}, A.b: {}}'     | t.yaml:1:22: pools.A.b is not a name of a pool: it must match
            'commands: {"a b": {argv: [x]}}'    | t.yaml:1:12: commands.a b is not a name
            server: {host: 0.0.0.0}             | TASKPOOL_SERVER_ALLOW_UNAUTHENTICATED
            callbacks: {secrets: [abc]}         | callbacks.secrets must each be whsec_
            """)
    void mistakesAreToldWithTheirPlace(String yaml, String told) {
        assertThatThrownBy(() -> SettingsLoader.load(file(yaml), Map.of()))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining(told);
    }

    @Test
    void allMistakesAreToldAtOnce() {
        assertThatThrownBy(() -> SettingsLoader.load(file("server: {port: x, prot: 1}\nstore: {nope: 1}\n"), Map.of()))
                .isInstanceOfSatisfying(
                        ConfigException.class, e -> assertThat(e.problems()).hasSize(3));
    }

    @Test
    void commandsAreCheckedTogetherWithAllElse() {
        assertThatThrownBy(() -> SettingsLoader.load(
                        file("server: {port: x}\ncommands:\n  bad: {argv: [a]}\n"),
                        Map.of(),
                        _ -> Optional.of("cannot be run")))
                .isInstanceOfSatisfying(
                        ConfigException.class,
                        e -> assertThat(e.problems())
                                .hasSize(2)
                                .anySatisfy(p -> assertThat(p).endsWith("t.yaml:3:3: commands.bad cannot be run")));
    }

    @Test
    void mistakesInAVariableNameIt() {
        assertThatThrownBy(() -> SettingsLoader.load(null, Map.of("TASKPOOL_AUTH_TOKENS", "[{name: a, sha256: x}]")))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("TASKPOOL_AUTH_TOKENS:1:20: auth.tokens[0].sha256");
    }

    @Test
    void variableThatIsNoSettingIsRefusedUnlessItIsKnownToBeNone() throws Exception {
        for (String wrong : List.of("TASKPOOL_LIMITS_MAX_OUTPUT_BYTES", "TASKPOOL_BOGUS", "TASKPOOL_SERVER_PROT")) {
            assertThatThrownBy(() -> SettingsLoader.load(null, Map.of(wrong, "5")))
                    .isInstanceOf(ConfigException.class)
                    .hasMessageContaining(wrong + ": there is no such setting");
        }
        Map<String, String> others = Map.of(
                "TASKPOOL_HOME", "/x",
                "TASKPOOL_TASK_ID", "t",
                "TASKPOOL_SERVICE_HOST", "10.0.0.1",
                "TASKPOOL_SERVICE_PORT_HTTP", "80",
                "TASKPOOL_PORT", "tcp://10.0.0.1:80",
                "TASKPOOL_PORT_80_TCP_ADDR", "10.0.0.1",
                "TASKPOOL_SERVER_SERVICE_HOST", "10.0.0.1",
                "TASKPOOL_SERVER_PORT_80_TCP", "tcp://10.0.0.1:80",
                "OTHER", "1");
        assertThat(SettingsLoader.load(null, others).settings())
                .isEqualTo(SettingsLoader.load(null, Map.of()).settings());
    }

    @Test
    void emptyVariableIsNotSet() throws Exception {
        assertThat(SettingsLoader.load(file("server: {port: 9}"), Map.of("TASKPOOL_SERVER_PORT", ""))
                        .settings()
                        .server()
                        .port())
                .isEqualTo(9);
    }

    @Test
    void secretsAreMasked() throws Exception {
        String secret = "whsec_" + "A".repeat(44);
        String older = "whsec_" + "B".repeat(44);
        Loaded loaded = SettingsLoader.load(
                file("commands: {x: {argv: [a], env: {TOKEN: hidden}}}"),
                Map.of("TASKPOOL_CALLBACKS_SECRETS", secret + ", " + older));
        assertThat(loaded.settings().callbacks().secrets()).containsExactly(secret, older);
        assertThat(SettingsLoader.load(file("callbacks: {secrets: [" + secret + "]}"), Map.of())
                        .settings()
                        .callbacks()
                        .secrets())
                .containsExactly(secret);
        assertThat(loaded.effective().toString())
                .doesNotContain(secret)
                .doesNotContain(older)
                .doesNotContain("hidden");
    }

    @Test
    void publicBindNeedsTokensOrTheOperatorsWord() throws Exception {
        assertThat(SettingsLoader.load(file("server: {host: 0.0.0.0, allow_unauthenticated: true}"), Map.of())
                        .settings()
                        .server()
                        .host())
                .isEqualTo("0.0.0.0");
        assertThat(SettingsLoader.load(
                                file("server: {host: 0.0.0.0}\nauth: {tokens: [{name: a, sha256: " + "0".repeat(64)
                                        + "}]}"),
                                Map.of())
                        .settings()
                        .tokens())
                .hasSize(1);
    }

    @Test
    void workersAreRead() throws Exception {
        Settings settings = SettingsLoader.load(file("""
                        workers:
                          python: {command: [python3, w.py], env: {A: b}, inherit_env: [HOME], start_timeout: 1m}
                        pools:
                          default: {kind: thread}
                          py: {kind: process, worker_type: python}
                        """), Map.of()).settings();
        assertThat(settings.workers()).containsOnlyKeys("python");
        Settings.Worker python = settings.workers().get("python");
        assertThat(python.command()).containsExactly("python3", "w.py");
        assertThat(python.startTimeout()).isEqualTo(Duration.ofMinutes(1));
        assertThat(settings.pools().get("py").workerType()).isEqualTo("python");
    }

    @Test
    void mistakesInWorkersAreTold() {
        assertThatThrownBy(() -> SettingsLoader.load(file("""
                        workers:
                          java: {command: [java]}
                          none: {directory: /tmp}
                        pools:
                          default: {kind: thread}
                          py: {kind: process, worker_type: pyhton}
                        """), Map.of()))
                .isInstanceOfSatisfying(
                        ConfigException.class,
                        e -> assertThat(e.problems())
                                .anyMatch(p -> p.contains("workers.java") && p.contains("always there"))
                                .anyMatch(p -> p.contains("workers.none.command"))
                                .anyMatch(p -> p.contains("pools.py.worker_type must be java or one of workers")));
    }
}
