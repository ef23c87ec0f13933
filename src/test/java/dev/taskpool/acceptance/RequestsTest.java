package dev.taskpool.acceptance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Requests at the edge of what is usual, and how mistakes in them are told. */
class RequestsTest {
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

    @ParameterizedTest
    @ValueSource(ints = {5_000, 1_000_000})
    void longNumbersComeBackWhateverHoldsTheArguments(int digits) {
        // Raw: the validator of the contract does not read such numbers.
        String number = "7".repeat(digits);
        for (String callable : new String[] {"echo", "identity"}) {
            Api.Answer answer = api.raw(
                    "POST", "/v1/tasks?wait=55", "{\"callable\":\"" + callable + "\",\"args\":[" + number + "]}");
            assertThat(answer.state()).isEqualTo("SUCCEEDED");
            assertThat(api.raw("GET", "/v1/tasks/" + answer.id() + "/result", null)
                            .text())
                    .contains(number);
        }
    }

    @Test
    void longNumberOutOfRangeIsRefusedShortly() {
        Api.Answer refused = api.submit("{\"callable\":\"time.sleep\",\"args\":[" + "7".repeat(5_000) + "]}");
        assertThat(refused.code()).isEqualTo("invalid_arguments");
        assertThat(refused.text().length()).isLessThan(2_000);
    }

    @ParameterizedTest
    @ValueSource(strings = {"default", "processes"})
    void noNumberIsRounded(String pool) {
        for (String number :
                new String[] {"-0.0", "1.50", "-1.5", "0.1", "12345678901234567890.123456789012345678901"}) {
            Api.Answer answer =
                    api.run("{\"callable\":\"identity\",\"args\":[" + number + "],\"pool\":\"" + pool + "\"}");
            assertThat(api.get("/v1/tasks/" + answer.id() + "/result").text()).isEqualTo(number);
        }
    }

    @Test
    void headIsGetWithoutTheBody() {
        String id = api.run("{\"callable\":\"echo\",\"args\":[1]}").id();
        Api.Answer get = api.get("/v1/tasks/" + id);
        Api.Answer head = api.raw("HEAD", "/v1/tasks/" + id, null);
        assertThat(head.status()).isEqualTo(200);
        assertThat(head.body()).isEmpty();
        assertThat(head.header("Content-Length")).isEqualTo(Integer.toString(get.body().length));
        assertThat(head.header("Content-Type")).isEqualTo(get.header("Content-Type"));
        assertThat(head.header("ETag")).isEqualTo(get.header("ETag"));
        assertThat(api.raw("HEAD", "/v1/tasks/t_nope", null).status()).isEqualTo(404);
        String printed = api.run("{\"callable\":\"demo.print_sleep\",\"args\":[\"a\"],\"kwargs\":{\"seconds\":0}}")
                .id();
        Api.Answer output = api.raw("HEAD", "/v1/tasks/" + printed + "/stdout", null);
        assertThat(output.status()).isEqualTo(200);
        assertThat(output.header("Content-Length")).isEqualTo("7");
        assertThat(output.header("Content-Type")).isEqualTo("application/octet-stream");
        assertThat(api.get("/v1/tasks/" + printed + "/stdout").header("Content-Type"))
                .isEqualTo("application/octet-stream");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {"callable":"noop","args":[NaN]}           | ''            | Non-standard token 'NaN'
            {"callable":"noop"                         | ''            | it ends too early
            {"callable":"noop","callable":"noop"}      | /callable     | stands there twice
            {"callable":"noop","kwargs":{"a":1,"a":2}} | /kwargs/a     | stands there twice
            {"callable":"noop","pool":"nope"}          | /pool         | GET /v1/pools
            {"callable":"time.sleep","args":["a"]}     | /args/0       | is "a"
            """)
    void mistakesAreToldInWordsOfTheRequest(String body, String pointer, String told) {
        Api.Answer answer = api.submit(body);
        assertThat(answer.json().at("/errors/0/pointer").asText()).isEqualTo(pointer);
        assertThat(answer.json().at("/errors/0/detail").asText())
                .contains(told)
                .doesNotContain("Feature")
                .doesNotContain("Object entries");
    }

    @Test
    void nestingIsToldApartFromNames() {
        String deep = "[".repeat(100) + "]".repeat(100);
        assertThat(api.submit("{\"callable\":\"noop\",\"args\":" + deep + "}")
                        .json()
                        .at("/errors/0/detail")
                        .asText())
                .isEqualTo("is nested deeper than 64 levels (server.max_json_depth)");
        assertThat(api.submit("{\"" + "x".repeat(60_000) + "\":1}")
                        .json()
                        .at("/errors/0/detail")
                        .asText())
                .isEqualTo("has a name that is too long");
    }

    @Test
    void waitForNothingAndForTooMuchIsToldInSentences() {
        assertThat(api.post("/v1/wait", "{}").json().path("detail").asText())
                .isEqualTo("the body must have task_ids or batch_id");
        String id = api.run("{\"callable\":\"noop\"}").id();
        assertThat(api.post("/v1/wait", "{\"task_ids\":[\"" + id + "\"],\"batch_id\":\"b_x\"}")
                        .json()
                        .path("detail")
                        .asText())
                .isEqualTo("the body may have task_ids or batch_id, not both");
    }

    @Test
    void unknownTaskIsPointedAtWhereItStands() {
        String id = api.run("{\"callable\":\"noop\"}").id();
        String gone = id.substring(0, id.length() - 1) + (id.endsWith("0") ? "1" : "0");
        Api.Answer answer = api.post("/v1/wait", "{\"task_ids\":[\"" + id + "\",\"" + id + "\",\"" + gone + "\"]}");
        assertThat(answer.status()).isEqualTo(404);
        assertThat(answer.json().at("/errors/0/pointer").asText()).isEqualTo("/task_ids/2");
    }

    @Test
    void compressedBodyIsRefusedForWhatItIs() {
        assertThat(api.post("/v1/tasks", "{\"callable\":\"noop\"}", "Content-Encoding", "gzip")
                        .code())
                .isEqualTo("unsupported_media_type");
        assertThat(api.post("/v1/tasks", "{\"callable\":\"noop\"}", "Content-Encoding", "identity")
                        .status())
                .isEqualTo(201);
    }

    @Test
    void refusedMethodNamesThoseThatAreAllowed() {
        Api.Answer answer = api.raw("PATCH", "/v1/tasks", "{}");
        assertThat(answer.json().path("detail").asText()).contains("GET, HEAD, POST");
        assertThat(answer.header("Allow")).isEqualTo("GET, HEAD, POST");
    }

    @Test
    void endedTaskIsNamedWithItsState() {
        String id = api.run("{\"callable\":\"noop\"}").id();
        assertThat(api.post("/v1/tasks/" + id + "/cancel", null)
                        .json()
                        .path("detail")
                        .asText())
                .contains(id)
                .contains("SUCCEEDED");
    }

    @Test
    void emptyParametersCountAsAbsent() {
        assertThat(api.get("/v1/tasks?label=&cursor=&state=&pool=&limit=").status())
                .isEqualTo(200);
        assertThat(api.get("/v1/tasks/" + api.run("{\"callable\":\"noop\"}").id() + "?wait=")
                        .status())
                .isEqualTo(200);
    }

    @Test
    void answerWithoutContentHasNoTypeOfIt() {
        String id = api.run("{\"callable\":\"noop\"}").id();
        Api.Answer gone = api.delete("/v1/tasks/" + id);
        assertThat(gone.status()).isEqualTo(204);
        assertThat(gone.header("Content-Type")).isEmpty();
    }

    @Test
    void pathWithASlashBehindItNamesItsMethods() {
        Api.Answer answer = api.raw("DELETE", "/v1/tasks/", null);
        assertThat(answer.status()).isEqualTo(405);
        assertThat(answer.header("Allow")).isEqualTo("GET, HEAD, POST");
    }

    @Test
    void emptyFlagIsNoAnswer() {
        String id = api.run("{\"callable\":\"noop\"}").id();
        Api.Answer answer = api.post("/v1/tasks/" + id + "/cancel?interrupt", null);
        assertThat(answer.status()).isEqualTo(400);
        assertThat(answer.json().at("/errors/0/pointer").asText()).isEqualTo("query:interrupt");
    }

    @Test
    void rangeBeyondAllNumbersIsARange() {
        String id = api.run("{\"callable\":\"demo.print_sleep\",\"args\":[\"a\"],\"kwargs\":{\"seconds\":0}}")
                .id();
        String path = "/v1/tasks/" + id + "/stdout";
        assertThat(api.get(path, "Range", "bytes=2-99999999999999999999").text())
                .isEqualTo("done\n");
        assertThat(api.get(path, "Range", "bytes=99999999999999999999-").status())
                .isEqualTo(416);
    }

    @Test
    void hugePowerIsRefusedInsteadOfHoldingAThread() {
        Api.Answer answer = api.raw(
                "POST",
                "/v1/tasks?wait=55",
                "{\"callable\":\"math.pow\",\"args\":[" + "9".repeat(100_000) + ",100000]}");
        assertThat(answer.json().at("/error/message").asText()).contains("bits");
        assertThat(api.raw("POST", "/v1/tasks?wait=55", "{\"callable\":\"math.pow\",\"args\":[2,100000]}")
                        .state())
                .isEqualTo("SUCCEEDED");
    }

    @Test
    void runningTaskKeepsItsEntityTagWhileNothingIsTold() {
        String id = api.submit("{\"callable\":\"demo.print_sleep\",\"args\":[\"a\"],\"kwargs\":{\"seconds\":3000}}")
                .id();
        await().untilAsserted(
                        () -> assertThat(api.get("/v1/tasks/" + id).state()).isEqualTo("RUNNING"));
        String tag = api.get("/v1/tasks/" + id).header("ETag");
        assertThat(api.get("/v1/tasks/" + id, "If-None-Match", tag).status()).isEqualTo(304);
        api.post("/v1/tasks/" + id + "/cancel?interrupt=true", null);
    }
}
