package dev.taskpool.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.acceptance.Api;
import dev.taskpool.process.Unmarked;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** Pools of clients that are gone. */
@Execution(ExecutionMode.CONCURRENT)
class LeftPoolsTest {
    private static final int POOLS = 300;

    @TempDir
    static Path data;

    static ServiceProcess service;
    static Api api;

    @BeforeAll
    static void start() {
        service = new ServiceProcess(data, "STORE_DURABILITY", "process");
        api = service.api();
    }

    @AfterAll
    static void stop() {
        api.close();
        service.close();
    }

    private static List<String> pools(String prefix) {
        Api.Answer all = api.get("/v1/pools");
        assertThat(all.status()).as(all.text()).isEqualTo(200);
        return StreamSupport.stream(all.json().path("items").spliterator(), false)
                .map(p -> p.path("name").asText())
                .filter(n -> n.startsWith(prefix))
                .toList();
    }

    /**
     * What the service has of the system, and keeps alive in its heap.
     *
     * @param objects of the service's own classes: what the database caches grows for a while, and has its limit
     */
    private record Held(long threads, long processes, long files, long objects) {
        static Held now() throws IOException, InterruptedException {
            Path proc = Path.of("/proc", Long.toString(service.pid()));
            // The histogram counts what is alive, after a collection.
            Process histogram = Unmarked.start(new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "jcmd")
                                    .toString(),
                            Long.toString(service.pid()),
                            "GC.class_histogram")
                    .redirectErrorStream(true));
            long objects = new String(histogram.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .map(line -> line.strip().split("\\s+"))
                    .filter(columns -> columns.length > 3 && columns[3].startsWith("dev.taskpool."))
                    .mapToLong(columns -> Long.parseLong(columns[1]))
                    .sum();
            return new Held(
                    count(proc.resolve("task")),
                    ProcessHandle.of(service.pid()).orElseThrow().descendants().count(),
                    count(proc.resolve("fd")),
                    objects);
        }

        private static long count(Path folder) throws IOException {
            try (Stream<Path> all = Files.list(folder)) {
                return all.count();
            }
        }
    }

    /** Makes pools, uses them, and goes away; returns the tasks. */
    private static List<String> leave(int pools) {
        List<String> tasks = new ArrayList<>();
        for (int i = 0; i < pools; i++) {
            // Every thirtieth has processes, every third is paused with a task that never starts.
            String kind = i % 30 == 0 ? "PROCESS" : "THREAD";
            String pool = "left-" + i;
            try (Api client = service.api()) {
                client.put(
                        "/v1/pools/" + pool,
                        "{\"kind\":\"" + kind + "\",\"max_workers\":2,\"ttl_ms\":3000,\"ttl_cancel_pending\":true}");
                tasks.add(client.submit("{\"callable\":\"noop\",\"pool\":\"" + pool + "\"}")
                        .id());
                if (i % 3 == 1) {
                    client.post("/v1/pools/" + pool + "/pause", null);
                    tasks.add(client.submit("{\"callable\":\"noop\",\"pool\":\"" + pool + "\"}")
                            .id());
                }
            }
        }
        return tasks;
    }

    private static void awaitGone(List<String> tasks) {
        await().atMost(Duration.ofSeconds(90))
                .untilAsserted(() -> assertThat(pools("left-")).isEmpty());
        for (String task : tasks) {
            JsonNode now = api.get("/v1/tasks/" + task).json();
            assertThat(now.path("done").asBoolean()).as("%s", now).isTrue();
            api.delete("/v1/tasks/" + task);
        }
    }

    @Test
    void nothingIsLeftOfThem() throws Exception {
        // What the first of a kind makes for all stays: classes, the guardian, the threads that answer.
        awaitGone(leave(POOLS / 5));
        Held before = Held.now();
        awaitGone(leave(POOLS));
        await().atMost(Duration.ofSeconds(60)).untilAsserted(() -> {
            Held now = Held.now();
            assertThat(now.processes).isLessThanOrEqualTo(before.processes);
            // Some come and go with what the service does on its own.
            assertThat(now.threads).isLessThanOrEqualTo(before.threads + 8);
            assertThat(now.files).isLessThanOrEqualTo(before.files + 8);
            assertThat(now.objects).isLessThan(before.objects + POOLS / 2);
        });
        // Another test's wait ends when it is seen that its client is gone.
        await().untilAsserted(() -> assertThat(api.raw("GET", "/metrics", null).text())
                .doesNotContain("left-")
                .contains("taskpool_open_waits 0.0"));
    }

    @Test
    void poolThatIsRenewedOrWaitedForStays() {
        String settings = "{\"kind\":\"THREAD\",\"max_workers\":1,\"ttl_ms\":2500}";
        api.put("/v1/pools/kept", settings);
        api.put("/v1/pools/awaited", settings);
        api.put("/v1/pools/forgotten", settings);
        String task = api.submit("{\"callable\":\"time.sleep\",\"args\":[3000,1],\"pool\":\"awaited\"}")
                .id();
        var waiting = api.send("GET", "/v1/tasks/" + task + "?wait=40", null);
        await().atMost(Duration.ofSeconds(60)).untilAsserted(() -> {
            assertThat(api.post("/v1/pools/kept/renew", null).state()).isEqualTo("ACTIVE");
            assertThat(pools("forgotten")).isEmpty();
        });
        JsonNode items = api.get("/v1/pools").json().path("items");
        assertThat(StreamSupport.stream(items.spliterator(), false)
                        .filter(p -> p.path("name").asText().equals("awaited"))
                        .map(p -> p.path("state").asText()))
                .containsExactly("ACTIVE");
        api.post("/v1/tasks/" + task + "/cancel?interrupt=true", null);
        waiting.join();
        assertThat(api.post("/v1/pools/forgotten/renew", null).code()).isEqualTo("pool_not_found");
    }
}
