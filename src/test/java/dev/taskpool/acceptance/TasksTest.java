package dev.taskpool.acceptance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TasksTest {
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
    void blockingReadRunsOnTheDefaultPool() {
        Api.Answer answer = api.run("{\"callable\":\"os.urandom\",\"args\":[100]}");
        assertThat(answer.status()).isEqualTo(201);
        assertThat(answer.header("Location")).isEqualTo("/v1/tasks/" + answer.id());
        assertThat(answer.json().path("pool").asText()).isEqualTo("default");
        assertThat(Base64.getDecoder().decode(answer.json().path("result").asText()))
                .hasSize(100);
    }

    @Test
    void valuesSurviveUnchanged() {
        String args = "[123456789012345678901234567890123456789,-0.10,1e400,\"\\ud83d\\ude00 \\u0000 \\ud800\",null,"
                + "[],{},[[[[1]]]],{\"b\":1,\"a\":2}]";
        Api.Answer answer = api.run("{\"callable\":\"echo\",\"args\":" + args + ",\"kwargs\":{\"z\":1.50,\"a\":[]}}");
        assertThat(answer.state()).isEqualTo("SUCCEEDED");
        JsonNode result = answer.json().path("result");
        assertThat(result.path("args").path(0).bigIntegerValue())
                .hasToString("123456789012345678901234567890123456789");
        assertThat(result.path("args").path(1).decimalValue()).hasToString("-0.10");
        assertThat(result.path("args").path(2).decimalValue()).hasToString("1E+400");
        assertThat(result.path("args").path(3).asText()).isEqualTo("\ud83d\ude00 \u0000 \ud800");
        assertThat(result.path("args").path(4).isNull()).isTrue();
        assertThat(result.path("args").path(8).fieldNames()).toIterable().containsExactly("b", "a");
        assertThat(result.path("kwargs").path("z").decimalValue()).hasToString("1.50");
        // The arguments come back byte for byte.
        assertThat(answer.text()).contains("\"args\":" + args);
    }

    @Test
    void nullAndEmptyMeanAbsent() {
        Api.Answer answer = api.run("{\"callable\":\"echo\",\"args\":[],\"kwargs\":{},\"pool\":null,\"labels\":{},"
                + "\"timeout_ms\":null,\"priority\":null,\"callback_url\":null}");
        assertThat(answer.status()).isEqualTo(201);
        assertThat(answer.json().has("args")).isFalse();
        assertThat(answer.json().has("labels")).isFalse();
    }

    @Test
    void resultIsTheBareValueOrAProblem() {
        assertThat(api.get("/v1/tasks/" + api.run("{\"callable\":\"noop\"}").id() + "/result")
                        .text())
                .isEqualTo("null");
        String running =
                api.submit("{\"callable\":\"time.sleep\",\"args\":[3000]}").id();
        assertThat(api.get("/v1/tasks/" + running + "/result").code()).isEqualTo("task_not_done");
        String failed =
                api.run("{\"callable\":\"demo.fail\",\"args\":[\"boom\"]}").id();
        Api.Answer failure = api.get("/v1/tasks/" + failed + "/result");
        assertThat(failure.status()).isEqualTo(409);
        assertThat(failure.code()).isEqualTo("task_failed");
        assertThat(failure.json().at("/task_error/message").asText()).isEqualTo("boom");
        api.post("/v1/tasks/" + running + "/cancel?interrupt=true&wait=20", null);
        assertThat(api.get("/v1/tasks/" + running + "/result").code()).isEqualTo("task_cancelled");
    }

    @Test
    void waitAnswersWithTheStateWhenTimeIsOver() {
        String id = api.submit("{\"callable\":\"time.sleep\",\"args\":[3000]}").id();
        Api.Answer answer = api.get("/v1/tasks/" + id + "?wait=1");
        assertThat(answer.status()).isEqualTo(200);
        assertThat(answer.json().path("done").asBoolean()).isFalse();
        api.post("/v1/tasks/" + id + "/cancel?interrupt=true", null);
    }

    @Test
    void runningTaskIsCancelledOnlyWhenInterruptIsMeant() {
        String id = api.submit("{\"callable\":\"time.sleep\",\"args\":[3000]}").id();
        assertThat(api.post("/v1/tasks/" + id + "/cancel", null).code()).isEqualTo("task_running");
        Api.Answer cancelled = api.post("/v1/tasks/" + id + "/cancel?interrupt=true&wait=10", null);
        assertThat(cancelled.state()).isEqualTo("CANCELLED");
        assertThat(cancelled.json().has("cancel_requested_at")).isTrue();
        assertThat(api.post("/v1/tasks/" + id + "/cancel", null).status()).isEqualTo(200);
        String done = api.run("{\"callable\":\"noop\"}").id();
        assertThat(api.post("/v1/tasks/" + done + "/cancel", null).code()).isEqualTo("task_done");
    }

    @Test
    void entityTagTellsOfAChange() {
        Api.Answer task = api.run("{\"callable\":\"noop\"}");
        String tag = api.get("/v1/tasks/" + task.id()).header("ETag");
        assertThat(tag).isEqualTo(task.header("ETag"));
        assertThat(api.get("/v1/tasks/" + task.id(), "If-None-Match", tag).status())
                .isEqualTo(304);
        assertThat(api.get("/v1/tasks/" + task.id(), "If-None-Match", "\"other\"")
                        .status())
                .isEqualTo(200);
    }

    @Test
    void deletedTaskIsGone() {
        String id = api.run("{\"callable\":\"noop\"}").id();
        assertThat(api.delete("/v1/tasks/" + id).status()).isEqualTo(204);
        assertThat(api.get("/v1/tasks/" + id).code()).isEqualTo("task_not_found");
        String running =
                api.submit("{\"callable\":\"time.sleep\",\"args\":[3000]}").id();
        assertThat(api.delete("/v1/tasks/" + running).code()).isEqualTo("task_not_done");
        api.post("/v1/tasks/" + running + "/cancel?interrupt=true", null);
    }

    @Test
    void sameKeyMakesOneTask() {
        String body = "{\"callable\":\"noop\"}";
        Api.Answer first = api.post("/v1/tasks", body, "Idempotency-Key", "k-1");
        assertThat(first.status()).isEqualTo(201);
        Api.Answer again = api.post("/v1/tasks", " { \"callable\" : \"noop\" } ", "Idempotency-Key", "k-1");
        assertThat(again.status()).isEqualTo(200);
        assertThat(again.id()).isEqualTo(first.id());
        assertThat(again.header("Idempotent-Replayed")).isEqualTo("true");
        Api.Answer other = api.post("/v1/tasks", "{\"callable\":\"echo\"}", "Idempotency-Key", "k-1");
        assertThat(other.status()).isEqualTo(422);
        assertThat(other.code()).isEqualTo("idempotency_key_reused");
    }

    @Test
    void sameKeyAtTheSameMomentMakesOneTask() {
        List<CompletableFuture<java.net.http.HttpResponse<byte[]>>> all = IntStream.range(0, 20)
                .mapToObj(i -> api.send("POST", "/v1/tasks", "{\"callable\":\"noop\"}", "Idempotency-Key", "k-2"))
                .toList();
        assertThat(all.stream()
                        .map(f -> new String(f.join().body()).replaceAll("^\\{\"id\":\"([^\"]*)\".*", "$1"))
                        .distinct())
                .hasSize(1);
        assertThat(all.stream().filter(f -> f.join().statusCode() == 201)).hasSize(1);
    }

    @Test
    void failsWithTimeoutWhenItRunsTooLong() {
        Api.Answer answer = api.run("{\"callable\":\"time.sleep\",\"args\":[3000],\"timeout_ms\":100}");
        assertThat(answer.state()).isEqualTo("FAILED");
        assertThat(answer.json().at("/error/code").asText()).isEqualTo("timeout");
    }

    @Test
    void delayedTaskStartsLater() {
        Api.Answer answer = api.submit("{\"callable\":\"noop\",\"delay_ms\":600}");
        assertThat(answer.state()).isEqualTo("PENDING");
        assertThat(answer.json().has("not_before")).isTrue();
        JsonNode done = api.awaitDone(answer.id()).json();
        assertThat(done.path("queued_ms").asLong()).isGreaterThanOrEqualTo(600);
    }

    @Test
    void retriesUntilAttemptsAreUsed() {
        Api.Answer second = api.run(
                "{\"callable\":\"demo.fail\",\"args\":[\"x\"],\"kwargs\":{\"succeed_at\":2},\"max_attempts\":3}");
        assertThat(second.state()).isEqualTo("SUCCEEDED");
        assertThat(second.json().path("attempt").asInt()).isEqualTo(2);
        Api.Answer never = api.run("{\"callable\":\"demo.fail\",\"args\":[\"x\"],\"max_attempts\":2}");
        assertThat(never.state()).isEqualTo("FAILED");
        assertThat(never.json().path("attempt").asInt()).isEqualTo(2);
    }

    @Test
    void outputIsReadableWhileItRunsAndByRanges() {
        String id = api.submit(
                        "{\"callable\":\"demo.print_sleep\",\"args\":[\"a\",\"b\"],\"kwargs\":{\"seconds\":3000}}")
                .id();
        await().untilAsserted(() ->
                assertThat(api.get("/v1/tasks/" + id + "/stdout").text()).isEqualTo("a b\n"));
        Api.Answer part = api.get("/v1/tasks/" + id + "/stdout", "Range", "bytes=2-");
        assertThat(part.status()).isEqualTo(206);
        assertThat(part.text()).isEqualTo("b\n");
        assertThat(part.header("Content-Range")).isEqualTo("bytes 2-3/*");
        assertThat(api.get("/v1/tasks/" + id + "/stdout", "Range", "bytes=4-").code())
                .isEqualTo("range_not_satisfiable");
        // Empty bytes are no body to the validator.
        assertThat(api.raw("GET", "/v1/tasks/" + id + "/stderr", null).body()).isEmpty();
        api.post("/v1/tasks/" + id + "/cancel?interrupt=true&wait=10", null);
        assertThat(api.get("/v1/tasks/" + id).json().path("stdout_bytes").asInt())
                .isEqualTo(4);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {"callable":"noop","x":1}                          | 400 | invalid_request   | /x
            {"callable":"noop","callable":"noop"}              | 400 | invalid_request   | /callable
            {"callable":"noop"} x                              | 400 | invalid_request   | ''
            {"callable":""}                                    | 400 | invalid_request   | /callable
            {}                                                 | 400 | invalid_request   | /callable
            []                                                 | 400 | invalid_request   | ''
            {"callable":"noop","args":{}}                      | 201 | ''                | ''
            {"callable":"noop","args":{"a":1}}                 | 400 | invalid_request   | /args
            {"callable":"noop","args":"a"}                     | 400 | invalid_request   | /args
            {"callable":"noop","kwargs":[1]}                   | 400 | invalid_request   | /kwargs
            {"callable":"noop","timeout_ms":0}                 | 400 | invalid_request   | /timeout_ms
            {"callable":"noop","timeout_ms":1.5}               | 400 | invalid_request   | /timeout_ms
            {"callable":"noop","timeout_ms":99999999999999999999} | 400 | invalid_request | /timeout_ms
            {"callable":"noop","priority":101}                 | 400 | invalid_request   | /priority
            {"callable":"noop","max_attempts":0}               | 400 | invalid_request   | /max_attempts
            {"callable":"noop","delay_ms":-1}                  | 400 | invalid_request   | /delay_ms
            {"callable":"noop","pool":"Nope!"}                 | 400 | invalid_request   | /pool
            {"callable":"noop","labels":{"a":1}}               | 400 | invalid_request   | /labels/a
            {"callable":"noop","callback_url":"ftp://x/"}      | 400 | invalid_request   | /callback_url
            {"callable":"noop","callback_url":"http://x.org/"} | 422 | callback_not_allowed | /callback_url
            {"callable":"nope"}                                | 422 | unknown_callable  | /callable
            {"callable":"noop","pool":"nope"}                  | 422 | unknown_pool      | /pool
            {"callable":"noop","pool":"commands"}              | 422 | pool_kind_unsupported | /pool
            {"callable":"identity"}                            | 422 | invalid_arguments | /args
            {"callable":"time.sleep","args":["a"]}             | 422 | invalid_arguments | /args/0
            """)
    void badInputIsNamed(String body, int status, String code, String pointer) {
        Api.Answer answer = api.submit(body);
        assertThat(answer.status()).as(answer.text()).isEqualTo(status);
        if (status >= 400) {
            assertThat(answer.code()).isEqualTo(code);
            assertThat(answer.json().at("/errors/0/pointer").asText()).startsWith(pointer);
            assertThat(answer.header("Content-Type")).startsWith("application/problem+json");
            assertThat(answer.json().path("instance").asText()).contains(answer.header("X-Request-Id"));
        }
    }

    @Test
    void limitsAreKept() {
        assertThat(api.post("/v1/tasks", "{\"callable\":\"noop\",\"args\":[\"" + "x".repeat(1 << 20) + "\"]}")
                        .code())
                .isEqualTo("request_too_large");
        String deep = "[".repeat(100) + "]".repeat(100);
        assertThat(api.submit("{\"callable\":\"noop\",\"args\":" + deep + "}").code())
                .isEqualTo("invalid_request");
        assertThat(api.raw("GET", "/healthz", null, "X-Long", "x".repeat(9_000)).status())
                .isEqualTo(431);
        assertThat(api.post("/v1/tasks", "{}", "Content-Type", "text/plain").code())
                .isEqualTo("unsupported_media_type");
        assertThat(api.get("/v1/tasks?limit=501").code()).isEqualTo("invalid_request");
        assertThat(api.get("/v1/tasks?nonsense=1").code()).isEqualTo("invalid_request");
        assertThat(api.raw("PATCH", "/v1/tasks", "{}").code()).isEqualTo("method_not_allowed");
        assertThat(api.raw("GET", "/v2", null).code()).isEqualTo("route_not_found");
        Api.Answer large = api.run("{\"callable\":\"os.urandom\",\"args\":[1048576]}");
        assertThat(large.json().at("/error/code").asText()).isEqualTo("result_too_large");
    }

    @Test
    void requestIdIsTakenOver() {
        assertThat(api.get("/v1/service", "X-Request-Id", "mine-1").header("X-Request-Id"))
                .isEqualTo("mine-1");
    }

    @Test
    void listsAreFilteredAndPaged() {
        for (int i = 0; i < 5; i++) {
            api.submit("{\"callable\":\"noop\",\"labels\":{\"run\":\"list\",\"n\":\"" + i + "\"}}");
        }
        Api.Answer page = api.get("/v1/tasks?label=run%3Dlist&limit=2");
        assertThat(page.json().path("items")).hasSize(2);
        assertThat(page.json().at("/items/0/labels/n").asText()).isEqualTo("4");
        assertThat(page.header("Link")).contains("rel=\"next\"").contains("label=run%3Dlist");
        Api.Answer next = api.get("/v1/tasks?label=run%3Dlist&limit=3&cursor="
                + page.json().path("next_cursor").asText());
        assertThat(next.json().path("items")).hasSize(3);
        assertThat(next.json().has("next_cursor")).isFalse();
        assertThat(api.get("/v1/tasks?label=run%3Dlist&label=n%3D3").json().path("items"))
                .hasSize(1);
        assertThat(api.get("/v1/tasks?state=PENDING,RUNNING&label=run%3Dlist").status())
                .isEqualTo(200);
        assertThat(api.get("/v1/tasks?callable=identity&label=run%3Dlist")
                        .json()
                        .path("items"))
                .isEmpty();
    }

    @Test
    void serviceDocumentsItself() {
        api.run("{\"callable\":\"noop\"}");
        assertThat(api.get("/v1/service").json().path("api_version").asText()).isEqualTo("1.0.0");
        assertThat(api.get("/v1/callables").json().path("items")).isNotEmpty();
        assertThat(api.get("/healthz").status()).isEqualTo(200);
        assertThat(api.get("/readyz").status()).isEqualTo(200);
        assertThat(api.raw("GET", "/openapi.yaml", null).text()).startsWith("openapi: 3.0.3");
        assertThat(api.raw("GET", "/docs", null).text()).contains("swagger-ui");
        assertThat(api.raw("GET", "/metrics", null).text())
                .contains("taskpool_tasks_done_total{pool=\"default\",state=\"SUCCEEDED\"}")
                .contains("taskpool_pool_max_workers{pool=\"default\"}");
    }
}
