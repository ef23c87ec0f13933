package dev.taskpool.acceptance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.worker.Interpreters;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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
import org.junit.jupiter.params.provider.ValueSource;

/** What becomes of workers and of the tasks that they hold; docs/semantics.md says which semantic each test holds. */
@Timeout(120)
class WorkerSemanticsTest {
    @TempDir
    static Path data;

    static Started service;
    static Api api;

    @BeforeAll
    static void start() {
        Interpreters.assumeThere("python3");
        String worker =
                Path.of("src/test/resources/mortal_worker.py").toAbsolutePath().toString();
        service = new Started(
                data.resolve("data"),
                "SERVER_MAX_REQUEST_BYTES",
                "6MiB",
                "WORKERS",
                "{mortal: {command: [python3, -I, -S, '" + worker + "'], start_timeout: 1m},"
                        // Cannot start while there is a flag, and dies of long arguments.
                        + " fragile: {command: [sh, -c, 'if [ -e \"$0\" ]; then echo no module named x >&2; exit 5; fi;"
                        + " exec python3 -I -S \"$1\"', '" + flag() + "', '" + worker
                        + "'], env: {MORTAL_PREFIX: fragile, MORTAL_LONGEST_FRAME: '1000000'}, start_timeout: 1m}}");
        api = service.api;
    }

    @AfterAll
    static void stop() {
        if (service != null) {
            service.close();
        }
    }

    private static Path flag() {
        return data.resolve("flag");
    }

    private static void put(String pool, String type, String more) {
        Api.Answer answer = api.put(
                "/v1/pools/" + pool,
                "{\"kind\":\"PROCESS\",\"worker_type\":\"" + type + "\",\"grace_ms\":200" + more + "}");
        assertThat(answer.status()).as(answer.text()).isLessThan(300);
    }

    private static void mortal(String pool, int workers, String more) {
        put(pool, "mortal", ",\"max_workers\":" + workers + more);
    }

    private static String task(String callable, String args, String pool) {
        return "{\"callable\":\"" + callable + "\",\"args\":" + args + ",\"pool\":\"" + pool + "\"}";
    }

    private static Api.Answer run(String callable, String args, String pool) {
        return api.run(task(callable, args, pool));
    }

    private static String pid(String pool) {
        Api.Answer answer = run("mortal.pid", "[]", pool);
        assertThat(answer.state()).as(answer.text()).isEqualTo("SUCCEEDED");
        return answer.json().path("result").asText();
    }

    private static void works(String pool) {
        Api.Answer answer = run("mortal.echo", "[1]", pool);
        assertThat(answer.state()).as(answer.text()).isEqualTo("SUCCEEDED");
    }

    private static JsonNode workers(String pool) {
        return api.get("/v1/pools/" + pool + "/workers").json().path("items");
    }

    private static List<String> pids(String pool) {
        return workers(pool).findValuesAsText("pid");
    }

    private static JsonNode pool(String name) {
        return api.get("/v1/pools/" + name).json();
    }

    private static boolean lives(String pid) {
        return Files.exists(Path.of("/proc/" + pid));
    }

    @ParameterizedTest
    @CsvSource({
        "0, ''",
        "1, ''",
        "99, ''",
        "'\"SIGSEGV\"', SIGSEGV",
        "'\"SIGABRT\"', SIGABRT",
        "'\"SIGTERM\"', SIGTERM",
        "'\"SIGKILL\"', SIGKILL"
    })
    void deathIsToldWithItsCauseAndOnlyItsTaskFails(String how, String signal) {
        String pool = "w1-" + how.replaceAll("\\W", "").toLowerCase(java.util.Locale.ROOT);
        mortal(pool, 1, "");
        String before = api.submit(task("mortal.echo", "[1]", pool)).id();
        String dies = api.submit(task("mortal.die", "[" + how + "]", pool)).id();
        String after = api.submit(task("mortal.echo", "[2]", pool)).id();
        JsonNode error = api.awaitDone(dies).json().path("error");
        assertThat(error.path("code").asText()).isEqualTo("worker_died");
        if (signal.isEmpty()) {
            // A clean exit in the middle of a task is a death as well.
            assertThat(error.path("exit_code").asText()).isEqualTo(how);
            assertThat(error.path("message").asText()).contains("ended with exit code " + how);
        } else {
            assertThat(error.path("signal").asText()).isEqualTo(signal);
            assertThat(error.path("message").asText()).contains("ended by " + signal);
        }
        assertThat(api.awaitDone(before).state()).isEqualTo("SUCCEEDED");
        assertThat(api.awaitDone(after).state()).isEqualTo("SUCCEEDED");
        assertThat(pool(pool).path("worker_losses").asInt()).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 2, 4, 5, 40})
    void deathInTheMiddleOfAnAnswerFailsTheTask(int bytes) {
        mortal("w2", 1, "");
        JsonNode error =
                run("mortal.die_within", "[" + bytes + ",0]", "w2").json().path("error");
        assertThat(error.path("code").asText()).isEqualTo("worker_died");
        works("w2");
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "\"SIGKILL\""})
    void deathAfterTheAnswerUndoesNothing(String how) {
        mortal("w3", 1, "");
        Api.Answer answered = run("mortal.answer_and_die", "[" + how + "]", "w3");
        assertThat(answered.state()).isEqualTo("SUCCEEDED");
        // A task that was handed over before the death is noticed would find out.
        await().until(() -> workers("w3").isEmpty());
        works("w3");
        assertThat(api.get("/v1/tasks/" + answered.id()).json()).isEqualTo(answered.json());
    }

    @Test
    void firstAnswerStays() {
        mortal("w4", 1, "");
        String pid = pid("w4");
        Api.Answer first = run("mortal.answer_twice", "[]", "w4");
        assertThat(first.json().path("result").asText()).isEqualTo("the first");
        // By the time that the next answer is read the others have been.
        assertThat(pid("w4")).isEqualTo(pid);
        assertThat(api.get("/v1/tasks/" + first.id()).json()).isEqualTo(first.json());
    }

    @Test
    void workerThatDiesOfItsArgumentsFailsOnlyItsTask() {
        put("w5", "fragile", ",\"max_workers\":1");
        String long4MiB = "\"" + "x".repeat(4 << 20) + "\"";
        // Raw: the validator of the contract takes seconds for such answers.
        JsonNode dies = api.raw("POST", "/v1/tasks?wait=55", task("fragile.echo", "[" + long4MiB + "]", "w5"))
                .json();
        assertThat(dies.at("/error/code").asText()).isEqualTo("worker_died");
        assertThat(dies.at("/error/signal").asText()).isEqualTo("SIGKILL");
        assertThat(run("fragile.echo", "[1]", "w5").state()).isEqualTo("SUCCEEDED");
        // They come over where the worker lives, and larger ones are refused.
        mortal("w5-strong", 1, "");
        assertThat(api.raw("POST", "/v1/tasks?wait=55", task("mortal.sleep", "[0," + long4MiB + "]", "w5-strong"))
                        .state())
                .isEqualTo("SUCCEEDED");
        assertThat(api.raw("POST", "/v1/tasks", task("mortal.echo", "[\"" + "x".repeat(6 << 20) + "\"]", "w5-strong"))
                        .code())
                .isEqualTo("request_too_large");
    }

    @Test
    void poolThatCannotReplaceItsWorkersSaysWhyAndStrandsNobody() throws IOException {
        put("w6", "fragile", ",\"max_workers\":1");
        assertThat(run("fragile.echo", "[1]", "w6").state()).isEqualTo("SUCCEEDED");
        Files.createFile(flag());
        try {
            api.post("/v1/pools/w6/terminate?signal=KILL", null);
            List<String> ids = List.of(
                    api.submit(task("fragile.echo", "[2]", "w6")).id(),
                    api.submit(task("fragile.echo", "[3]", "w6")).id());
            for (String id : ids) {
                JsonNode error = api.awaitDone(id).json().path("error");
                assertThat(error.path("code").asText()).isEqualTo("start_failed");
                assertThat(error.path("message").asText()).contains("no module named x", "exit code 5");
            }
        } finally {
            Files.delete(flag());
        }
        assertThat(run("fragile.echo", "[4]", "w6").state()).isEqualTo("SUCCEEDED");
    }

    @Test
    void wornWorkerIsGoneFromTheListWhenItsLastTaskIsDone() {
        mortal("w7", 1, ",\"max_tasks_per_worker\":2");
        Set<String> all = new HashSet<>();
        for (int i = 0; i < 3; i++) {
            String first = pid("w7");
            assertThat(pids("w7")).isEqualTo(List.of(first));
            assertThat(pid("w7")).isEqualTo(first);
            assertThat(pids("w7")).doesNotContain(first);
            all.add(first);
        }
        assertThat(all).hasSize(3);
        assertThat(pool("w7").path("worker_losses").asInt()).isZero();
    }

    @Test
    void neverMoreProcessesThanMaxWorkers() {
        mortal("w8", 2, "");
        String item = task("mortal.pid", "[]", "w8");
        String batch = api.post("/v1/batches", "{\"items\":[" + (item + ",").repeat(29) + item + "]}")
                .id();
        String wait = "{\"batch_id\":\"" + batch + "\",\"wait\":0}";
        JsonNode waited = api.post("/v1/wait", wait).json();
        while (!waited.path("satisfied").asBoolean()) {
            assertThat(workers("w8").size()).isLessThanOrEqualTo(2);
            waited = api.post("/v1/wait", wait).json();
        }
        assertThat(waited.path("done")).hasSize(30);
        assertThat(new HashSet<>(waited.path("done").findValuesAsText("result")))
                .hasSizeBetween(1, 2);
    }

    @Test
    void sameSettingsKeepTheWorkersAndResizingKeepsThoseThatFit() {
        mortal("w9", 2, "");
        String first = pid("w9");
        mortal("w9", 2, "");
        assertThat(pid("w9")).isEqualTo(first);
        // Grown, and one is kept ready beside it.
        mortal("w9", 3, ",\"min_workers\":2");
        await().until(() -> pids("w9").size() == 2);
        assertThat(pids("w9")).contains(first);
        Set<String> before = new HashSet<>(pids("w9"));
        String busy = api.submit(task("mortal.sleep", "[600]", "w9")).id();
        await().until(() -> workers("w9").findValuesAsText("state").contains("BUSY"));
        String working = workerOf(busy, "w9");
        // Shrunk: what works goes on, what is idle goes.
        mortal("w9", 1, "");
        await().until(() -> pids("w9").equals(List.of(working)));
        assertThat(before).contains(working);
        assertThat(api.get("/v1/tasks/" + busy).state()).isEqualTo("RUNNING");
        api.post("/v1/tasks/" + busy + "/cancel?interrupt=true", null);
        assertThat(api.awaitDone(busy).state()).isEqualTo("CANCELLED");
        assertThat(api.put("/v1/pools/w9", "{\"kind\":\"PROCESS\",\"worker_type\":\"java\",\"max_workers\":1}")
                        .code())
                .isEqualTo("pool_kind_fixed");
    }

    private static String workerOf(String task, String pool) {
        for (JsonNode each : workers(pool)) {
            if (each.path("task_id").asText().equals(task)) {
                return each.path("pid").asText();
            }
        }
        throw new AssertionError("nobody has it");
    }

    @Test
    void idleWorkersEndAndNoTaskIsLostToOneThatLeaves() {
        mortal("w10", 2, ",\"idle_timeout_ms\":50");
        String first = pid("w10");
        await().until(() -> workers("w10").isEmpty() && !lives(first));
        works("w10");
        // So short that each worker leaves about when the next task comes.
        mortal("w10", 2, ",\"idle_timeout_ms\":1");
        for (int i = 0; i < 25; i++) {
            works("w10");
        }
        assertThat(pool("w10").path("worker_losses").asInt()).isZero();
        mortal("w10", 2, ",\"idle_timeout_ms\":1,\"min_workers\":1");
        api.post("/v1/pools/w10/shutdown", null);
        await().until(() -> pool("w10").path("state").asText().equals("SHUT_DOWN"));
    }

    @Test
    void deathOfAnIdleWorkerIsNoticedWithoutATask() {
        mortal("w11", 1, "");
        String first = pid("w11");
        String worker = workers("w11").get(0).path("id").asText();
        assertThat(api.post("/v1/pools/w11/workers/" + worker + "/signal?signal=KILL", null)
                        .status())
                .isEqualTo(204);
        await().until(() -> workers("w11").isEmpty() && !lives(first));
        assertThat(pid("w11")).isNotEqualTo(first);
    }

    @Test
    void workerThatGrewIsReplacedAfterItsTask() {
        mortal("w12", 1, ",\"max_worker_memory_bytes\":83886080");
        String first = pid("w12");
        assertThat(pid("w12")).isEqualTo(first);
        assertThat(run("mortal.grow", "[100000000]", "w12").state()).isEqualTo("SUCCEEDED");
        assertThat(pid("w12")).isNotEqualTo(first);
        assertThat(pool("w12").path("worker_losses").asInt()).isZero();
    }

    @Test
    void workersAreKeptReadyWithoutATask() {
        mortal("w13", 3, ",\"min_workers\":2");
        await().until(() -> workers("w13").findValuesAsText("state").equals(List.of("IDLE", "IDLE")));
        List<String> ready = pids("w13");
        assertThat(ready).contains(pid("w13"));
        assertThat(pids("w13")).isEqualTo(ready);
        assertThat(workers("w13").findValuesAsText("id"))
                .doesNotHaveDuplicates()
                .allMatch(id -> id.startsWith("w_"));
    }

    @Test
    void badSubmissionsDoNotStopTheGoodOnes() {
        mortal("w14", 2, "");
        StringBuilder items = new StringBuilder();
        for (int i = 0; i < 50; i++) {
            assertThat(api.submit(task("mortal.no_such", "[]", "w14")).code()).isEqualTo("unknown_callable");
            items.append(i == 0 ? "" : ",")
                    .append(task("mortal.fail", "[\"bad " + i + "\"]", "w14"))
                    .append(',')
                    .append(task("mortal.echo", "[" + i + "]", "w14"));
        }
        String batch = api.post("/v1/batches", "{\"items\":[" + items + "]}").id();
        JsonNode done = api.post("/v1/wait", "{\"batch_id\":\"" + batch + "\",\"wait\":55}")
                .json()
                .path("done");
        assertThat(done).hasSize(100);
        for (JsonNode each : done) {
            int index = each.path("batch_index").asInt();
            if (index % 2 == 0) {
                assertThat(each.at("/error/message").asText()).isEqualTo("bad " + index / 2);
            } else {
                assertThat(each.at("/result/0").asInt()).isEqualTo(index / 2);
            }
        }
        assertThat(pool("w14").path("worker_losses").asInt()).isZero();
    }

    @Test
    void failedInitializerLeavesNothing() throws IOException {
        long files = files();
        mortal("w15", 2, ",\"initializer\":{\"callable\":\"mortal.fail\",\"args\":[\"no\"]}");
        assertThat(run("mortal.echo", "[1]", "w15").json().at("/error/code").asText())
                .isEqualTo("initializer_failed");
        await().until(() -> pool("w15").path("state").asText().equals("BROKEN"));
        await().until(() -> workers("w15").isEmpty());
        api.post("/v1/pools/w15/shutdown?wait=55", null);
        assertThat(pool("w15").path("state").asText()).isEqualTo("SHUT_DOWN");
        await().untilAsserted(() -> {
            assertThat(files()).isLessThanOrEqualTo(files);
            assertThat(Thread.getAllStackTraces().keySet())
                    .noneMatch(thread -> thread.getName().startsWith("pool-w15-"));
        });
    }

    /** Sockets of pools, and what is in scratch folders. */
    private static long files() {
        long count = 0;
        for (String name : List.of("sockets", "scratch")) {
            Path folder = data.resolve("data").resolve(name);
            if (Files.isDirectory(folder)) {
                try (var all = Files.list(folder)) {
                    count += all.count();
                } catch (IOException e) {
                    throw new AssertionError(e);
                }
            }
        }
        return count;
    }
}
