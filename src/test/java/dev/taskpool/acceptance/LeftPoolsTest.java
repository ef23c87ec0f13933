package dev.taskpool.acceptance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Pools of clients that are gone. */
class LeftPoolsTest {
    private static final int POOLS = 300;

    @TempDir
    static Path data;

    static Started service;
    static Api api;

    @BeforeAll
    static void start() {
        service = new Started(data);
        api = service.api;
    }

    @AfterAll
    static void stop() {
        service.close();
    }

    private static List<String> pools(String prefix) {
        return StreamSupport.stream(api.get("/v1/pools").json().path("items").spliterator(), false)
                .map(p -> p.path("name").asText())
                .filter(n -> n.startsWith(prefix))
                .toList();
    }

    private static long threads() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(t -> t.getName().startsWith("pool-left-"))
                .count();
    }

    private static long processes() {
        return ProcessHandle.current().descendants().count();
    }

    @Test
    void nothingIsLeftOfThem() {
        // The guardian stays for as long as the service does: it is there with the first process.
        api.put("/v1/pools/first", "{\"kind\":\"PROCESS\",\"max_workers\":1}");
        api.run("{\"callable\":\"noop\",\"pool\":\"first\"}");
        api.post("/v1/pools/first/shutdown?wait=50", null);
        api.delete("/v1/pools/first");
        long before = processes();
        List<String> tasks = new ArrayList<>();
        for (int i = 0; i < POOLS; i++) {
            // Every tenth has processes, every third is paused with a task that never starts.
            String kind = i % 30 == 0 ? "PROCESS" : "THREAD";
            String pool = "left-" + i;
            try (Api client = new Api(service.port())) {
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
        await().atMost(Duration.ofSeconds(90))
                .untilAsserted(() -> assertThat(pools("left-")).isEmpty());
        for (String task : tasks) {
            assertThat(api.get("/v1/tasks/" + task).json().path("done").asBoolean())
                    .isTrue();
        }
        await().atMost(Duration.ofSeconds(60)).untilAsserted(() -> {
            assertThat(threads()).isZero();
            assertThat(processes()).isLessThanOrEqualTo(before);
        });
        assertThat(api.raw("GET", "/metrics", null).text()).doesNotContain("left-");
        assertThat(service.openWaits()).isZero();
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
