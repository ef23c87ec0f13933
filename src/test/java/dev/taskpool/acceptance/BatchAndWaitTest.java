package dev.taskpool.acceptance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BatchAndWaitTest {
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

    private static String sleep(double seconds, int result) {
        return "{\"callable\":\"time.sleep\",\"args\":[" + seconds + "," + result + "]}";
    }

    @Test
    void batchKeepsItsOrder() {
        // One worker, and the second goes first.
        api.put("/v1/pools/ordered", "{\"kind\":\"THREAD\",\"max_workers\":1}");
        api.post("/v1/pools/ordered/pause", null);
        String item = "{\"callable\":\"identity\",\"args\":[%d],\"pool\":\"ordered\",\"priority\":%d}";
        JsonNode batch = api.post(
                        "/v1/batches", "{\"items\":[" + item.formatted(1, 0) + "," + item.formatted(2, 50) + "]}")
                .json();
        api.post("/v1/pools/ordered/resume", null);
        JsonNode waited = api.post(
                        "/v1/wait", "{\"batch_id\":\"" + batch.path("id").asText() + "\",\"wait\":55}")
                .json();
        assertThat(waited.path("satisfied").asBoolean()).isTrue();
        // In the order in which they ended.
        assertThat(waited.at("/done/0/result").asInt()).isEqualTo(2);
        assertThat(waited.at("/done/1/result").asInt()).isEqualTo(1);
        assertThat(batch.at("/items/0/batch_index").asInt()).isZero();
        assertThat(api.get("/v1/tasks?batch_id=" + batch.path("id").asText())
                        .json()
                        .path("items"))
                .hasSize(2);
    }

    @Test
    void batchIsAllOrNothing() {
        Api.Answer answer = api.post(
                "/v1/batches",
                "{\"items\":[{\"callable\":\"noop\",\"labels\":{\"b\":\"none\"}},{\"callable\":\"nope\"}]}");
        assertThat(answer.status()).isEqualTo(422);
        assertThat(answer.json().at("/errors/0/pointer").asText()).isEqualTo("/items/1/callable");
        assertThat(api.get("/v1/tasks?label=b%3Dnone").json().path("items")).isEmpty();
        assertThat(api.post("/v1/batches", "{\"items\":[]}").status()).isEqualTo(400);
    }

    @Test
    void sameKeyMakesOneBatch() {
        String body = "{\"items\":[{\"callable\":\"noop\"},{\"callable\":\"noop\"}]}";
        Api.Answer first = api.post("/v1/batches", body, "Idempotency-Key", "b-1");
        Api.Answer again = api.post("/v1/batches", body, "Idempotency-Key", "b-1");
        assertThat(first.status()).isEqualTo(201);
        assertThat(again.status()).isEqualTo(200);
        assertThat(again.id()).isEqualTo(first.id());
        assertThat(again.json().path("items")).hasSize(2);
        assertThat(api.post("/v1/tasks", "{\"callable\":\"noop\"}", "Idempotency-Key", "b-1")
                        .code())
                .isEqualTo("idempotency_key_reused");
    }

    @Test
    void firstCompletedIsEnough() {
        String slow = api.submit(sleep(3000, 1)).id();
        String quick = api.submit(sleep(0.2, 2)).id();
        JsonNode waited = api.post(
                        "/v1/wait",
                        "{\"task_ids\":[\"" + slow + "\",\"" + quick
                                + "\"],\"return_when\":\"FIRST_COMPLETED\",\"wait\":55}")
                .json();
        assertThat(waited.path("satisfied").asBoolean()).isTrue();
        assertThat(waited.path("done")).hasSize(1);
        assertThat(waited.at("/done/0/id").asText()).isEqualTo(quick);
        assertThat(waited.at("/not_done/0").asText()).isEqualTo(slow);
        api.post("/v1/tasks/" + slow + "/cancel?interrupt=true", null);
    }

    @Test
    void cancelledIsNoException() {
        String first = api.submit(sleep(3000, 1)).id();
        String second = api.submit(sleep(3000, 1)).id();
        api.post("/v1/tasks/" + first + "/cancel?interrupt=true&wait=10", null);
        String ids =
                "{\"task_ids\":[\"" + first + "\",\"" + second + "\"],\"return_when\":\"FIRST_EXCEPTION\",\"wait\":1}";
        assertThat(api.post("/v1/wait", ids).json().path("satisfied").asBoolean())
                .isFalse();
        String failed = api.run("{\"callable\":\"demo.fail\"}").id();
        assertThat(api.post("/v1/wait", ids.replace("[", "[\"" + failed + "\","))
                        .json()
                        .path("satisfied")
                        .asBoolean())
                .isTrue();
        api.post("/v1/tasks/" + second + "/cancel?interrupt=true", null);
    }

    @Test
    void unknownIdsAreNamedAndDuplicatesCountOnce() {
        String id = api.run("{\"callable\":\"noop\"}").id();
        JsonNode waited = api.post("/v1/wait", "{\"task_ids\":[\"" + id + "\",\"" + id + "\"]}")
                .json();
        assertThat(waited.path("done")).hasSize(1);
        Api.Answer unknown = api.post("/v1/wait", "{\"task_ids\":[\"" + id + "\",\"t_nope\"]}");
        assertThat(unknown.status()).isEqualTo(404);
        assertThat(unknown.json().at("/errors/0/pointer").asText()).isEqualTo("/task_ids/1");
        assertThat(api.post("/v1/wait", "{}").status()).isEqualTo(400);
    }

    @Test
    void emptyListIsSatisfiedAtOnce() {
        for (String until : new String[] {"ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION", "FIRST_SUCCESS"}) {
            JsonNode waited = api.post("/v1/wait", "{\"task_ids\":[],\"wait\":50,\"return_when\":\"" + until + "\"}")
                    .json();
            assertThat(waited.path("satisfied").asBoolean()).isTrue();
            assertThat(waited.path("done")).isEmpty();
            assertThat(waited.path("not_done")).isEmpty();
        }
        assertThat(api.post("/v1/wait", "{\"task_ids\":null}").status()).isEqualTo(400);
    }

    @Test
    void firstSuccessPassesByFailures() {
        String failed = api.run("{\"callable\":\"demo.fail\"}").id();
        String slow = api.submit(sleep(0.3, 7)).id();
        String never = api.submit(sleep(3000, 1)).id();
        JsonNode waited = api.post(
                        "/v1/wait",
                        "{\"task_ids\":[\"" + never + "\",\"" + slow + "\",\"" + failed
                                + "\"],\"return_when\":\"FIRST_SUCCESS\",\"wait\":55}")
                .json();
        assertThat(waited.path("satisfied").asBoolean()).isTrue();
        // All that are done, in the order in which they ended.
        assertThat(waited.path("done").findValuesAsText("id")).containsExactly(failed, slow);
        assertThat(waited.path("not_done")).hasSize(1);
        api.post("/v1/tasks/" + never + "/cancel?interrupt=true", null);
        JsonNode none = api.post(
                        "/v1/wait", "{\"task_ids\":[\"" + failed + "\"],\"return_when\":\"FIRST_SUCCESS\",\"wait\":55}")
                .json();
        assertThat(none.path("satisfied").asBoolean()).isTrue();
    }

    @Test
    void firstExceptionIsAllCompletedWhereNothingFails() {
        String one = api.submit(sleep(0.4, 1)).id();
        String two = api.submit(sleep(0.1, 2)).id();
        JsonNode waited = api.post(
                        "/v1/wait",
                        "{\"task_ids\":[\"" + one + "\",\"" + two
                                + "\"],\"return_when\":\"FIRST_EXCEPTION\",\"wait\":55}")
                .json();
        assertThat(waited.path("satisfied").asBoolean()).isTrue();
        assertThat(waited.path("done").findValuesAsText("id")).containsExactly(two, one);
    }

    @Test
    void clientThatWentAwayIsForgotten() {
        String id = api.submit(sleep(3000, 1)).id();
        try (Api leaving = new Api(service.port())) {
            leaving.send("GET", "/v1/tasks/" + id + "?wait=20", null);
            await().until(() -> waits() == 1);
        }
        await().until(() -> waits() == 0);
        api.post("/v1/tasks/" + id + "/cancel?interrupt=true", null);
    }

    private static int waits() {
        return (int) Double.parseDouble(
                api.raw("GET", "/metrics", null).text().replaceAll("(?s).*\ntaskpool_open_waits ([0-9.]+).*", "$1"));
    }
}
