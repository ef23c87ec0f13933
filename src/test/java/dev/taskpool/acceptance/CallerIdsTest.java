package dev.taskpool.acceptance;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.callable.JsonValues;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Requests that can be repeated: by key, and by an id that the caller chose. */
class CallerIdsTest {
    private static final String BODY = "{\"callable\":\"identity\",\"args\":[17]}";

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

    @Test
    void callersIdStandsForItsTask() {
        Api.Answer first = api.put("/v1/tasks/order-17?wait=55", BODY);
        assertThat(first.status()).as(first.text()).isEqualTo(201);
        assertThat(first.json().path("caller_id").asText()).isEqualTo("order-17");
        assertThat(first.header("Location")).isEqualTo("/v1/tasks/" + first.id());
        Api.Answer again = api.put("/v1/tasks/order-17", "{ \"args\": [17], \"callable\": \"identity\" }");
        assertThat(again.status()).isEqualTo(200);
        assertThat(again.id()).isEqualTo(first.id());
        assertThat(again.header("Idempotent-Replayed")).isEqualTo("true");
        Api.Answer other = api.put("/v1/tasks/order-17", BODY.replace("17", "18"));
        assertThat(other.status()).isEqualTo(409);
        assertThat(other.code()).isEqualTo("task_id_taken");
        assertThat(api.get("/v1/tasks/order-17").id()).isEqualTo(first.id());
        assertThat(api.get("/v1/tasks/order-17?wait=5").json().path("result").asInt())
                .isEqualTo(17);
        assertThat(api.get("/v1/tasks/order-17/result").text()).isEqualTo("17");
        assertThat(api.raw("GET", "/v1/tasks/order-17/stdout", null).status()).isEqualTo(200);
        assertThat(api.post("/v1/tasks/order-17/cancel", null).code()).isEqualTo("task_done");
        // A key of the same text is another thing.
        assertThat(api.post("/v1/tasks", BODY, "Idempotency-Key", "order-17").status())
                .isEqualTo(201);
        assertThat(api.delete("/v1/tasks/order-17").status()).isEqualTo(204);
        assertThat(api.get("/v1/tasks/order-17").code()).isEqualTo("task_not_found");
        assertThat(api.put("/v1/tasks/order-17", BODY).status()).isEqualTo(201);
    }

    @Test
    void pendingTaskIsCancelledByItsCallersId() {
        api.put("/v1/pools/held", "{\"kind\":\"THREAD\",\"max_workers\":1}");
        api.post("/v1/pools/held/pause", null);
        api.put("/v1/tasks/later", "{\"callable\":\"noop\",\"pool\":\"held\"}");
        assertThat(api.post("/v1/tasks/later/cancel", null).state()).isEqualTo("CANCELLED");
    }

    @Test
    void callersIdsCanBeWaitedFor() {
        api.put("/v1/pools/slow", "{\"kind\":\"THREAD\",\"max_workers\":1}");
        api.post("/v1/pools/slow/pause", null);
        String first = api.put("/v1/tasks/w-1", "{\"callable\":\"noop\",\"pool\":\"slow\"}")
                .id();
        String second = api.put("/v1/tasks/w-2", "{\"callable\":\"noop\",\"pool\":\"slow\"}")
                .id();
        String third = api.submit("{\"callable\":\"noop\",\"pool\":\"slow\"}").id();
        String ids = "[\"w-2\",\"" + third + "\",\"w-1\",\"" + second + "\"]";
        JsonNode now = api.post("/v1/wait", "{\"task_ids\":" + ids + "}").json();
        assertThat(now.path("satisfied").asBoolean()).isFalse();
        assertThat(texts(now.path("not_done"))).containsExactly(second, third, first);
        Api.Answer unknown = api.post("/v1/wait", "{\"task_ids\":[\"w-1\",\"w-3\",\"not one\"]}");
        assertThat(unknown.code()).isEqualTo("task_not_found");
        assertThat(unknown.json().path("errors").findValuesAsText("pointer"))
                .containsExactly("/task_ids/1", "/task_ids/2");
        api.post("/v1/pools/slow/resume", null);
        JsonNode done =
                api.post("/v1/wait", "{\"task_ids\":" + ids + ",\"wait\":55}").json();
        assertThat(done.path("done").findValuesAsText("id")).containsExactly(first, second, third);
        String lines =
                api.raw("GET", "/v1/as-completed?task_id=w-1&task_id=w-2", null).text();
        assertThat(lines).contains(first).contains(second);
    }

    private static List<String> texts(JsonNode array) {
        List<String> all = new ArrayList<>();
        array.forEach(each -> all.add(each.asText()));
        return all;
    }

    @Test
    void whatIsNoIdIsRefused() {
        assertThat(api.put("/v1/tasks/t_mine", BODY).status()).isEqualTo(400);
        assertThat(api.put("/v1/tasks/a%20b", BODY).status()).isEqualTo(400);
        assertThat(api.put("/v1/tasks/" + "x".repeat(129), BODY).status()).isEqualTo(400);
        assertThat(api.get("/v1/tasks/never-seen").code()).isEqualTo("task_not_found");
    }

    @Test
    void idsOutliveARestart(@TempDir Path other) {
        String id;
        try (Started first = new Started(other)) {
            id = first.api.put("/v1/tasks/018f-uuid?wait=55", BODY).id();
        }
        try (Started second = new Started(other)) {
            assertThat(second.api.get("/v1/tasks/018f-uuid").id()).isEqualTo(id);
            assertThat(second.api.put("/v1/tasks/018f-uuid", BODY).status()).isEqualTo(200);
            assertThat(second.api
                            .put("/v1/tasks/018f-uuid", BODY.replace("17", "1"))
                            .status())
                    .isEqualTo(409);
        }
    }

    @Test
    void repeatsInFlightWaitForTheFirst() throws IOException {
        for (int round = 0; round < 20; round++) {
            List<CompletableFuture<HttpResponse<byte[]>>> answers = new ArrayList<>();
            for (int i = 0; i < 10; i++) {
                answers.add(api.send("POST", "/v1/tasks", BODY, "Idempotency-Key", "flight-" + round));
                answers.add(api.send("PUT", "/v1/tasks/flight-" + round, BODY));
            }
            Set<String> posted = new HashSet<>();
            Set<String> put = new HashSet<>();
            int made = 0;
            for (int i = 0; i < answers.size(); i++) {
                HttpResponse<byte[]> answer = answers.get(i).join();
                assertThat(answer.statusCode()).isIn(200, 201);
                made += answer.statusCode() == 201 ? 1 : 0;
                JsonNode task = JsonValues.mapper().readTree(answer.body());
                (i % 2 == 0 ? posted : put).add(task.path("id").asText());
            }
            assertThat(made).isEqualTo(2);
            assertThat(posted).hasSize(1);
            assertThat(put).hasSize(1);
        }
    }
}
