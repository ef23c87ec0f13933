package dev.taskpool.acceptance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.worker.Interpreters;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What {@code Executor.shutdown} promises; docs/semantics.md says which semantic each test holds. */
@Timeout(120)
class ShutdownSemanticsTest {
    @TempDir
    static Path data;

    static Started service;
    static Api api;

    @BeforeAll
    static void start() {
        Interpreters.assumeThere("python3");
        Path worker = Path.of("src/test/resources/mortal_worker.py").toAbsolutePath();
        service = new Started(
                data.resolve("data"),
                "PLUGINS_DIRECTORY",
                Gates.folder(data).toString(),
                "WORKERS",
                "{mortal: {command: [python3, -I, -S, '" + worker + "'], start_timeout: 1m}}");
        api = service.api;
    }

    @AfterAll
    static void stop() {
        if (service != null) {
            service.close();
        }
    }

    private static void make(String pool, String settings) {
        assertThat(api.put("/v1/pools/" + pool, "{" + settings + "}").status()).isEqualTo(201);
    }

    private static void threads(String pool, int workers) {
        make(pool, "\"kind\":\"THREAD\",\"max_workers\":" + workers);
    }

    private static void processes(String pool, int workers, String more) {
        make(
                pool,
                "\"kind\":\"PROCESS\",\"worker_type\":\"mortal\",\"grace_ms\":200,\"max_workers\":" + workers + more);
    }

    private static String task(String callable, String args, String pool) {
        return "{\"callable\":\"" + callable + "\",\"args\":" + args + ",\"pool\":\"" + pool + "\"}";
    }

    private static List<String> batch(String item, int count) {
        return api.post("/v1/batches", "{\"items\":[" + (item + ",").repeat(count - 1) + item + "]}")
                .json()
                .path("items")
                .findValuesAsText("id");
    }

    private static JsonNode pool(String name) {
        return api.get("/v1/pools/" + name).json();
    }

    private static JsonNode workers(String pool) {
        return api.get("/v1/pools/" + pool + "/workers").json().path("items");
    }

    private static Api.Answer shutdown(String pool, String how) {
        Api.Answer answer = api.post("/v1/pools/" + pool + "/shutdown" + how, null);
        assertThat(answer.status()).isEqualTo(200);
        return answer;
    }

    private static void awaitDown(String pool) {
        await().until(() -> pool(pool).path("state").asText().equals("SHUT_DOWN"));
    }

    private static String state(String id) {
        return api.get("/v1/tasks/" + id).state();
    }

    private static boolean lives(String pid) {
        return Files.exists(Path.of("/proc/" + pid));
    }

    @Test
    void shutdownDoesNotWaitUnlessAskedAndNothingIsTakenFromThenOn() {
        threads("d1", 1);
        String gate = Gates.make();
        String running = api.submit(Gates.task(gate, "1", "d1")).id();
        assertThat(shutdown("d1", "").state()).isEqualTo("SHUTTING_DOWN");
        for (int i = 0; i < 2; i++) {
            Api.Answer refused = api.submit(task("noop", "[]", "d1"));
            assertThat(refused.status()).isEqualTo(409);
            assertThat(refused.code()).isEqualTo("pool_shut_down");
            assertThat(refused.json().path("detail").asText()).contains("cannot schedule new futures after shutdown");
            // Again is harmless, before its end and after.
            shutdown("d1", "");
            Gates.open(gate);
            awaitDown("d1");
        }
        assertThat(state(running)).isEqualTo("SUCCEEDED");
    }

    @Test
    void fiftyPendingTasksOfAPoolThatIsShutDownRun() {
        threads("d3", 5);
        String gate = Gates.make();
        List<String> ids = batch(Gates.task(gate, "1", "d3"), 50);
        CompletableFuture<HttpResponse<byte[]>> down = api.send("POST", "/v1/pools/d3/shutdown?wait=55", null);
        await().until(() -> pool("d3").path("state").asText().equals("SHUTTING_DOWN"));
        assertThat(pool("d3").path("pending").asInt()
                        + pool("d3").path("running").asInt())
                .isEqualTo(50);
        assertThat(down.isDone()).isFalse();
        Gates.open(gate);
        assertThat(new String(down.join().body(), StandardCharsets.UTF_8)).contains("\"state\":\"SHUT_DOWN\"");
        assertThat(ids).allSatisfy(id -> assertThat(state(id)).isEqualTo("SUCCEEDED"));
    }

    @Test
    void cancelPendingSparesWhatRunsAndListsWhatNeverStarted() {
        threads("d4", 5);
        String gate = Gates.make();
        List<String> ids = batch(Gates.task(gate, "1", "d4"), 50);
        await().until(() -> pool("d4").path("running").asInt() == 5);
        Api.Answer down = shutdown("d4", "?cancel_pending=true");
        assertThat(down.state()).isEqualTo("SHUTTING_DOWN");
        assertThat(down.json().path("pending").asInt()).isZero();
        assertThat(down.json().path("running").asInt()).isEqualTo(5);
        List<String> cancelled = new ArrayList<>(api.get("/v1/tasks?pool=d4&state=CANCELLED&limit=100")
                .json()
                .path("items")
                .findValuesAsText("id"));
        assertThat(cancelled).hasSize(45).isSubsetOf(ids);
        Gates.open(gate);
        awaitDown("d4");
        List<String> ran = new ArrayList<>(ids);
        ran.removeAll(cancelled);
        assertThat(ran).hasSize(5).allSatisfy(id -> assertThat(state(id)).isEqualTo("SUCCEEDED"));
    }

    @Test
    void poolIsDownWhenItsLastWorkerIsReaped() throws Exception {
        processes("d6", 3, ",\"min_workers\":3");
        await().until(() -> workers("d6").findValuesAsText("state").equals(List.of("IDLE", "IDLE", "IDLE")));
        List<String> pids = workers("d6").findValuesAsText("pid");
        assertThat(pids).hasSize(3).allMatch(ShutdownSemanticsTest::lives);
        // One that cannot exit for the time being.
        String stopped = workers("d6").get(0).path("id").asText();
        api.post("/v1/pools/d6/workers/" + stopped + "/signal?signal=STOP", null);
        CompletableFuture<HttpResponse<byte[]>> down = api.send("POST", "/v1/pools/d6/shutdown?wait=55", null);
        await().until(() -> !lives(pids.get(1)) && !lives(pids.get(2)));
        for (int i = 0; i < 20; i++) {
            assertThat(pool("d6").path("state").asText()).isEqualTo("SHUTTING_DOWN");
        }
        new ProcessBuilder("kill", "-CONT", pids.get(0)).start().waitFor();
        assertThat(new String(down.join().body(), StandardCharsets.UTF_8)).contains("\"state\":\"SHUT_DOWN\"");
        // Not even a zombie.
        assertThat(pids).noneMatch(ShutdownSemanticsTest::lives);
        assertThat(workers("d6")).isEmpty();
    }

    @Test
    void poolWhoseClientIsGoneRunsWhatItHasBeforeItEnds() {
        make("d8", "\"kind\":\"THREAD\",\"max_workers\":1,\"ttl_ms\":1000");
        String gate = Gates.make();
        List<String> ids = batch(Gates.task(gate, "1", "d8"), 4);
        // Lists do not name a pool, so they do not keep it.
        await().until(() -> listed("d8").path("state").asText().equals("SHUTTING_DOWN"));
        assertThat(ids).noneSatisfy(id -> assertThat(state(id)).isEqualTo("CANCELLED"));
        Gates.open(gate);
        await().until(() -> listed("d8").path("state").asText().equals("SHUT_DOWN"));
        assertThat(ids).allSatisfy(id -> assertThat(state(id)).isEqualTo("SUCCEEDED"));
    }

    private static JsonNode listed(String pool) {
        for (JsonNode each : api.get("/v1/pools").json().path("items")) {
            if (each.path("name").asText().equals(pool)) {
                return each;
            }
        }
        throw new AssertionError("not listed: " + pool);
    }

    @Test
    void fullPoolComesDown() {
        make("d11", "\"kind\":\"THREAD\",\"max_workers\":1,\"queue_capacity\":2");
        String gate = Gates.make();
        List<String> ids = new ArrayList<>();
        Api.Answer last = api.submit(Gates.task(gate, "1", "d11"));
        while (last.status() == 201) {
            ids.add(last.id());
            last = api.submit(Gates.task(gate, "1", "d11"));
        }
        assertThat(last.code()).isEqualTo("queue_full");
        assertThat(ids).hasSizeBetween(2, 3);
        shutdown("d11", "");
        assertThat(api.submit(task("noop", "[]", "d11")).code()).isEqualTo("pool_shut_down");
        Gates.open(gate);
        awaitDown("d11");
        assertThat(ids).allSatisfy(id -> assertThat(state(id)).isEqualTo("SUCCEEDED"));
    }

    @Test
    void poolThatHasOnlyCancelledTasksIsEmpty() {
        threads("d12", 1);
        api.post("/v1/pools/d12/pause", null);
        for (String id : batch(task("noop", "[]", "d12"), 5)) {
            assertThat(api.post("/v1/tasks/" + id + "/cancel", null).state()).isEqualTo("CANCELLED");
        }
        assertThat(shutdown("d12", "?wait=55").state()).isEqualTo("SHUT_DOWN");
        for (int i = 0; i < 10; i++) {
            threads("d12-" + i, 1);
            String id = api.submit(task("noop", "[]", "d12-" + i)).id();
            api.post("/v1/tasks/" + id + "/cancel", null);
            assertThat(shutdown("d12-" + i, "?wait=55").state()).isEqualTo("SHUT_DOWN");
            assertThat(state(id)).isIn("CANCELLED", "SUCCEEDED");
        }
    }

    @Test
    void failingTasksOnWornWorkersDoNotHoldAPoolUp() {
        processes("d13", 1, ",\"max_tasks_per_worker\":1");
        List<String> ids = batch(task("mortal.fail", "[\"no\"]", "d13"), 3);
        shutdown("d13", "");
        awaitDown("d13");
        for (String id : ids) {
            JsonNode error = api.get("/v1/tasks/" + id).json().path("error");
            assertThat(error.path("exception_type").asText()).isEqualTo("Refused");
        }
    }

    @Test
    void delayedTaskRunsBeforeItsPoolIsDown() {
        threads("d14", 1);
        JsonNode delayed = api.submit("{\"callable\":\"noop\",\"delay_ms\":700,\"pool\":\"d14\"}")
                .json();
        assertThat(shutdown("d14", "").state()).isEqualTo("SHUTTING_DOWN");
        assertThat(shutdown("d14", "?wait=55").state()).isEqualTo("SHUT_DOWN");
        JsonNode done = api.get("/v1/tasks/" + delayed.path("id").asText()).json();
        assertThat(done.path("state").asText()).isEqualTo("SUCCEEDED");
        assertThat(done.path("started_at").asText())
                .isGreaterThanOrEqualTo(delayed.path("not_before").asText());
    }

    @Test
    void workerThatDiesDuringShutdownIsToldAndThePoolComesDown() {
        processes("d15", 1, "");
        String running = api.submit(task("mortal.sleep", "[600]", "d15")).id();
        String pending = api.submit(task("mortal.echo", "[1]", "d15")).id();
        String dies = api.submit(task("mortal.die", "[0]", "d15")).id();
        await().until(() -> workers("d15").findValuesAsText("state").contains("BUSY"));
        assertThat(shutdown("d15", "").state()).isEqualTo("SHUTTING_DOWN");
        String worker = workers("d15").get(0).path("id").asText();
        assertThat(api.post("/v1/pools/d15/workers/" + worker + "/signal?signal=KILL", null)
                        .status())
                .isEqualTo(204);
        assertThat(api.awaitDone(running).json().at("/error/code").asText()).isEqualTo("worker_died");
        assertThat(api.awaitDone(pending).state()).isEqualTo("SUCCEEDED");
        assertThat(api.awaitDone(dies).json().at("/error/code").asText()).isEqualTo("worker_died");
        awaitDown("d15");
    }

    @Test
    void poolThatIsKilledWhileItShutsDownIsDownWithoutNewWorkers() {
        processes("d16", 2, ",\"max_tasks_per_worker\":1");
        List<String> ids = batch(task("mortal.sleep", "[600]", "d16"), 12);
        await().until(() -> workers("d16").findValuesAsText("state").equals(List.of("BUSY", "BUSY")));
        List<String> pids = workers("d16").findValuesAsText("pid");
        shutdown("d16", "?cancel_pending=true");
        assertThat(api.post("/v1/pools/d16/terminate?signal=KILL", null).status())
                .isEqualTo(200);
        awaitDown("d16");
        assertThat(pids).noneMatch(ShutdownSemanticsTest::lives);
        assertThat(workers("d16")).isEmpty();
        assertThat(pool("d16").path("worker_losses").asInt()).isZero();
        List<JsonNode> all =
                ids.stream().map(id -> api.get("/v1/tasks/" + id).json()).toList();
        assertThat(all.subList(0, 2)).allSatisfy(t -> {
            assertThat(t.at("/error/code").asText()).isEqualTo("worker_died");
            assertThat(t.at("/error/signal").asText()).isEqualTo("SIGKILL");
        });
        assertThat(all.subList(2, 12))
                .allSatisfy(t -> assertThat(t.path("state").asText()).isEqualTo("CANCELLED"));
        assertThat(api.post("/v1/pools/d16/terminate?signal=KILL", null).state())
                .isEqualTo("SHUT_DOWN");
    }
}
