package dev.taskpool.acceptance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.cli.CannotStartException;
import dev.taskpool.worker.Interpreters;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Workers in other languages, over HTTP. */
@Timeout(120)
class WorkerTypesTest {
    private static final String POOLS = """
            {default: {kind: thread}, processes: {kind: process},
             python: {kind: process, worker_type: python, max_workers: 2, grace: 2s},
             node: {kind: process, worker_type: node, max_workers: 1, grace: 2s}}""";

    @TempDir
    static Path data;

    static Started service;
    static Api api;

    private static String workers(Path folder) {
        return "{python: {command: [python3, '{home}/workers/python/taskpool_worker.py', --module, py_tasks, --allow, math],"
                + " directory: " + folder + ", start_timeout: 1m},"
                + " node: {command: [node, '{home}/workers/node/taskpool-worker.js', --module, ./js_tasks.js], directory: "
                + folder + ", start_timeout: 1m}}";
    }

    @BeforeAll
    static void start() throws Exception {
        Interpreters.assumeThere("python3");
        Interpreters.assumeThere("node");
        Files.writeString(data.resolve("py_tasks.py"), """
                import sys, time
                import taskpool_worker

                @taskpool_worker.callable(schema={"properties": {"args": {"maxItems": 1}}})
                def one(x=None):
                    print("out", x)
                    print("err", file=sys.stderr)
                    return x

                @taskpool_worker.callable
                def fail():
                    try:
                        open("/no/such")
                    except OSError as e:
                        raise ValueError("bad") from e

                @taskpool_worker.callable
                def later(until):
                    if time.time() < until:
                        raise taskpool_worker.Snooze(0.3)
                    return taskpool_worker.current_task().attempt

                @taskpool_worker.callable
                def nap():
                    print("napping")
                    try:
                        time.sleep(600)
                    finally:
                        print("woken")
                """);
        Files.writeString(data.resolve("js_tasks.js"), """
                exports.twice = async (n) => { console.log('twice', n); return n * 2n; };
                exports.postponed = function (until) { if (Date.now() < until) this.snooze(300); return this.attempt; };
                exports.hang = () => { console.log('hanging'); for (;;); };
                """);
        service = new Started(data.resolve("data"), "POOLS", POOLS, "WORKERS", workers(data));
        api = service.api;
    }

    @AfterAll
    static void stop() {
        if (service != null) {
            service.close();
        }
    }

    private static String body(String callable, String args) {
        return "{\"callable\":\"" + callable + "\",\"args\":" + args + "}";
    }

    @Test
    void callablesOfWorkersAreListedWithTheirTypes() {
        JsonNode items = api.get("/v1/callables").json().path("items");
        JsonNode factorial = item(items, "math:factorial");
        assertThat(factorial.path("pool_kinds")).hasToString("[\"PROCESS\"]");
        assertThat(factorial.path("worker_types")).hasToString("[\"python\"]");
        assertThat(item(items, "js_tasks:twice").path("worker_types")).hasToString("[\"node\"]");
        assertThat(item(items, "noop").path("worker_types")).hasToString("[\"java\"]");
        assertThat(item(items, "py_tasks:one").path("arguments_schema").isObject())
                .isTrue();
    }

    private static JsonNode item(JsonNode items, String name) {
        for (JsonNode each : items) {
            if (each.path("name").asText().equals(name)) {
                return each;
            }
        }
        throw new AssertionError("not listed: " + name);
    }

    @Test
    void poolOfTheRightTypeIsChosenWhereNoneIsNamed() {
        Api.Answer python = api.run(body("math:factorial", "[25]"));
        assertThat(python.json().path("result").bigIntegerValue()).hasToString("15511210043330985984000000");
        assertThat(python.json().path("pool").asText()).isEqualTo("python");
        Api.Answer node = api.run(body("js_tasks:twice", "[12345678901234567890123]"));
        assertThat(node.json().path("result").bigIntegerValue()).hasToString("24691357802469135780246");
        assertThat(node.json().path("pool").asText()).isEqualTo("node");
        assertThat(api.get("/v1/tasks/" + node.id() + "/stdout").text()).isEqualTo("twice 12345678901234567890123n\n");
        Api.Answer java = api.run("{\"callable\":\"noop\",\"pool\":\"processes\"}");
        assertThat(java.state()).isEqualTo("SUCCEEDED");
    }

    @Test
    void poolOfAnotherTypeIsRefused() {
        Api.Answer wrong = api.submit("{\"callable\":\"math:factorial\",\"args\":[1],\"pool\":\"node\"}");
        assertThat(wrong.code()).isEqualTo("pool_kind_unsupported");
        assertThat(wrong.text()).contains("worker_type python").contains("'node' is PROCESS with worker_type node");
        assertThat(api.submit("{\"callable\":\"noop\",\"pool\":\"python\"}").code())
                .isEqualTo("pool_kind_unsupported");
        assertThat(api.submit("{\"callable\":\"math:factorial\",\"args\":[1],\"pool\":\"default\"}")
                        .code())
                .isEqualTo("pool_kind_unsupported");
    }

    @Test
    void schemaOfAWorkersCallableIsEnforced() {
        Api.Answer answer = api.submit(body("py_tasks:one", "[1,2]"));
        assertThat(answer.code()).isEqualTo("invalid_arguments");
    }

    @Test
    void printsAndErrorsComeOver() {
        Api.Answer one = api.run(body("py_tasks:one", "[\"ä\"]"));
        assertThat(api.get("/v1/tasks/" + one.id() + "/stdout").text()).isEqualTo("out ä\n");
        assertThat(api.get("/v1/tasks/" + one.id() + "/stderr").text()).isEqualTo("err\n");
        JsonNode error = api.run(body("py_tasks:fail", "[]")).json().path("error");
        assertThat(error.path("code").asText()).isEqualTo("exception");
        assertThat(error.path("exception_type").asText()).isEqualTo("ValueError");
        assertThat(error.path("trace").asText()).contains("py_tasks.py");
        assertThat(error.at("/causes/0/exception_type").asText()).isEqualTo("FileNotFoundError");
        assertThat(error.at("/causes/0/trace").asText()).contains("py_tasks.py");
    }

    @Test
    void snoozeUsesNoAttempt() {
        double until = System.currentTimeMillis() + 1_500;
        Api.Answer python = api.run(body("py_tasks:later", "[" + until / 1000 + "]"));
        assertThat(python.json().path("result").asInt()).as(python.text()).isEqualTo(1);
        assertThat(python.json().path("attempt").asInt()).isEqualTo(1);
        Api.Answer node = api.run(body("js_tasks:postponed", "[" + (until + 1_500) + "]"));
        assertThat(node.json().path("attempt").asInt()).isEqualTo(1);
    }

    @Test
    void cancelWakesPythonAndKillsWhatDoesNotHear() {
        String nap = api.submit(body("py_tasks:nap", "[]")).id();
        await().until(() ->
                api.raw("GET", "/v1/tasks/" + nap + "/stdout", null).text().equals("napping\n"));
        assertThat(api.post("/v1/tasks/" + nap + "/cancel?interrupt=true&wait=20", null)
                        .state())
                .isEqualTo("CANCELLED");
        assertThat(api.get("/v1/tasks/" + nap + "/stdout").text()).isEqualTo("napping\nwoken\n");
        String hang = api.submit(body("js_tasks:hang", "[]")).id();
        await().until(() -> api.get("/v1/tasks/" + hang).state().equals("RUNNING"));
        assertThat(api.post("/v1/tasks/" + hang + "/cancel?interrupt=true&wait=20", null)
                        .state())
                .isEqualTo("CANCELLED");
        assertThat(api.run(body("js_tasks:twice", "[9007199254740993]")).state())
                .isEqualTo("SUCCEEDED");
    }

    @Test
    void workerThatDoesNotStartIsAClearError(@TempDir Path other) {
        assertThatThrownBy(() -> new Started(
                        other, "WORKERS", "{bad: {command: [python3, -c, 'import sys; sys.exit(\"no licence\")']}}"))
                .isInstanceOf(CannotStartException.class)
                .hasMessageContaining("workers.bad")
                .hasMessageContaining("no licence");
    }

    @Test
    void nameThatTwoOfferIsAClearError(@TempDir Path other) {
        String python = "{command: [python3, '{home}/workers/python/taskpool_worker.py', --allow, math]}";
        assertThatThrownBy(() -> new Started(other, "WORKERS", "{a: " + python + ", b: " + python + "}"))
                .isInstanceOf(CannotStartException.class)
                .hasMessageContaining("workers.b offers the callable math:")
                .hasMessageContaining("also offered by workers.a");
    }
}
