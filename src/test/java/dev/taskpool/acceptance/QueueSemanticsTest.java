package dev.taskpool.acceptance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What queues and executors of other languages promise; docs/semantics.md says which semantic each test holds. */
@Timeout(120)
class QueueSemanticsTest {
    @TempDir
    static Path data;

    static Started service;
    static Api api;

    @BeforeAll
    static void start() {
        service = new Started(
                data.resolve("data"), "PLUGINS_DIRECTORY", Gates.folder(data).toString());
        api = service.api;
    }

    @AfterAll
    static void stop() {
        service.close();
    }

    private static void make(String pool, int workers, String more) {
        assertThat(api.put("/v1/pools/" + pool, "{\"kind\":\"THREAD\",\"max_workers\":" + workers + more + "}")
                        .status())
                .isEqualTo(201);
    }

    private static JsonNode pool(String name) {
        return api.get("/v1/pools/" + name).json();
    }

    private static String noop(String pool) {
        return "{\"callable\":\"noop\",\"pool\":\"" + pool + "\"}";
    }

    private static List<String> batch(String item, int count) {
        return api.post("/v1/batches", "{\"items\":[" + (item + ",").repeat(count - 1) + item + "]}")
                .json()
                .path("items")
                .findValuesAsText("id");
    }

    private static JsonNode waitForAll(List<String> ids) {
        JsonNode waited = api.post("/v1/wait", "{\"task_ids\":[\"" + String.join("\",\"", ids) + "\"],\"wait\":55}")
                .json();
        assertThat(waited.path("satisfied").asBoolean()).isTrue();
        return waited.path("done");
    }

    @Test
    void equalsStartInTheOrderOfTheirSubmission() {
        make("q1", 1, "");
        api.post("/v1/pools/q1/pause", null);
        List<String> ids = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            ids.add(api.submit(noop("q1")).id());
        }
        String urgent = api.submit("{\"callable\":\"noop\",\"pool\":\"q1\",\"priority\":10}")
                .id();
        ids.addAll(batch(noop("q1"), 20));
        api.post("/v1/pools/q1/resume", null);
        ids.addFirst(urgent);
        // One worker: they end as they start.
        assertThat(waitForAll(ids.reversed()).findValuesAsText("id")).isEqualTo(ids);
    }

    @Test
    void neverMoreThanMaxWorkersRunAtOnce() {
        make("q2", 3, "");
        String gate = Gates.make();
        List<String> ids = batch(Gates.task(gate, "1", "q2"), 45);
        await().until(() -> Gates.mostInside(gate) == 3);
        assertThat(pool("q2").path("running").asInt()).isEqualTo(3);
        assertThat(pool("q2").path("pending").asInt()).isEqualTo(42);
        assertThat(api.get("/v1/pools/q2/workers").json().path("items")).hasSize(3);
        Gates.open(gate);
        assertThat(waitForAll(ids).findValuesAsText("state")).hasSize(45).containsOnly("SUCCEEDED");
        assertThat(Gates.mostInside(gate)).isEqualTo(3);
    }

    @Test
    void cancelledTaskLeavesTheQueueAtOnce() {
        make("q3", 1, ",\"queue_capacity\":2");
        api.post("/v1/pools/q3/pause", null);
        String first = api.submit(noop("q3")).id();
        String second = api.submit(noop("q3")).id();
        assertThat(api.submit(noop("q3")).code()).isEqualTo("queue_full");
        api.post("/v1/tasks/" + first + "/cancel", null);
        assertThat(pool("q3").path("pending").asInt()).isEqualTo(1);
        String third = api.submit(noop("q3")).id();
        assertThat(api.submit(noop("q3")).code()).isEqualTo("queue_full");
        api.post("/v1/pools/q3/resume", null);
        assertThat(waitForAll(List.of(second, third)).findValuesAsText("state")).containsOnly("SUCCEEDED");
        assertThat(api.get("/v1/tasks/" + first).json().has("started_at")).isFalse();
    }

    @Test
    void countersNeverSayTooMuch() {
        make("q4", 3, "");
        int count = 300;
        CompletableFuture<HttpResponse<byte[]>> sent = api.send(
                "POST", "/v1/batches", "{\"items\":[" + (noop("q4") + ",").repeat(count - 1) + noop("q4") + "]}");
        long before = 0;
        while (before < count) {
            JsonNode pool = pool("q4");
            assertThat(pool.path("running").asInt()).isBetween(0, 3);
            assertThat(pool.path("pending").asInt() + pool.path("running").asInt())
                    .isBetween(0, count);
            long done = done("q4");
            assertThat(done).isBetween(before, (long) count);
            before = done;
        }
        assertThat(sent.join().statusCode()).isEqualTo(201);
        assertThat(api.get("/v1/tasks?pool=q4&state=SUCCEEDED&limit=500").json().path("items"))
                .hasSize(count);
        assertThat(pool("q4").path("pending").asInt()).isZero();
        assertThat(pool("q4").path("running").asInt()).isZero();
    }

    /** Tasks of a pool that are done, as the metrics have it. */
    private static long done(String pool) {
        return api.raw("GET", "/metrics", null)
                .text()
                .lines()
                .filter(line -> line.startsWith("taskpool_tasks_done_total{pool=\"" + pool + "\""))
                .mapToLong(line -> (long) Double.parseDouble(line.substring(line.lastIndexOf(' '))))
                .sum();
    }

    @Test
    void runningTasksAreListedWithTheTimeThatTheyHave() {
        make("q5", 1, ",\"default_timeout_ms\":50000");
        String gate = Gates.make();
        String usual = api.submit(Gates.task(gate, "1", "q5")).id();
        await().until(() -> api.get("/v1/tasks/" + usual).state().equals("RUNNING"));
        JsonNode running = api.get("/v1/tasks?pool=q5&state=RUNNING").json().path("items");
        assertThat(running.findValuesAsText("id")).isEqualTo(List.of(usual));
        assertThat(running.get(0).path("timeout_ms").asLong()).isEqualTo(50_000);
        assertThat(Instant.parse(running.get(0).path("started_at").asText()).plusMillis(50_000))
                .isBetween(Instant.now(), Instant.now().plusMillis(50_000));
        Gates.open(gate);
        // What a task asks for stands above what its pool says.
        Api.Answer own = api.run("{\"callable\":\"time.sleep\",\"args\":[600],\"pool\":\"q5\",\"timeout_ms\":100}");
        assertThat(own.json().at("/error/code").asText()).isEqualTo("timeout");
        assertThat(own.json().path("timeout_ms").asLong()).isEqualTo(100);
    }

    @Test
    void fullPoolSaysThatItIsFull() {
        make("q6", 1, ",\"queue_capacity\":1");
        String gate = Gates.make();
        String running = api.submit(Gates.task(gate, "1", "q6")).id();
        await().until(() -> pool("q6").path("running").asInt() == 1);
        String pending = api.submit(noop("q6")).id();
        JsonNode full = pool("q6");
        assertThat(full.path("running").asInt())
                .isEqualTo(full.path("max_workers").asInt());
        assertThat(full.path("pending").asInt())
                .isEqualTo(full.path("queue_capacity").asInt());
        Api.Answer refused = api.submit(noop("q6"));
        assertThat(refused.status()).isEqualTo(429);
        assertThat(refused.header("Retry-After")).isNotEmpty();
        Gates.open(gate);
        waitForAll(List.of(running, pending));
        JsonNode idle = pool("q6");
        assertThat(idle.path("running").asInt()).isZero();
        assertThat(idle.path("pending").asInt()).isZero();
    }

    @Test
    void thousandSubmissionsAtOnceWaitForNoWorker() {
        make("q7", 1, "");
        String gate = Gates.make();
        api.submit(Gates.task(gate, "1", "q7"));
        await().until(() -> pool("q7").path("running").asInt() == 1);
        List<CompletableFuture<HttpResponse<byte[]>>> sent = IntStream.range(0, 1_000)
                .mapToObj(i -> api.send("POST", "/v1/tasks", noop("q7")))
                .toList();
        // The only worker is held until all of them are answered.
        assertThat(sent)
                .allSatisfy(answer -> assertThat(answer.join().statusCode()).isEqualTo(201));
        assertThat(pool("q7").path("pending").asInt()).isEqualTo(1_000);
        Gates.open(gate);
        await().until(() -> pool("q7").path("pending").asInt() == 0);
    }
}
