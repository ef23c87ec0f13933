package dev.taskpool.acceptance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PoolsTest {
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

    private static String sleep(String pool, double seconds) {
        return "{\"callable\":\"time.sleep\",\"args\":[" + seconds + ",1],\"pool\":\"" + pool + "\"}";
    }

    private static void make(String name, int workers, String more) {
        assertThat(api.put("/v1/pools/" + name, "{\"kind\":\"THREAD\",\"max_workers\":" + workers + more + "}")
                        .status())
                .isEqualTo(201);
    }

    @Test
    void shutdownWithWaitAnswersWhenAllIsDone() {
        make("s1", 1, "");
        String first = api.submit(sleep("s1", 0.2)).id();
        String second = api.submit(sleep("s1", 0.2)).id();
        Api.Answer down = api.post("/v1/pools/s1/shutdown?wait=55", null);
        assertThat(down.state()).isEqualTo("SHUT_DOWN");
        assertThat(api.get("/v1/tasks/" + first).state()).isEqualTo("SUCCEEDED");
        assertThat(api.get("/v1/tasks/" + second).state()).isEqualTo("SUCCEEDED");
        assertThat(api.submit(sleep("s1", 0)).code()).isEqualTo("pool_shut_down");
        assertThat(api.post("/v1/pools/s1/shutdown", null).state()).isEqualTo("SHUT_DOWN");
        assertThat(api.delete("/v1/pools/s1").status()).isEqualTo(204);
        assertThat(api.get("/v1/pools/s1").code()).isEqualTo("pool_not_found");
        assertThat(api.get("/v1/tasks/" + first).status()).isEqualTo(200);
    }

    @Test
    void cancelPendingCancelsWhatHasNotStarted() {
        make("s2", 1, "");
        String running = api.submit(sleep("s2", 3000)).id();
        String pending = api.submit(sleep("s2", 0)).id();
        await().untilAsserted(() ->
                assertThat(api.get("/v1/tasks/" + running).state()).isEqualTo("RUNNING"));
        Api.Answer down = api.post("/v1/pools/s2/shutdown?cancel_pending=true", null);
        assertThat(down.state()).isEqualTo("SHUTTING_DOWN");
        assertThat(api.delete("/v1/pools/s2").code()).isEqualTo("pool_not_shut_down");
        assertThat(api.get("/v1/tasks/" + pending).state()).isEqualTo("CANCELLED");
        assertThat(api.get("/v1/tasks/" + running).state()).isEqualTo("RUNNING");
        api.post("/v1/tasks/" + running + "/cancel?interrupt=true&wait=20", null);
        await().untilAsserted(() -> assertThat(api.get("/v1/pools/s2").state()).isEqualTo("SHUT_DOWN"));
    }

    @Test
    void fullQueueIsToldWithWhenToComeBack() {
        make("s3", 1, ",\"queue_capacity\":2");
        for (int i = 0; i < 3; i++) {
            assertThat(api.submit(sleep("s3", 3000)).status()).isEqualTo(201);
        }
        Api.Answer full = api.submit(sleep("s3", 3000));
        assertThat(full.status()).isEqualTo(429);
        assertThat(full.code()).isEqualTo("queue_full");
        assertThat(Integer.parseInt(full.header("Retry-After"))).isBetween(1, 60);
        api.post("/v1/pools/s3/shutdown?cancel_pending=true", null);
    }

    @Test
    void higherPriorityStartsFirst() {
        make("s4", 1, "");
        api.post("/v1/pools/s4/pause", null);
        String low = api.submit(sleep("s4", 0)).id();
        String high = api.submit("{\"callable\":\"noop\",\"pool\":\"s4\",\"priority\":50}")
                .id();
        api.post("/v1/pools/s4/resume", null);
        String lowStarted = api.awaitDone(low).json().path("finished_at").asText();
        String highStarted = api.awaitDone(high).json().path("finished_at").asText();
        assertThat(highStarted).isLessThanOrEqualTo(lowStarted);
        assertThat(api.post("/v1/wait", "{\"task_ids\":[\"" + low + "\",\"" + high + "\"]}")
                        .json()
                        .at("/done/0/id")
                        .asText())
                .isEqualTo(high);
    }

    @Test
    void queueTimeoutFailsWhatDidNotStart() {
        make("s5", 1, "");
        String running = api.submit(sleep("s5", 3000)).id();
        Api.Answer late = api.run("{\"callable\":\"noop\",\"pool\":\"s5\",\"queue_timeout_ms\":100}");
        assertThat(late.json().at("/error/code").asText()).isEqualTo("queue_timeout");
        assertThat(late.json().has("started_at")).isFalse();
        api.post("/v1/tasks/" + running + "/cancel?interrupt=true", null);
    }

    @Test
    void pausedPoolAcceptsAndDoesNotStart() {
        make("s6", 1, "");
        assertThat(api.post("/v1/pools/s6/pause", null).state()).isEqualTo("PAUSED");
        String id = api.submit("{\"callable\":\"noop\",\"pool\":\"s6\"}").id();
        assertThat(api.get("/v1/tasks/" + id + "?wait=1").state()).isEqualTo("PENDING");
        assertThat(api.post("/v1/pools/s6/resume", null).state()).isEqualTo("ACTIVE");
        assertThat(api.awaitDone(id).state()).isEqualTo("SUCCEEDED");
    }

    @Test
    void resizedPoolRunsMoreAtOnce() {
        make("s7", 1, "");
        String one = api.submit(sleep("s7", 3000)).id();
        String two = api.submit(sleep("s7", 3000)).id();
        assertThat(api.get("/v1/tasks/" + two).state()).isEqualTo("PENDING");
        assertThat(api.put("/v1/pools/s7", "{\"kind\":\"THREAD\",\"max_workers\":2}")
                        .status())
                .isEqualTo(200);
        await().untilAsserted(
                        () -> assertThat(api.get("/v1/tasks/" + two).state()).isEqualTo("RUNNING"));
        api.post("/v1/tasks/" + one + "/cancel?interrupt=true", null);
        api.post("/v1/tasks/" + two + "/cancel?interrupt=true", null);
        assertThat(api.put("/v1/pools/s7", "{\"kind\":\"PROCESS\",\"max_workers\":2}")
                        .code())
                .isEqualTo("pool_kind_fixed");
    }

    @Test
    void settingsAreChecked() {
        assertThat(api.put("/v1/pools/x", "{}").json().at("/errors/0/pointer").asText())
                .isEqualTo("/kind");
        assertThat(api.put("/v1/pools/x", "{\"kind\":\"THREAD\",\"max_workers\":0}")
                        .json()
                        .at("/errors/0/pointer")
                        .asText())
                .isEqualTo("/max_workers");
        assertThat(api.put("/v1/pools/x", "{\"kind\":\"THREAD\",\"max_workers\":1,\"min_workers\":2}")
                        .status())
                .isEqualTo(400);
        assertThat(api.put("/v1/pools/x", "{\"kind\":\"THREAD\",\"max_workers\":1,\"worker_type\":\"java\"}")
                        .status())
                .isEqualTo(400);
        assertThat(api.get("/v1/pools").json().path("items").findValuesAsText("name"))
                .contains("default", "processes", "commands")
                .doesNotContain("x");
    }

    @Test
    void poolWhoseClientIsGoneIsShutDown() {
        make("s8", 1, ",\"ttl_ms\":1000");
        await().untilAsserted(
                        // Lists do not name a pool, so they do not keep it.
                        () -> assertThat(api.get("/v1/pools").text())
                                .containsPattern("\"name\":\"s8\",\"kind\":\"THREAD\",\"state\":\"SHUT_DOWN\""));
    }

    @Test
    void virtualThreadsRunTasks() {
        make("s9", 1024, ",\"virtual_threads\":true");
        String batch = api.post(
                        "/v1/batches", "{\"items\":[" + (sleep("s9", 0.5) + ",").repeat(499) + sleep("s9", 0.5) + "]}")
                .id();
        assertThat(api.post("/v1/wait", "{\"batch_id\":\"" + batch + "\",\"wait\":55}")
                        .json()
                        .path("done"))
                .hasSize(500);
    }

    @Test
    void backlogBeyondTheWindowRunsCompletelyAndLeavesMemory() {
        try (Started own = new Started(data.resolve("backlog"), "TASKS_WINDOW", "100")) {
            own.api.post("/v1/pools/default/pause", null);
            String items = "{\"items\":[" + "{\"callable\":\"noop\"},".repeat(999) + "{\"callable\":\"noop\"}]}";
            List<String> batches = new ArrayList<>();
            for (int i = 0; i < 5; i++) {
                batches.add(own.api.post("/v1/batches", items).id());
            }
            // All but the window is in the database only.
            await().until(() -> resident(own) <= 100);
            own.api.post("/v1/pools/default/resume", null);
            for (String batch : batches) {
                Api.Answer waited = own.api.post("/v1/wait", "{\"batch_id\":\"" + batch + "\",\"wait\":55}");
                assertThat(waited.json().path("satisfied").asBoolean()).isTrue();
                assertThat(waited.json().path("done")).hasSize(1000);
            }
            assertThat(own.api.get("/v1/pools/default").json().path("pending").asInt())
                    .isZero();
            await().until(() -> resident(own) == 0);
        }
    }

    private static int resident(Started service) {
        return (int) Double.parseDouble(service.api
                .raw("GET", "/metrics", null)
                .text()
                .replaceAll("(?s).*\ntaskpool_resident_tasks ([0-9.E]+).*", "$1"));
    }

    @Test
    void drainByApiIsTakenBack() {
        Started own = new Started(data.resolve("drain"));
        try (own) {
            String running = own.api.submit(sleep("default", 0.3)).id();
            assertThat(own.api
                            .post("/v1/service/drain", null)
                            .json()
                            .path("draining")
                            .asBoolean())
                    .isTrue();
            assertThat(own.api.get("/readyz").code()).isEqualTo("draining");
            assertThat(own.api.get("/healthz").status()).isEqualTo(200);
            Api.Answer refused = own.api.submit("{\"callable\":\"noop\"}");
            assertThat(refused.status()).isEqualTo(503);
            assertThat(refused.header("Retry-After")).isNotEmpty();
            assertThat(own.api.awaitDone(running).state()).isEqualTo("SUCCEEDED");
            assertThat(own.api
                            .delete("/v1/service/drain")
                            .json()
                            .path("draining")
                            .asBoolean())
                    .isFalse();
            assertThat(own.api.get("/readyz").status()).isEqualTo(200);
            assertThat(own.api.run("{\"callable\":\"noop\"}").state()).isEqualTo("SUCCEEDED");
        }
    }

    @Test
    void threadThatIgnoresItsInterruptIsReplacedAndSaidSo() {
        make("s10", 1, ",\"grace_ms\":50,\"max_stuck_workers\":1");
        String stubborn = "{\"callable\":\"demo.stubborn\",\"args\":[12],\"pool\":\"s10\"}";
        String first = api.submit(stubborn).id();
        assertThat(api.get("/v1/tasks/" + first).json().has("interrupt_ignored_at"))
                .isFalse();
        api.post("/v1/tasks/" + first + "/cancel?interrupt=true", null);
        assertThat(api.run("{\"callable\":\"noop\",\"pool\":\"s10\"}").state()).isEqualTo("SUCCEEDED");
        Api.Answer stuck = api.get("/v1/tasks/" + first);
        assertThat(stuck.state()).isEqualTo("RUNNING");
        assertThat(stuck.json().path("interrupt_ignored_at").asText()).isNotEmpty();
        assertThat(api.get("/v1/pools/s10").json().path("stuck").asInt()).isEqualTo(1);
        // It came to its end after all, with a value.
        assertThat(api.awaitDone(first).state()).isEqualTo("SUCCEEDED");
        assertThat(api.get("/v1/pools/s10").json().path("stuck").asInt()).isZero();
    }
}
