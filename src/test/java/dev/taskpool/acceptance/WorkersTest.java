package dev.taskpool.acceptance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.worker.Interpreters;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The workers of a pool, over HTTP. */
@Timeout(180)
class WorkersTest {
    @TempDir
    static Path data;

    static Started service;
    static Api api;

    @BeforeAll
    static void start() {
        Interpreters.assumeThere("python3");
        String worker =
                Path.of("src/test/resources/mortal_worker.py").toAbsolutePath().toString();
        service = new Started(
                data,
                "WORKERS",
                "{mortal: {command: [python3, -S, '" + worker + "'], start_timeout: 1m}}",
                "COMMANDS",
                "{nap: {argv: [sleep, '{args[0]}']}}");
        api = service.api;
    }

    @AfterAll
    static void stop() {
        if (service != null) {
            service.close();
        }
    }

    private static void make(String name, String more) {
        Api.Answer made = api.put(
                "/v1/pools/" + name, "{\"kind\":\"PROCESS\",\"worker_type\":\"mortal\",\"grace_ms\":200" + more + "}");
        assertThat(made.status()).as(made.text()).isLessThan(300);
    }

    private static String task(String pool, String callable, String args) {
        return "{\"callable\":\"" + callable + "\",\"args\":" + args + ",\"pool\":\"" + pool + "\"}";
    }

    private static JsonNode workers(String pool) {
        return api.get("/v1/pools/" + pool + "/workers").json().path("items");
    }

    private static JsonNode busy(String pool) {
        await().atMost(Duration.ofSeconds(60))
                .until(() -> workers(pool).findValuesAsText("state").contains("BUSY"));
        for (JsonNode each : workers(pool)) {
            if (each.path("state").asText().equals("BUSY")) {
                return each;
            }
        }
        throw new AssertionError("no longer busy");
    }

    private static boolean lives(JsonNode worker) {
        return ProcessHandle.of(worker.path("pid").asLong()).isPresent();
    }

    @Test
    void workerProcessIsListedWithWhatItDoes() {
        make("w1", ",\"max_workers\":2");
        assertThat(workers("w1")).isEmpty();
        long pid = api.run(task("w1", "mortal.pid", "[]")).json().path("result").asLong();
        api.run(task("w1", "mortal.pid", "[]"));
        JsonNode idle = workers("w1").get(0);
        assertThat(workers("w1")).hasSize(1);
        assertThat(idle.path("pid").asLong()).isEqualTo(pid);
        assertThat(idle.path("state").asText()).isEqualTo("IDLE");
        assertThat(idle.path("tasks_done").asInt()).isEqualTo(2);
        assertThat(idle.path("memory_bytes").asLong()).isGreaterThan(1 << 20);
        assertThat(idle.has("task_id")).isFalse();
        String id = api.submit(task("w1", "mortal.sleep", "[600]")).id();
        JsonNode busy = busy("w1");
        assertThat(busy.path("id")).isEqualTo(idle.path("id"));
        assertThat(busy.path("task_id").asText()).isEqualTo(id);
        assertThat(busy.path("since").asText())
                .isGreaterThanOrEqualTo(busy.path("started_at").asText());
        api.post("/v1/pools/w1/terminate?signal=KILL", null);
    }

    @Test
    void signalToOneWorkerFailsItsTaskOnly() {
        make("w2", ",\"max_workers\":2");
        String id = api.submit(task("w2", "mortal.sleep", "[600]")).id();
        JsonNode worker = busy("w2");
        String path = "/v1/pools/w2/workers/" + worker.path("id").asText() + "/signal";
        assertThat(api.post(path + "?signal=NONE", null).status()).isEqualTo(400);
        assertThat(api.post(path, null).status()).isEqualTo(400);
        assertThat(api.post(path + "?signal=USR1", null).status()).isEqualTo(204);
        Api.Answer done = api.awaitDone(id);
        assertThat(done.json().at("/error/code").asText()).isEqualTo("worker_died");
        assertThat(done.json().at("/error/signal").asText()).isEqualTo("SIGUSR1");
        assertThat(api.post(path + "?signal=KILL", null).code()).isEqualTo("worker_not_found");
        assertThat(api.run(task("w2", "mortal.echo", "[1]")).state()).isEqualTo("SUCCEEDED");
    }

    @Test
    void terminatedPoolGoesOn() {
        for (String signal : List.of("TERM", "KILL")) {
            String name = "w3-" + signal.toLowerCase(java.util.Locale.ROOT);
            make(name, ",\"max_workers\":1,\"on_worker_lost\":\"BREAK\"");
            assertThat(api.post("/v1/pools/" + name + "/terminate?signal=" + signal, null)
                            .state())
                    .isEqualTo("ACTIVE");
            String running = api.submit(task(name, "mortal.sleep", "[600]")).id();
            String pending = api.submit(task(name, "mortal.echo", "[7]")).id();
            JsonNode worker = busy(name);
            for (int i = 0; i < 2; i++) {
                assertThat(api.post("/v1/pools/" + name + "/terminate?signal=" + signal, null)
                                .status())
                        .isEqualTo(200);
            }
            Api.Answer ended = api.awaitDone(running);
            assertThat(ended.json().at("/error/code").asText()).isEqualTo("worker_died");
            assertThat(ended.json().at("/error/signal").asText()).isEqualTo("SIG" + signal);
            assertThat(lives(worker)).isFalse();
            assertThat(api.awaitDone(pending).state()).isEqualTo("SUCCEEDED");
            assertThat(api.get("/v1/pools/" + name).state()).isEqualTo("ACTIVE");
            api.post("/v1/pools/" + name + "/shutdown?wait=20", null);
            assertThat(workers(name)).isEmpty();
            assertThat(api.post("/v1/pools/" + name + "/terminate?signal=" + signal, null)
                            .state())
                    .isEqualTo("SHUT_DOWN");
        }
        assertThat(api.post("/v1/pools/none/terminate?signal=KILL", null).code())
                .isEqualTo("pool_not_found");
    }

    @Test
    void subprocessesOfCommandsAreWorkers() {
        String id = api.submit(task("commands", "nap", "[\"600\"]")).id();
        JsonNode worker = busy("commands");
        assertThat(worker.path("task_id").asText()).isEqualTo(id);
        assertThat(lives(worker)).isTrue();
        api.post("/v1/pools/commands/workers/" + worker.path("id").asText() + "/signal?signal=INT", null);
        assertThat(api.awaitDone(id).json().at("/error/signal").asText()).isEqualTo("SIGINT");
        String other = api.submit(task("commands", "nap", "[\"600\"]")).id();
        busy("commands");
        api.post("/v1/pools/commands/terminate?signal=TERM", null);
        assertThat(api.awaitDone(other).json().at("/error/code").asText()).isEqualTo("process_signal");
        assertThat(workers("commands")).isEmpty();
    }

    @Test
    void threadsAreWorkersWithoutProcess() {
        String id = api.submit(task("default", "time.sleep", "[600]")).id();
        JsonNode worker = busy("default");
        assertThat(worker.path("task_id").asText()).isEqualTo(id);
        assertThat(worker.has("pid")).isFalse();
        String path = "/v1/pools/default/workers/" + worker.path("id").asText() + "/signal?signal=KILL";
        assertThat(api.post(path, null).code()).isEqualTo("worker_has_no_process");
        api.post("/v1/pools/default/terminate?signal=KILL", null);
        assertThat(api.awaitDone(id).json().at("/error/code").asText()).isEqualTo("exception");
    }

    @Test
    void failedInitializerIsShownAndMended() {
        String broken = ",\"max_workers\":2,\"initializer\":{\"callable\":\"mortal.fail\",\"args\":[\"no model\"]}";
        make("w4", broken);
        api.post("/v1/pools/w4/pause", null);
        List<String> pending = List.of(
                api.submit(task("w4", "mortal.echo", "[1]")).id(),
                api.submit(task("w4", "mortal.echo", "[2]")).id(),
                api.submit(task("w4", "mortal.echo", "[3]")).id());
        api.post("/v1/pools/w4/resume", null);
        for (String id : pending) {
            assertThat(api.awaitDone(id).json().at("/error/code").asText()).isEqualTo("initializer_failed");
        }
        await().until(() -> api.get("/v1/pools/w4").state().equals("BROKEN"));
        JsonNode pool = api.get("/v1/pools/w4").json();
        assertThat(pool.at("/broken/code").asText()).isEqualTo("initializer_failed");
        assertThat(pool.at("/broken/cause").asText()).isEqualTo("Refused: no model");
        assertThat(pool.at("/initializer/callable").asText()).isEqualTo("mortal.fail");
        assertThat(pool.path("broken_by").asText()).contains("initializer", "no model");
        assertThat(api.submit(task("w4", "mortal.echo", "[1]")).code()).isEqualTo("pool_broken");
        assertThat(workers("w4")).isEmpty();
        // With the same settings it is mended, and breaks again.
        make("w4", broken);
        assertThat(api.run(task("w4", "mortal.echo", "[1]"))
                        .json()
                        .at("/error/code")
                        .asText())
                .isEqualTo("initializer_failed");
        await().until(() -> api.get("/v1/pools/w4").state().equals("BROKEN"));
        make("w4", ",\"max_workers\":2,\"initializer\":{\"callable\":\"mortal.mark\",\"args\":[\"m\"]}");
        assertThat(api.run(task("w4", "mortal.mark", "[]"))
                        .json()
                        .at("/result/0")
                        .asText())
                .isEqualTo("m");
        assertThat(api.get("/v1/pools/w4").json().has("broken")).isFalse();
    }

    @Test
    void initializerMustBeWhatTheWorkersHave() {
        String path = "/v1/pools/w5";
        String body = "{\"kind\":\"PROCESS\",\"worker_type\":\"mortal\",\"max_workers\":1,\"initializer\":";
        Api.Answer unknown = api.put(path, body + "{\"callable\":\"noop\"}}");
        assertThat(unknown.status()).isEqualTo(422);
        assertThat(unknown.json().at("/errors/0/pointer").asText()).isEqualTo("/initializer/callable");
        assertThat(api.put(path, body + "{\"args\":[1]}}").status()).isEqualTo(400);
        assertThat(api.put(path, body + "{\"callable\":\"mortal.mark\",\"argv\":[1]}}")
                        .json()
                        .at("/errors/0/pointer")
                        .asText())
                .isEqualTo("/initializer/argv");
        assertThat(api.put(path, "{\"kind\":\"THREAD\",\"max_workers\":1,\"max_worker_age_ms\":10}")
                        .status())
                .isEqualTo(400);
    }

    @Test
    void backlogOutlivesRecyclingWhileThePoolShutsDown() {
        make("w6", ",\"max_workers\":2,\"max_tasks_per_worker\":2,\"max_worker_memory_bytes\":1073741824");
        String one = task("w6", "mortal.pid", "[]");
        String batch = api.post("/v1/batches", "{\"items\":[" + (one + ",").repeat(29) + one + "]}")
                .id();
        assertThat(api.post("/v1/pools/w6/shutdown", null).state()).isEqualTo("SHUTTING_DOWN");
        JsonNode done = api.post("/v1/wait", "{\"batch_id\":\"" + batch + "\",\"wait\":25}")
                .json()
                .path("done");
        assertThat(done.findValuesAsText("state")).hasSize(30).containsOnly("SUCCEEDED");
        await().atMost(Duration.ofSeconds(60))
                .until(() -> api.get("/v1/pools/w6").state().equals("SHUT_DOWN"));
        assertThat(workers("w6")).isEmpty();
    }

    @Test
    void pausedPoolKeepsItsWorkers() {
        make("w7", ",\"max_workers\":1");
        JsonNode pid = api.run(task("w7", "mortal.pid", "[]")).json().path("result");
        api.post("/v1/pools/w7/pause", null);
        String held = api.submit(task("w7", "mortal.pid", "[]")).id();
        assertThat(workers("w7").get(0).path("pid").asLong()).isEqualTo(pid.asLong());
        api.post("/v1/pools/w7/resume", null);
        assertThat(api.awaitDone(held).json().path("result")).isEqualTo(pid);
    }
}
