package dev.taskpool.acceptance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.config.ConfigException;
import dev.taskpool.config.SettingsLoader;
import dev.taskpool.process.ResourceLimits;
import dev.taskpool.process.Spawner;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Limits of what tasks may use, over HTTP. */
class LimitsTest {
    private static final String COMMANDS = """
            {sh: {argv: [sh, -c, "{args[0]}"]},
             python: {argv: [python3, -c, "{args[0]}"]},
             small: {argv: [sh, -c, "ulimit -n"], limits: {open_files: 40}}}
            """;
    private static final String POOLS = """
            {default: {kind: thread}, processes: {kind: process},
             commands: {kind: command, limits: {open_files: 64}, max_limits: {open_files: 100, memory: 256MiB}, max_timeout: 1m}}
            """;

    @TempDir
    static Path data;

    static Started service;
    static Api api;

    @BeforeAll
    static void start() {
        service = new Started(data, "COMMANDS", COMMANDS, "POOLS", POOLS);
        api = service.api;
    }

    @AfterAll
    static void stop() {
        service.close();
    }

    private static JsonNode run(String callable, String script, String limits) {
        return api.run("{\"callable\":\"" + callable + "\",\"args\":[\"" + script + "\"],\"limits\":" + limits + "}")
                .json();
    }

    @Test
    void eachLimitHasItsOwnCode() {
        JsonNode memory =
                run("python", "import time; x = bytearray(200000000); time.sleep(99)", "{\"memory_bytes\":50000000}");
        assertThat(memory.at("/error/code").asText()).isEqualTo("memory_limit");
        assertThat(memory.at("/exit/cause").asText()).isEqualTo("memory_limit");
        assertThat(memory.at("/error/message").asText()).contains("memory_bytes = 50000000");
        JsonNode cpu = run("sh", "while :; do :; done", "{\"cpu_ms\":200}");
        assertThat(cpu.at("/error/code").asText()).isEqualTo("cpu_limit");
        JsonNode file = run("sh", "exec head -c 100000 /dev/zero > big", "{\"file_size_bytes\":1000}");
        assertThat(file.at("/error/code").asText()).isEqualTo("file_size_limit");
        assertThat(file.at("/error/signal").asText()).isEqualTo("SIGXFSZ");
        if (!Spawner.unenforceable().containsKey(ResourceLimits.Kind.PROCESSES)) {
            JsonNode forks = run("sh", "for i in 1 2 3 4 5 6 7 8 9; do sleep 60 & done; wait", "{\"processes\":5}");
            assertThat(forks.at("/error/code").asText()).isEqualTo("process_limit");
        }
        // A program that is refused a descriptor says so in its own words, or not at all.
        JsonNode files = run("sh", "exec 30</dev/null", "{\"open_files\":20}");
        assertThat(files.at("/error/code").asText()).isEqualTo("process_exit");
        assertThat(run("sh", "echo fine", "{\"memory_bytes\":50000000}")
                        .path("result")
                        .asText())
                .isEqualTo("fine");
    }

    @Test
    void submissionBeatsCommandBeatsPoolAndTheMaximumClamps() {
        assertThat(api.run("{\"callable\":\"sh\",\"args\":[\"ulimit -n\"]}")
                        .json()
                        .path("result")
                        .asText())
                .isEqualTo("64");
        JsonNode own = api.run("{\"callable\":\"small\"}").json();
        assertThat(own.path("result").asText()).isEqualTo("40");
        assertThat(own.at("/limits/open_files").asInt()).isEqualTo(40);
        assertThat(own.at("/limits/memory_bytes").asLong()).isEqualTo(256L << 20);
        JsonNode asked = api.run("{\"callable\":\"small\",\"limits\":{\"open_files\":99}}")
                .json();
        assertThat(asked.path("result").asText()).isEqualTo("99");
        JsonNode clamped = api.run(
                        "{\"callable\":\"small\",\"limits\":{\"open_files\":5000,\"memory_bytes\":99999999999},\"timeout_ms\":3600000}")
                .json();
        assertThat(clamped.path("result").asText()).isEqualTo("100");
        assertThat(clamped.at("/limits/open_files").asInt()).isEqualTo(100);
        assertThat(clamped.at("/limits/memory_bytes").asLong()).isEqualTo(256L << 20);
        assertThat(clamped.path("timeout_ms").asLong()).isEqualTo(60_000);
        assertThat(own.path("timeout_ms").asLong()).isEqualTo(60_000);
    }

    @Test
    void limitsThatCannotBeKeptAreRefused() {
        Api.Answer thread = api.submit("{\"callable\":\"noop\",\"limits\":{\"cpu_ms\":5}}");
        assertThat(thread.status()).isEqualTo(422);
        assertThat(thread.code()).isEqualTo("limit_unsupported");
        assertThat(thread.json().at("/errors/0/pointer").asText()).isEqualTo("/limits");
        assertThat(api.put("/v1/pools/threads", "{\"kind\":\"THREAD\",\"max_workers\":1,\"limits\":{\"cpu_ms\":5}}")
                        .code())
                .isEqualTo("limit_unsupported");
        Api.Answer wrong = api.submit("{\"callable\":\"sh\",\"limits\":{\"memory_bytes\":1,\"cpus\":4}}");
        assertThat(wrong.status()).isEqualTo(400);
        assertThat(wrong.json().at("/errors/0/pointer").asText()).isEqualTo("/limits/memory_bytes");
        assertThat(wrong.json().at("/errors/1/pointer").asText()).isEqualTo("/limits/cpus");
        assertThatThrownBy(() -> SettingsLoader.load(
                        null, Map.of("TASKPOOL_COMMANDS", "{x: {argv: [x], limits: {memory: 10, cpus: 1}}}")))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("commands.x.limits.memory must be a size from 1MiB")
                .hasMessageContaining("commands.x.limits.cpus is not known");
    }

    @Test
    void workerThatEatsTooMuchIsReplaced() {
        assumeThat(api.put(
                                "/v1/pools/eaters",
                                "{\"kind\":\"PROCESS\",\"max_workers\":1,\"limits\":{\"memory_bytes\":30000000}}")
                        .status())
                .isEqualTo(201);
        // A JVM of 30 MB does not even begin: the task says why, instead of waiting for ever.
        JsonNode task = api.run("{\"callable\":\"noop\",\"pool\":\"eaters\"}").json();
        assertThat(task.path("state").asText()).isEqualTo("FAILED");
        assertThat(task.at("/error/message").asText()).contains("SIGKILL");
        api.put(
                "/v1/pools/eaters",
                "{\"kind\":\"PROCESS\",\"max_workers\":1,\"limits\":{\"memory_bytes\":500000000},\"grace_ms\":100}");
        assertThat(api.run("{\"callable\":\"noop\",\"pool\":\"eaters\"}").state())
                .isEqualTo("SUCCEEDED");
    }

    @Test
    void limitsOfPoolsOutliveTheService(@TempDir Path folder) {
        String settings = "{\"kind\":\"COMMAND\",\"max_workers\":1,\"limits\":{\"cpu_ms\":5000},"
                + "\"max_limits\":{\"cpu_ms\":6000},\"queue_timeout_ms\":70000,\"max_queue_timeout_ms\":80000}";
        JsonNode before;
        try (Started first = new Started(folder, "COMMANDS", COMMANDS)) {
            before = first.api.put("/v1/pools/own", settings).json();
        }
        try (Started second = new Started(folder, "COMMANDS", COMMANDS)) {
            JsonNode after = second.api.get("/v1/pools/own").json();
            assertThat(after).isEqualTo(before);
            JsonNode task = second.api
                    .run("{\"callable\":\"sh\",\"args\":[\"true\"],\"pool\":\"own\",\"queue_timeout_ms\":90000}")
                    .json();
            assertThat(task.path("queue_timeout_ms").asLong()).isEqualTo(80_000);
            assertThat(task.at("/limits/cpu_ms").asLong()).isEqualTo(5_000);
        }
    }

    @Test
    void sameKeyWithOtherLimitsIsAnotherRequest() {
        String body = "{\"callable\":\"sh\",\"args\":[\"true\"],\"limits\":{\"cpu_ms\":5000}}";
        assertThat(api.post("/v1/tasks", body, "Idempotency-Key", "limits").status())
                .isEqualTo(201);
        assertThat(api.post("/v1/tasks", body, "Idempotency-Key", "limits").status())
                .isEqualTo(200);
        assertThat(api.post("/v1/tasks", body.replace("5000", "6000"), "Idempotency-Key", "limits")
                        .code())
                .isEqualTo("idempotency_key_reused");
    }
}
