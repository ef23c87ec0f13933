package dev.taskpool.acceptance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.worker.Interpreters;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What CPython's process pool promises, with the Python worker; docs/semantics.md says which semantic each test holds. */
@Timeout(120)
class PythonSemanticsTest {
    @TempDir
    static Path data;

    static Started service;
    static Api api;

    @BeforeAll
    static void start() throws IOException {
        Interpreters.assumeThere("python3");
        Files.writeString(data.resolve("futures_tasks.py"), """
                import gc, os, subprocess, sys, threading, time
                import taskpool_worker

                BEGUN = []

                class Falsy(Exception):
                    def __bool__(self):
                        return False
                    def __len__(self):
                        return 0

                class Refusing:
                    def __reduce__(self):
                        raise ArithmeticError("will not be pickled")

                class Deadly:
                    def __reduce__(self):
                        os._exit(7)

                def pid():
                    return os.getpid()

                def begin(what):
                    BEGUN.append(what)

                def begun(gate):
                    while not os.path.exists(gate):
                        time.sleep(0.005)
                    return [os.getpid(), BEGUN]

                def fail(kind):
                    raise {"timeout": TimeoutError, "exit": SystemExit, "interrupt": KeyboardInterrupt,
                           "base": BaseException, "falsy": Falsy}[kind]("told")

                def chained():
                    try:
                        {}["key"]
                    except KeyError as e:
                        raise taskpool_worker.TaskError("with data", {"a": [1, None]}) from e

                def unwritable():
                    return {1, 2}

                def anything(*args, **kwargs):
                    return [args, kwargs]

                def watch(word, path):
                    while gc.collect() is not None and any(
                        type(each) is list and each and each[0] == word + word for each in gc.get_objects()
                    ):
                        time.sleep(0.005)
                    open(path, "w").close()

                def keeps(value, path):
                    half = value[0][: len(value[0]) // 2]
                    threading.Thread(target=watch, args=(half, path), daemon=True).start()
                    return [half + half, 2]

                def reads():
                    return [sys.stdin.read(), subprocess.run(["cat"], capture_output=True, text=True).stdout]

                def environment():
                    return os.environ.get("FLAVOUR")

                def refusing():
                    return Refusing()

                def deadly():
                    return Deadly()
                """);
        service = new Started(
                data.resolve("data"),
                "WORKERS",
                "{python: {command: [python3, '{home}/workers/python/taskpool_worker.py', --allow, futures_tasks,"
                        + " --allow-pickle], directory: '" + data + "', env: {FLAVOUR: vanilla}, start_timeout: 1m}}",
                "POOLS",
                "{default: {kind: thread}, python: {kind: process, worker_type: python, max_workers: 1}}");
        api = service.api;
    }

    @AfterAll
    static void stop() {
        if (service != null) {
            service.close();
        }
    }

    private static Api.Answer run(String function, String args) {
        return api.run("{\"callable\":\"futures_tasks:" + function + "\",\"args\":" + args + ",\"pool\":\"python\"}");
    }

    private static String pid() {
        return run("pid", "[]").json().path("result").asText();
    }

    /** Runs a pickle: in protocol 0, as text, of function, arguments and keyword arguments. */
    private static JsonNode pickled(String pickle) {
        String base64 = Base64.getEncoder().encodeToString(pickle.getBytes(StandardCharsets.US_ASCII));
        return api.run("{\"callable\":\"python.pickled\",\"args\":[\"" + base64 + "\"],\"pool\":\"python\"}")
                .json();
    }

    @ParameterizedTest
    @CsvSource({
        "timeout, TimeoutError",
        "exit, SystemExit",
        "interrupt, KeyboardInterrupt",
        "base, BaseException",
        "falsy, futures_tasks.Falsy"
    })
    void whateverIsRaisedIsAnExceptionAndTheWorkerLivesOn(String kind, String type) {
        String pid = pid();
        Api.Answer task = run("fail", "[\"" + kind + "\"]");
        assertThat(task.state()).isEqualTo("FAILED");
        // Not the code 'timeout', which is the service's own.
        assertThat(task.json().at("/error/code").asText()).isEqualTo("exception");
        assertThat(task.json().at("/error/exception_type").asText()).isEqualTo(type);
        assertThat(task.json().at("/error/message").asText()).isEqualTo("told");
        assertThat(pid()).isEqualTo(pid);
    }

    @Test
    void exceptionTellsTypeMessageDataCauseAndSourceLine() {
        JsonNode error = run("chained", "[]").json().path("error");
        assertThat(error.path("exception_type").asText()).isEqualTo("taskpool_worker.TaskError");
        assertThat(error.path("message").asText()).isEqualTo("with data");
        assertThat(error.path("data")).hasToString("{\"a\":[1,null]}");
        assertThat(error.path("trace").asText())
                .contains("futures_tasks.py", "in chained", "raise taskpool_worker.TaskError(\"with data\"");
        assertThat(error.at("/causes/0/exception_type").asText()).isEqualTo("KeyError");
        assertThat(error.at("/causes/0/trace").asText()).contains("{}[\"key\"]");
    }

    @Test
    void resultThatCannotBeWrittenIsToldAndTheWorkerLivesOn() {
        String pid = pid();
        JsonNode error = run("unwritable", "[]").json().path("error");
        assertThat(error.path("code").asText()).isEqualTo("invalid_result");
        assertThat(error.path("exception_type").asText()).isEqualTo("TypeError");
        JsonNode refusing = pickled("(cfutures_tasks\nrefusing\n(t(dt.").path("error");
        assertThat(refusing.path("code").asText()).isEqualTo("invalid_result");
        assertThat(refusing.path("exception_type").asText()).isEqualTo("ArithmeticError");
        assertThat(refusing.path("message").asText()).contains("will not be pickled");
        assertThat(pid()).isEqualTo(pid);
    }

    @Test
    void argumentsThatCannotBeUnpickledFailOnlyTheirTask() {
        String pid = pid();
        JsonNode error = pickled("(cno_such_module\nf\n(t(dt.").path("error");
        assertThat(error.path("code").asText()).isEqualTo("arguments_undecodable");
        assertThat(error.path("message").asText()).contains("no_such_module");
        assertThat(pickled("(cbuiltins\nlen\n((lt(dt.").path("state").asText()).isEqualTo("SUCCEEDED");
        assertThat(pid()).isEqualTo(pid);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            3 | cos\\n_exit\\n(I3\\ntR.
            4 | (cos\\n_exit\\n(I4\\nt(dt.
            7 | (cfutures_tasks\\ndeadly\\n(t(dt.
            """)
    void exitWhileUnpicklingRunningOrPicklingIsADeath(int exitCode, String pickle) {
        String pid = pid();
        JsonNode error = pickled(pickle.replace("\\n", "\n")).path("error");
        assertThat(error.path("code").asText()).isEqualTo("worker_died");
        assertThat(error.path("exit_code").asInt()).isEqualTo(exitCode);
        assertThat(pid()).isNotEqualTo(pid);
    }

    @Test
    void noNameOfAnArgumentIsReserved() {
        String kwargs = "{\"self\":1,\"fn\":2,\"task\":3,\"callable\":4,\"args\":[5],\"kwargs\":{},\"timeout\":6}";
        Api.Answer task = api.run("{\"callable\":\"futures_tasks:anything\",\"args\":[0],\"kwargs\":" + kwargs + "}");
        assertThat(task.json().path("result")).hasToString("[[0]," + kwargs + "]");
    }

    @Test
    void initializerRunsOnceInEachWorkerBeforeItsFirstTask() throws IOException {
        api.put(
                "/v1/pools/begun",
                "{\"kind\":\"PROCESS\",\"worker_type\":\"python\",\"max_workers\":2,"
                        + "\"initializer\":{\"callable\":\"futures_tasks:begin\",\"args\":[\"model\"]}}");
        Path gate = data.resolve("gate");
        String task = "{\"callable\":\"futures_tasks:begun\",\"args\":[\"" + gate + "\"],\"pool\":\"begun\"}";
        List<String> ids = List.of(
                api.submit(task).id(),
                api.submit(task).id(),
                api.submit(task).id(),
                api.submit(task).id());
        await().until(() -> api.get("/v1/pools/begun/workers")
                .json()
                .path("items")
                .findValuesAsText("state")
                .equals(List.of("BUSY", "BUSY")));
        Files.createFile(gate);
        Set<String> pids = new HashSet<>();
        for (String id : ids) {
            JsonNode result = api.awaitDone(id).json().path("result");
            assertThat(result.path(1)).hasToString("[\"model\"]");
            pids.add(result.path(0).asText());
        }
        assertThat(pids).hasSize(2);
    }

    @Test
    void idleWorkerKeepsNothingOfItsLastTask() {
        Path gone = data.resolve("gone");
        // A thread looks for its argument and its result until there is neither; no other task comes meanwhile.
        Api.Answer task = run("keeps", "[[\"halfhalf\",1,2],\"" + gone + "\"]");
        assertThat(task.json().path("result")).hasToString("[\"halfhalf\",2]");
        await().until(() -> Files.exists(gone));
    }

    @Test
    void standardInputOfTasksAndOfWhatTheyStartIsEmpty() {
        assertThat(run("reads", "[]").json().path("result")).hasToString("[\"\",\"\"]");
    }

    @Test
    void workersHaveTheEnvironmentOfTheirType() {
        assertThat(run("environment", "[]").json().path("result").asText()).isEqualTo("vanilla");
    }
}
