package dev.taskpool.acceptance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Batches as a resource. */
class BatchesTest {
    private static final String NAP = "{\"callable\":\"time.sleep\",\"args\":[3000,1],\"pool\":\"%s\"}";
    private static final String FAIL = "{\"callable\":\"demo.fail\",\"pool\":\"%s\"}";
    private static final String NOOP = "{\"callable\":\"noop\",\"pool\":\"%s\"}";

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

    private static void pool(String name, int workers) {
        assertThat(api.put("/v1/pools/" + name, "{\"kind\":\"THREAD\",\"max_workers\":" + workers + "}")
                        .status())
                .isEqualTo(201);
    }

    private static String items(String pool, String... items) {
        List<String> all = new ArrayList<>();
        for (String item : items) {
            all.add(item.formatted(pool));
        }
        return "{\"items\":[" + String.join(",", all) + "]";
    }

    private static String batch(String body) {
        Api.Answer answer = api.post("/v1/batches", body);
        assertThat(answer.status()).as(answer.text()).isEqualTo(201);
        assertThat(answer.header("Location")).isEqualTo("/v1/batches/" + answer.id());
        return answer.id();
    }

    private static JsonNode done(String id) {
        JsonNode batch = api.get("/v1/batches/" + id + "?wait=55").json();
        assertThat(batch.path("done").asBoolean()).as(batch.toString()).isTrue();
        return batch;
    }

    private static void counts(JsonNode batch, int pending, int running, int succeeded, int failed, int cancelled) {
        assertThat(batch.path("counts").toString())
                .isEqualTo("{\"pending\":%d,\"running\":%d,\"succeeded\":%d,\"failed\":%d,\"cancelled\":%d}"
                        .formatted(pending, running, succeeded, failed, cancelled));
    }

    @Test
    void batchCountsItsTasks() {
        pool("b1", 1);
        String id = batch(items("b1", NOOP, FAIL, NAP, NOOP) + "}");
        await().untilAsserted(() -> counts(api.get("/v1/batches/" + id).json(), 1, 1, 1, 1, 0));
        JsonNode now = api.get("/v1/batches/" + id).json();
        assertThat(now.path("state").asText()).isEqualTo("RUNNING");
        assertThat(now.path("size").asInt()).isEqualTo(4);
        assertThat(now.has("finished_at")).isFalse();
        assertThat(api.delete("/v1/batches/" + id).code()).isEqualTo("batch_not_done");
        JsonNode cancelled = api.post("/v1/batches/" + id + "/cancel?interrupt=true&wait=55", null)
                .json();
        counts(cancelled, 0, 0, 1, 1, 2);
        assertThat(cancelled.path("state").asText()).isEqualTo("FAILED");
        assertThat(cancelled.path("finished_at").asText()).isNotEmpty();
        assertThat(api.post("/v1/batches/" + id + "/cancel", null).json()).isEqualTo(cancelled);
        String task =
                api.get("/v1/tasks?batch_id=" + id).json().at("/items/0/id").asText();
        api.delete("/v1/tasks/" + task);
        counts(done(id), 0, 0, 1, 1, 2);
        assertThat(api.delete("/v1/batches/" + id).status()).isEqualTo(204);
        assertThat(api.get("/v1/batches/" + id).code()).isEqualTo("batch_not_found");
        assertThat(api.get("/v1/tasks?batch_id=" + id).json().path("items")).isEmpty();
        assertThat(api.get("/v1/batches/b_nope").code()).isEqualTo("batch_not_found");
    }

    @Test
    void cancelLeavesWhatRunsAloneUnlessAsked() {
        pool("b2", 1);
        String id = batch(items("b2", NAP, NOOP, NOOP) + "}");
        await().untilAsserted(() -> counts(api.get("/v1/batches/" + id).json(), 2, 1, 0, 0, 0));
        counts(api.post("/v1/batches/" + id + "/cancel", null).json(), 0, 1, 0, 0, 2);
        JsonNode done = api.post("/v1/batches/" + id + "/cancel?interrupt=true&wait=55", null)
                .json();
        counts(done, 0, 0, 0, 0, 3);
        assertThat(done.path("state").asText()).isEqualTo("CANCELLED");
    }

    @Test
    void firstFailureCancelsTheRest() {
        pool("b3", 1);
        String id =
                batch(items("b3", NOOP, FAIL, NAP, NAP) + ",\"cancel_rest_on\":\"FIRST_FAILURE\",\"interrupt\":true}");
        JsonNode done = done(id);
        counts(done, 0, 0, 1, 1, 2);
        assertThat(done.path("state").asText()).isEqualTo("FAILED");
    }

    @Test
    void firstSuccessIsEnoughAsForInvokeAny() {
        pool("b4", 2);
        String id =
                batch(items("b4", NAP, FAIL, NOOP, NAP) + ",\"cancel_rest_on\":\"FIRST_SUCCESS\",\"interrupt\":true}");
        JsonNode done = done(id);
        counts(done, 0, 0, 1, 1, 2);
        assertThat(done.path("state").asText()).isEqualTo("SUCCEEDED");
    }

    @Test
    void enoughOfMany() {
        pool("b5", 1);
        String rule = ",\"success_count\":2,\"cancel_rest_on\":\"DECIDED\",\"interrupt\":true}";
        JsonNode enough = done(batch(items("b5", FAIL, NOOP, NOOP, NAP) + rule));
        counts(enough, 0, 0, 2, 1, 1);
        assertThat(enough.path("state").asText()).isEqualTo("SUCCEEDED");
        JsonNode tooFew = done(batch(items("b5", NOOP, FAIL, FAIL, NAP) + rule.replace("2", "3")));
        assertThat(tooFew.path("state").asText()).isEqualTo("FAILED");
        // Two of four failed: three cannot succeed any more.
        counts(tooFew, 0, 0, 1, 2, 1);
        JsonNode all = done(batch(items("b5", NOOP, FAIL, NOOP) + ",\"success_count\":2}"));
        assertThat(all.path("state").asText()).isEqualTo("SUCCEEDED");
        assertThat(api.post("/v1/batches", items("b5", NOOP) + ",\"success_count\":2}")
                        .status())
                .isEqualTo(400);
    }

    @Test
    void itemsThatCannotBeDoneComeBackAndTheOthersAreAccepted() {
        String body = "{\"atomic\":false,\"items\":[{\"callable\":\"identity\",\"args\":[0]},{\"callable\":\"nope\"},7,"
                + "{\"callable\":\"noop\",\"timeout\":1},{\"callable\":\"noop\",\"pool\":\"nowhere\"},{\"args\":[1]},"
                + "{\"callable\":\"identity\",\"args\":[6]}]}";
        Api.Answer answer = api.post("/v1/batches", body, "Idempotency-Key", "in-part");
        assertThat(answer.status()).as(answer.text()).isEqualTo(201);
        assertThat(answer.json().path("items").findValuesAsText("batch_index")).containsExactly("0", "6");
        JsonNode refused = answer.json().path("refused");
        assertThat(refused.findValuesAsText("index")).containsExactly("1", "2", "3", "4", "5");
        assertThat(refused.findValuesAsText("code"))
                .containsExactly(
                        "unknown_callable", "invalid_request", "invalid_request", "unknown_pool", "invalid_request");
        assertThat(refused.at("/3/problem/errors/0/pointer").asText()).isEqualTo("/items/4/pool");
        JsonNode done = done(answer.id());
        assertThat(done.path("size").asInt()).isEqualTo(2);
        assertThat(done.path("taken").asInt()).isEqualTo(7);
        assertThat(done.path("refused").asInt()).isEqualTo(5);
        assertThat(done.path("state").asText()).isEqualTo("SUCCEEDED");
        JsonNode results =
                api.get("/v1/batches/" + answer.id() + "/results").json().path("items");
        assertThat(results).hasSize(7);
        assertThat(results.at("/0/result").asInt()).isZero();
        assertThat(results.at("/6/result").asInt()).isEqualTo(6);
        assertThat(results.at("/3/refused").asBoolean()).isTrue();
        Api.Answer again = api.post("/v1/batches", body, "Idempotency-Key", "in-part");
        assertThat(again.status()).isEqualTo(200);
        assertThat(again.id()).isEqualTo(answer.id());
        assertThat(api.post("/v1/batches", body.replace("[6]", "[7]"), "Idempotency-Key", "in-part")
                        .code())
                .isEqualTo("idempotency_key_reused");
        assertThat(api.post("/v1/batches", "{\"atomic\":false,\"items\":[{\"callable\":\"nope\"}]}")
                        .code())
                .isEqualTo("unknown_callable");
    }

    @Test
    void ofAFullQueueThoseAreAcceptedThatHaveRoom() {
        assertThat(api.put("/v1/pools/b6", "{\"kind\":\"THREAD\",\"max_workers\":1,\"queue_capacity\":2}")
                        .status())
                .isEqualTo(201);
        String body = items("b6", NAP, NAP, NAP, NAP, NAP);
        assertThat(api.post("/v1/batches", body + "}").code()).isEqualTo("queue_full");
        Api.Answer part = api.post("/v1/batches", body + ",\"atomic\":false}");
        assertThat(part.json().path("items")).hasSize(3);
        assertThat(part.json().path("refused").findValuesAsText("code")).containsExactly("queue_full", "queue_full");
        api.post("/v1/batches/" + part.id() + "/cancel?interrupt=true", null);
    }

    @Test
    void mapHasItsResultsInOrder() {
        Api.Answer map = api.post(
                "/v1/map",
                "{\"callable\":\"time.sleep\",\"args_list\":[[0.3,0],[0.2,1],[0.1,2],[0,3]],\"labels\":{\"m\":\"1\"}}");
        assertThat(map.status()).as(map.text()).isEqualTo(201);
        done(map.id());
        List<Integer> results = new ArrayList<>();
        String next = "";
        do {
            JsonNode page = api.get("/v1/batches/" + map.id() + "/results?limit=3" + next)
                    .json();
            page.path("items").forEach(item -> results.add(item.path("result").asInt()));
            next = page.has("next_offset")
                    ? "&offset=" + page.path("next_offset").asInt()
                    : "";
        } while (!next.isEmpty());
        assertThat(results).containsExactly(0, 1, 2, 3);
        assertThat(api.get("/v1/tasks?label=m%3D1").json().path("items")).hasSize(4);
        Api.Answer wrong = api.post("/v1/map", "{\"callable\":\"math.pow\",\"args_list\":[[2,3],[2]]}");
        assertThat(wrong.status()).isEqualTo(422);
        assertThat(wrong.json().at("/errors/0/pointer").asText()).startsWith("/args_list/1");
        assertThat(api.post("/v1/map", "{\"callable\":\"noop\",\"args_list\":[[]],\"pool\":\"nowhere\"}")
                        .json()
                        .at("/errors/0/pointer")
                        .asText())
                .isEqualTo("/pool");
        assertThat(api.post("/v1/map", "{\"callable\":\"noop\",\"args_list\":[[],3]}")
                        .status())
                .isEqualTo(400);
        assertThat(api.post("/v1/map", "{\"callable\":\"noop\",\"args_list\":[[],[]]}")
                        .status())
                .isEqualTo(201);
    }

    /** What one body says holds for a thousand tasks: a megabyte of it would be a gigabyte. */
    @Test
    void mapIsNoLargerThanABodyMayBecome() {
        String large = "{\"callable\":\"echo\",\"kwargs\":{\"a\":\"" + "x".repeat(900_000) + "\"},\"args_list\":["
                + String.join(",", Collections.nCopies(1_000, "[]")) + "]}";
        Api.Answer refused = api.post("/v1/map", large);
        assertThat(refused.status()).isEqualTo(413);
        assertThat(refused.code()).isEqualTo("request_too_large");
        assertThat(refused.json().at("/errors/0/pointer").asText()).isEqualTo("/args_list");
        assertThat(api.post(
                                "/v1/map",
                                "{\"callable\":\"echo\",\"files\":[{\"name\":\"a\",\"text\":\"b\"}],\"args_list\":[[1]]}")
                        .code())
                .isEqualTo("files_not_allowed");
    }

    @Test
    void countsAndRulesSurviveARestart(@TempDir Path other) {
        String id;
        String ruled;
        try (Started first = new Started(other)) {
            first.api.put("/v1/pools/b7", "{\"kind\":\"THREAD\",\"max_workers\":1}");
            id = first.api
                    .post("/v1/batches", items("b7", NOOP, FAIL, NOOP, NOOP) + "}")
                    .id();
            first.api.get("/v1/batches/" + id + "?wait=55");
            first.api.post("/v1/pools/b7/pause", null);
            ruled = first.api
                    .post("/v1/batches", items("b7", FAIL, NOOP, NOOP) + ",\"cancel_rest_on\":\"FIRST_FAILURE\"}")
                    .id();
        }
        try (Started second = new Started(other)) {
            counts(second.api.get("/v1/batches/" + id).json(), 0, 0, 3, 1, 0);
            counts(second.api.get("/v1/batches/" + ruled).json(), 3, 0, 0, 0, 0);
            second.api.post("/v1/pools/b7/resume", null);
            JsonNode done = second.api.get("/v1/batches/" + ruled + "?wait=55").json();
            assertThat(done.path("state").asText()).isEqualTo("FAILED");
            assertThat(done.at("/counts/failed").asInt()).isEqualTo(1);
            assertThat(done.path("size").asInt()).isEqualTo(3);
        }
    }
}
