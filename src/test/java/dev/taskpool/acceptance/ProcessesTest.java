package dev.taskpool.acceptance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tasks in subprocesses, over HTTP. */
class ProcessesTest {
    private static final String COMMANDS = """
            {sh: {argv: [sh, -c, "{args[0]}"]},
             cat: {argv: [cat], stdin: args_json, result: json},
             list: {argv: [ls, "{args...}"]},
             exit: {argv: [sh, -c, 'echo out; echo err >&2; exit "$1"', x, "{args[0]}"], success_exit_codes: [0, 3]}}
            """;

    @TempDir
    static Path data;

    static Started service;
    static Api api;

    @BeforeAll
    static void start() {
        service = new Started(data, "COMMANDS", COMMANDS);
        api = service.api;
    }

    @AfterAll
    static void stop() {
        service.close();
    }

    private static String command(String name, String args) {
        return "{\"callable\":\"" + name + "\",\"args\":" + args + ",\"pool\":\"commands\"}";
    }

    @Test
    void sumIsExactOnAProcessPool() {
        Api.Answer answer =
                api.run("{\"callable\":\"math.sum_of_squares\",\"args\":[10000000],\"pool\":\"processes\"}");
        assertThat(answer.json().path("result").bigIntegerValue()).hasToString("333333283333335000000");
    }

    @Test
    void valuesCrossTheProcessUnchanged() {
        Api.Answer answer =
                api.run("{\"callable\":\"echo\",\"args\":[12345678901234567890123,-0.10,\"\\ud83d\\ude00\"],"
                        + "\"kwargs\":{\"b\":1.50},\"pool\":\"processes\"}");
        JsonNode result = answer.json().path("result");
        assertThat(result.at("/args/0").bigIntegerValue()).hasToString("12345678901234567890123");
        assertThat(result.at("/args/1").decimalValue()).hasToString("-0.10");
        assertThat(result.at("/args/2").asText()).isEqualTo("\ud83d\ude00");
        assertThat(result.at("/kwargs/b").decimalValue()).hasToString("1.50");
    }

    @Test
    void stubbornTaskOnAProcessIsKilled() {
        String id = api.submit("{\"callable\":\"demo.stubborn\",\"args\":[600],\"pool\":\"processes\"}")
                .id();
        await().until(() -> api.get("/v1/tasks/" + id).state().equals("RUNNING"));
        api.put("/v1/pools/quick", "{\"kind\":\"PROCESS\",\"max_workers\":1,\"grace_ms\":100}");
        String quick = api.submit("{\"callable\":\"demo.stubborn\",\"args\":[600],\"pool\":\"quick\"}")
                .id();
        await().until(() -> api.get("/v1/tasks/" + quick).state().equals("RUNNING"));
        assertThat(api.post("/v1/tasks/" + quick + "/cancel?interrupt=true&wait=20", null)
                        .state())
                .isEqualTo("CANCELLED");
        assertThat(api.run("{\"callable\":\"identity\",\"args\":[1],\"pool\":\"quick\"}")
                        .state())
                .isEqualTo("SUCCEEDED");
        Api.Answer late =
                api.run("{\"callable\":\"demo.stubborn\",\"args\":[600],\"pool\":\"quick\",\"timeout_ms\":300}");
        assertThat(late.json().at("/error/code").asText()).isEqualTo("timeout");
        api.post("/v1/tasks/" + id + "/cancel?interrupt=true&wait=20", null);
    }

    @Test
    void commandGetsArgumentsAndGivesItsOutput() {
        Api.Answer answer = api.run(command("sh", "[\"printf '%s' hello\"]"));
        assertThat(answer.json().path("result").asText()).isEqualTo("hello");
        assertThat(answer.json().path("exit_code").asInt()).isZero();
        JsonNode cat = api.run("{\"callable\":\"cat\",\"args\":[1,1.50],\"kwargs\":{\"a\":\"b\"}}")
                .json();
        assertThat(cat.path("pool").asText()).isEqualTo("commands");
        assertThat(cat.at("/result/args/1").decimalValue()).hasToString("1.50");
    }

    @Test
    void exitCodesAreJudged() {
        Api.Answer three = api.run(command("exit", "[3]"));
        assertThat(three.state()).isEqualTo("SUCCEEDED");
        assertThat(three.json().path("exit_code").asInt()).isEqualTo(3);
        Api.Answer four = api.run(command("exit", "[4]"));
        assertThat(four.state()).isEqualTo("FAILED");
        assertThat(four.json().at("/error/code").asText()).isEqualTo("process_exit");
        assertThat(four.json().at("/error/exit_code").asInt()).isEqualTo(4);
        assertThat(api.get("/v1/tasks/" + four.id() + "/stdout").text()).isEqualTo("out\n");
        assertThat(api.get("/v1/tasks/" + four.id() + "/stderr").text()).isEqualTo("err\n");
        Api.Answer killed = api.run(command("sh", "[\"kill -9 $$\"]"));
        assertThat(killed.json().at("/error/code").asText()).isEqualTo("process_signal");
        assertThat(killed.json().at("/error/signal").asText()).isEqualTo("SIGKILL");
    }

    @Test
    void exitRecordSaysHowAndWhyAndWhatItTook() {
        JsonNode exited = api.run(command("sh", "[\"i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; exit 5\"]"))
                .json();
        assertThat(exited.at("/exit/code").asInt()).isEqualTo(5);
        assertThat(exited.at("/exit/cause").asText()).isEqualTo("exited");
        assertThat(exited.at("/exit/user_cpu_ms").asLong()).isPositive();
        assertThat(exited.at("/exit/wall_ms").asLong()).isPositive();
        JsonNode killed = api.run(command("sh", "[\"kill -9 $$\"]")).json();
        assertThat(killed.path("exit").has("code")).isFalse();
        assertThat(killed.at("/exit/signal").asText()).isEqualTo("SIGKILL");
        assertThat(killed.at("/exit/cause").asText()).isEqualTo("signalled");
        JsonNode late = api.run("{\"callable\":\"sh\",\"args\":[\"sleep 60\"],\"timeout_ms\":100}")
                .json();
        assertThat(late.at("/exit/cause").asText()).isEqualTo("timeout");
        assertThat(late.at("/exit/signal").asText()).isEqualTo("SIGTERM");
        String id = api.submit(command("sh", "[\"trap 'exit 9' TERM; echo up; while :; do sleep 0.05; done\"]"))
                .id();
        await().until(() -> api.get("/v1/tasks/" + id + "/stdout").text().equals("up\n"));
        JsonNode cancelled = api.post("/v1/tasks/" + id + "/cancel?interrupt=true&wait=20", null)
                .json();
        assertThat(cancelled.at("/exit/cause").asText()).isEqualTo("cancelled");
        assertThat(cancelled.at("/exit/code").asInt()).isEqualTo(9);
        assertThat(api.run("{\"callable\":\"noop\"}").json().has("exit")).isFalse();
    }

    @Test
    void exitRecordOutlivesTheService(@TempDir Path folder) {
        String id;
        JsonNode before;
        try (Started first = new Started(folder, "COMMANDS", COMMANDS)) {
            id = first.api.run(command("exit", "[4]")).id();
            before = first.api.get("/v1/tasks/" + id).json().path("exit");
        }
        assertThat(before.path("code").asInt()).isEqualTo(4);
        try (Started second = new Started(folder, "COMMANDS", COMMANDS)) {
            assertThat(second.api.get("/v1/tasks/" + id).json().path("exit")).isEqualTo(before);
        }
    }

    @Test
    void optionsCannotBeSmuggledIn() {
        Api.Answer answer = api.submit(command("list", "[\"--help\"]"));
        assertThat(answer.status()).isEqualTo(422);
        assertThat(answer.code()).isEqualTo("invalid_arguments");
        assertThat(answer.json().at("/errors/0/pointer").asText()).isEqualTo("/args/0");
    }

    @Test
    void cancelKillsTheWholeTree() {
        String marker = "taskpool-test-" + System.nanoTime();
        String id = api.submit(command(
                        "sh",
                        "[\"trap '' TERM; (setsid sh -c 'exec sleep 1000 # " + marker + "' &) ; sh -c 'sleep 1001; : "
                                + marker + "'; sleep 1002\"]"))
                .id();
        await().until(() -> alive(marker) >= 2);
        Api.Answer cancelled = api.post("/v1/tasks/" + id + "/cancel?interrupt=true&wait=20", null);
        assertThat(cancelled.state()).isEqualTo("CANCELLED");
        assertThat(alive(marker)).isZero();
    }

    private static long alive(String marker) {
        return ProcessHandle.allProcesses()
                .filter(p -> commandLine(p.pid()).contains(marker))
                .count();
    }

    private static String commandLine(long pid) {
        try {
            return Files.readString(Path.of("/proc/" + pid + "/cmdline"), java.nio.charset.StandardCharsets.ISO_8859_1);
        } catch (java.io.IOException e) {
            return "";
        }
    }

    @Test
    void manyCommandsLeaveNothingBehind() {
        String items = (command("sh", "[\"echo $TMPDIR > f; ls\"]") + ",").repeat(199) + command("sh", "[\"ls\"]");
        String batch = api.post("/v1/batches", "{\"items\":[" + items + "]}").id();
        JsonNode waited = api.post("/v1/wait", "{\"batch_id\":\"" + batch + "\",\"wait\":25}")
                .json();
        assertThat(waited.path("satisfied").asBoolean()).isTrue();
        assertThat(waited.path("done").findValuesAsText("state")).containsOnly("SUCCEEDED");
        await().untilAsserted(() -> {
            try (var left = Files.list(data.resolve("scratch"))) {
                assertThat(left.toList()).isEqualTo(List.of());
            }
        });
    }

    @Test
    void brokenPoolFailsItsTasksAndIsMended() {
        api.put("/v1/pools/brittle", "{\"kind\":\"PROCESS\",\"max_workers\":1,\"on_worker_lost\":\"BREAK\"}");
        String running = api.submit(
                        "{\"callable\":\"demo.print_sleep\",\"args\":[\"at work\"],\"kwargs\":{\"seconds\":600},\"pool\":\"brittle\"}")
                .id();
        String pending =
                api.submit("{\"callable\":\"noop\",\"pool\":\"brittle\"}").id();
        await().until(() ->
                api.raw("GET", "/v1/tasks/" + running + "/stdout", null).text().equals("at work\n"));
        ProcessHandle worker = youngestWorker().orElseThrow();
        worker.destroyForcibly();
        assertThat(api.awaitDone(running).json().at("/error/code").asText()).isEqualTo("worker_died");
        assertThat(api.awaitDone(pending).json().at("/error/code").asText()).isEqualTo("pool_broken");
        Api.Answer pool = api.get("/v1/pools/brittle");
        assertThat(pool.state()).isEqualTo("BROKEN");
        assertThat(pool.json().path("broken_by").asText()).isNotEmpty();
        assertThat(api.submit("{\"callable\":\"noop\",\"pool\":\"brittle\"}").code())
                .isEqualTo("pool_broken");
        api.put("/v1/pools/brittle", "{\"kind\":\"PROCESS\",\"max_workers\":1,\"on_worker_lost\":\"HEAL\"}");
        assertThat(api.run("{\"callable\":\"noop\",\"pool\":\"brittle\"}").state())
                .isEqualTo("SUCCEEDED");
    }

    @Test
    void poolThatBreaksOnItsWayDownIsDown() {
        api.put("/v1/pools/falling", "{\"kind\":\"PROCESS\",\"max_workers\":1,\"on_worker_lost\":\"BREAK\"}");
        String running = api.submit(
                        "{\"callable\":\"demo.print_sleep\",\"args\":[\"at work\"],\"kwargs\":{\"seconds\":600},\"pool\":\"falling\"}")
                .id();
        String pending =
                api.submit("{\"callable\":\"noop\",\"pool\":\"falling\"}").id();
        await().until(() ->
                api.raw("GET", "/v1/tasks/" + running + "/stdout", null).text().equals("at work\n"));
        assertThat(api.post("/v1/pools/falling/shutdown", null).state()).isEqualTo("SHUTTING_DOWN");
        youngestWorker().orElseThrow().destroyForcibly();
        assertThat(api.awaitDone(running).json().at("/error/code").asText()).isEqualTo("worker_died");
        assertThat(api.awaitDone(pending).json().at("/error/code").asText()).isEqualTo("pool_broken");
        await().until(() -> api.get("/v1/pools/falling").state().equals("SHUT_DOWN"));
        assertThat(api.delete("/v1/pools/falling").status()).isEqualTo(204);
    }

    /** The process of the youngest Java worker. */
    private static Optional<ProcessHandle> youngestWorker() {
        return ProcessHandle.current()
                .children()
                .filter(p -> commandLine(p.pid()).contains("JavaWorker"))
                .max(Comparator.comparing(p -> p.info().startInstant().orElse(Instant.EPOCH)));
    }
}
