package dev.taskpool.acceptance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a task has of a future; docs/semantics.md says which semantic each test holds. */
@Timeout(120)
class FutureSemanticsTest {
    @TempDir
    static Path data;

    static Started service;
    static Api api;
    private static final AtomicInteger POOLS = new AtomicInteger();

    /** Less than the 55 s of a wait that nobody ends, and more than anything takes here. */
    private static final long LONG_NANOS = 40_000_000_000L;

    @BeforeAll
    static void start() {
        service = new Started(
                data.resolve("data"), "PLUGINS_DIRECTORY", Gates.folder(data).toString());
        api = service.api;
    }

    @AfterAll
    static void stop() {
        service.close();
    }

    private static String pool(int workers) {
        String name = "f" + POOLS.incrementAndGet();
        assertThat(api.put("/v1/pools/" + name, "{\"kind\":\"THREAD\",\"max_workers\":" + workers + "}")
                        .status())
                .isEqualTo(201);
        return name;
    }

    private static String body(String callable, String args, String pool) {
        return "{\"callable\":\"" + callable + "\",\"args\":" + args + ",\"pool\":\"" + pool + "\"}";
    }

    private static Api.Answer get(String id) {
        return api.get("/v1/tasks/" + id);
    }

    private static Api.Answer result(String id) {
        return api.get("/v1/tasks/" + id + "/result");
    }

    private static Api.Answer cancel(String id) {
        return api.post("/v1/tasks/" + id + "/cancel", null);
    }

    private static void awaitRunning(String id) {
        await().until(() -> get(id).state().equals("RUNNING"));
    }

    private static String waitBody(String returnWhen, int seconds, String... ids) {
        return "{\"task_ids\":[\"" + String.join("\",\"", ids) + "\"],\"return_when\":\"" + returnWhen + "\",\"wait\":"
                + seconds + "}";
    }

    private static JsonNode waited(String returnWhen, int seconds, String... ids) {
        long from = System.nanoTime();
        Api.Answer answer = api.post("/v1/wait", waitBody(returnWhen, seconds, ids));
        assertThat(answer.status()).as(answer.text()).isEqualTo(200);
        // Where it is answered because it is met, and not because its time is over.
        assertThat(System.nanoTime() - from).isLessThan(LONG_NANOS);
        return answer.json();
    }

    private static void hold(JsonNode waited, boolean satisfied, List<String> done, List<String> notDone) {
        assertThat(waited.path("satisfied").asBoolean()).isEqualTo(satisfied);
        assertThat(waited.path("done").findValuesAsText("id")).isEqualTo(done);
        assertThat(waited.path("not_done")).extracting(JsonNode::asText).isEqualTo(notDone);
    }

    private static String succeeded() {
        return api.run("{\"callable\":\"noop\"}").id();
    }

    private static String failed() {
        return api.run("{\"callable\":\"demo.fail\",\"args\":[\"boom\"]}").id();
    }

    private static String cancelled() {
        String id = api.submit("{\"callable\":\"noop\",\"delay_ms\":60000}").id();
        assertThat(cancel(id).state()).isEqualTo("CANCELLED");
        return id;
    }

    private static String text(CompletableFuture<HttpResponse<byte[]>> answer) {
        return new String(answer.join().body(), StandardCharsets.UTF_8);
    }

    @Test
    void pendingTaskIsCancelledAtOnceForEverybodyAndOnlyOnce() {
        String gate = Gates.make();
        String pool = pool(1);
        String running = api.submit(Gates.task(gate, "1", pool)).id();
        String id = api.submit(body("noop", "[]", pool)).id();
        Api.Answer cancelled = cancel(id);
        assertThat(cancelled.status()).isEqualTo(200);
        assertThat(cancelled.state()).isEqualTo("CANCELLED");
        assertThat(cancelled.json().path("done").asBoolean()).isTrue();
        Api.Answer again = cancel(id);
        assertThat(again.status()).isEqualTo(200);
        assertThat(again.json()).isEqualTo(cancelled.json());
        assertThat(get(id).json()).isEqualTo(cancelled.json());
        assertThat(result(id).code()).isEqualTo("task_cancelled");
        // Done for those who wait, too, while nobody had a thread to notice it.
        hold(waited("FIRST_COMPLETED", 55, running, id), true, List.of(id), List.of(running));
        Gates.open(gate);
        assertThat(api.awaitDone(running).state()).isEqualTo("SUCCEEDED");
        assertThat(get(id).json()).isEqualTo(cancelled.json());
    }

    @Test
    void runningTaskThatIsNotCancelledRunsOnAndSucceeds() {
        String gate = Gates.make();
        String id = api.submit(Gates.task(gate, "42", pool(1))).id();
        awaitRunning(id);
        JsonNode before = get(id).json();
        Api.Answer refused = cancel(id);
        assertThat(refused.status()).isEqualTo(409);
        assertThat(refused.code()).isEqualTo("task_running");
        assertThat(get(id).json()).isEqualTo(before);
        Gates.open(gate);
        Api.Answer done = api.awaitDone(id);
        assertThat(done.state()).isEqualTo("SUCCEEDED");
        assertThat(done.json().path("result").asInt()).isEqualTo(42);
        assertThat(done.json().has("cancel_requested_at")).isFalse();
    }

    @Test
    void taskThatEndedIsNotCancelledAndDoesNotChange() {
        for (String id : List.of(succeeded(), failed())) {
            JsonNode before = get(id).json();
            for (String how : List.of("", "?interrupt=true", "?wait=5")) {
                Api.Answer refused = api.post("/v1/tasks/" + id + "/cancel" + how, null);
                assertThat(refused.status()).isEqualTo(409);
                assertThat(refused.code()).isEqualTo("task_done");
            }
            assertThat(get(id).json()).isEqualTo(before);
        }
    }

    @Test
    void eachStateSaysWhatThereIs() {
        String gate = Gates.make();
        String pool = pool(1);
        String running = api.submit(Gates.task(gate, "1", pool)).id();
        awaitRunning(running);
        String pending = api.submit(body("noop", "[]", pool)).id();
        says(pending, "PENDING", "task_not_done");
        says(running, "RUNNING", "task_not_done");
        says(cancelled(), "CANCELLED", "task_cancelled");
        says(failed(), "FAILED", "task_failed");
        String succeeded = succeeded();
        says(succeeded, "SUCCEEDED", "");
        assertThat(result(succeeded).status()).isEqualTo(200);
        assertThat(result(succeeded).text()).isEqualTo("null");
        Gates.open(gate);
    }

    private static void says(String id, String state, String refusal) {
        JsonNode task = get(id).json();
        assertThat(task.path("state").asText()).isEqualTo(state);
        assertThat(task.path("done").asBoolean()).isEqualTo(!state.equals("PENDING") && !state.equals("RUNNING"));
        assertThat(task.has("result")).as(state).isEqualTo(state.equals("SUCCEEDED"));
        assertThat(task.has("error")).as(state).isEqualTo(state.equals("FAILED"));
        if (!refusal.isEmpty()) {
            assertThat(result(id).status()).isEqualTo(409);
            assertThat(result(id).code()).isEqualTo(refusal);
        }
        if (state.equals("FAILED")) {
            assertThat(result(id).json().path("task_error")).isEqualTo(task.path("error"));
        }
    }

    @Test
    void waitEndsWithWhateverEndTheTaskHas() {
        String good = Gates.make();
        String bad = Gates.make();
        String pool = pool(3);
        String succeeds = api.submit(Gates.task(good, "7", pool)).id();
        String fails = api.submit(
                        Gates.task(bad, "7", pool).replace("\"pool\"", "\"kwargs\":{\"fail\":\"boom\"},\"pool\""))
                .id();
        String interrupted = api.submit(Gates.task(bad, "7", pool)).id();
        List.of(succeeds, fails, interrupted).forEach(FutureSemanticsTest::awaitRunning);
        String cancelled = api.submit(body("noop", "[]", pool)).id();
        int before = service.openWaits();
        List<CompletableFuture<HttpResponse<byte[]>>> results =
                List.of(succeeds, fails, interrupted, cancelled).stream()
                        .map(id -> api.send("GET", "/v1/tasks/" + id + "/result?wait=55", null))
                        .toList();
        List<CompletableFuture<HttpResponse<byte[]>>> tasks = List.of(succeeds, fails, interrupted, cancelled).stream()
                .map(id -> api.send("GET", "/v1/tasks/" + id + "?wait=55", null))
                .toList();
        await().until(() -> service.openWaits() == before + 8);
        cancel(cancelled);
        assertThat(text(results.get(3))).contains("task_cancelled");
        assertThat(text(tasks.get(3))).contains("\"state\":\"CANCELLED\"");
        Gates.open(good);
        assertThat(text(results.get(0))).isEqualTo("7");
        assertThat(text(tasks.get(0))).contains("\"state\":\"SUCCEEDED\"");
        api.post("/v1/tasks/" + interrupted + "/cancel?interrupt=true", null);
        assertThat(text(results.get(2))).contains("task_cancelled");
        assertThat(text(tasks.get(2))).contains("\"state\":\"CANCELLED\"");
        Gates.open(bad);
        assertThat(text(results.get(1))).contains("task_failed").contains("boom");
        assertThat(text(tasks.get(1))).contains("\"state\":\"FAILED\"");
    }

    @Test
    void oneAnswerIsOneMomentOfATask() {
        String pool = pool(4);
        for (int i = 0; i < 150; i++) {
            boolean good = i % 2 == 0;
            JsonNode task = api.submit(body(good ? "identity" : "demo.fail", "[" + i + "]", pool))
                    .json();
            while (!task.path("done").asBoolean()) {
                assertThat(task.path("state").asText()).isIn("PENDING", "RUNNING");
                assertThat(task.has("result") || task.has("error") || task.has("finished_at"))
                        .as(task.toString())
                        .isFalse();
                // Raw, to look as often as possible.
                task = api.raw("GET", "/v1/tasks/" + task.path("id").asText(), null)
                        .json();
            }
            assertThat(task.path("state").asText()).isEqualTo(good ? "SUCCEEDED" : "FAILED");
            assertThat(task.has("result")).as(task.toString()).isEqualTo(good);
            assertThat(task.has("error")).as(task.toString()).isEqualTo(!good);
            assertThat(task.has("finished_at")).as(task.toString()).isTrue();
        }
    }

    @Test
    void emptyMessageIsAFailureAllTheSame() {
        Api.Answer task = api.run("{\"callable\":\"demo.fail\"}");
        assertThat(task.state()).isEqualTo("FAILED");
        assertThat(task.json().at("/error/message").isTextual()).isTrue();
        assertThat(task.json().at("/error/message").asText()).isEmpty();
        hold(waited("FIRST_EXCEPTION", 0, task.id()), true, List.of(task.id()), List.of());
    }

    @Test
    void firstCompletedTellsOfAllThatAreDone() {
        String gate = Gates.make();
        String open = api.submit(Gates.task(gate, "1", pool(1))).id();
        hold(waited("FIRST_COMPLETED", 0, open), false, List.of(), List.of(open));
        String failed = failed();
        String succeeded = succeeded();
        String cancelled = cancelled();
        for (int seconds : List.of(0, 55)) {
            // In the order of their end, whatever the order of the question.
            hold(
                    waited("FIRST_COMPLETED", seconds, open, cancelled, succeeded, failed),
                    true,
                    List.of(failed, succeeded, cancelled),
                    List.of(open));
        }
        Gates.open(gate);
    }

    @Test
    void firstExceptionIsMetByFailuresOnly() {
        String good = Gates.make();
        String bad = Gates.make();
        String last = Gates.make();
        String pool = pool(3);
        String succeeds = api.submit(Gates.task(good, "1", pool)).id();
        String fails = api.submit(
                        Gates.task(bad, "1", pool).replace("\"pool\"", "\"kwargs\":{\"fail\":\"boom\"},\"pool\""))
                .id();
        String open = api.submit(Gates.task(last, "1", pool)).id();
        String cancelled = cancelled();
        int before = service.openWaits();
        CompletableFuture<HttpResponse<byte[]>> wait =
                api.send("POST", "/v1/wait", waitBody("FIRST_EXCEPTION", 55, succeeds, fails, open, cancelled));
        await().until(() -> service.openWaits() > before);
        Gates.open(good);
        api.awaitDone(succeeds);
        hold(
                waited("FIRST_EXCEPTION", 0, succeeds, fails, open, cancelled),
                false,
                List.of(cancelled, succeeds),
                List.of(fails, open));
        assertThat(wait.isDone()).isFalse();
        Gates.open(bad);
        assertThat(text(wait)).contains("\"satisfied\":true").contains("\"not_done\":[\"" + open + "\"]");
        // And at once where the failure is there already.
        hold(waited("FIRST_EXCEPTION", 55, fails, open), true, List.of(fails), List.of(open));
        Gates.open(last);
        // Without any failure it is met when all are done.
        hold(
                waited("FIRST_EXCEPTION", 55, open, succeeds, cancelled),
                true,
                List.of(cancelled, succeeds, open),
                List.of());
    }

    @Test
    void firstSuccessIsMetByResultsOnly() {
        String gate = Gates.make();
        String never = Gates.make();
        String pool = pool(2);
        String succeeds = api.submit(Gates.task(gate, "1", pool)).id();
        String open = api.submit(Gates.task(never, "1", pool)).id();
        String failed = failed();
        String cancelled = cancelled();
        hold(
                waited("FIRST_SUCCESS", 0, open, succeeds, failed, cancelled),
                false,
                List.of(failed, cancelled),
                List.of(open, succeeds));
        int before = service.openWaits();
        CompletableFuture<HttpResponse<byte[]>> wait =
                api.send("POST", "/v1/wait", waitBody("FIRST_SUCCESS", 55, open, succeeds, failed, cancelled));
        await().until(() -> service.openWaits() > before);
        Gates.open(gate);
        assertThat(text(wait)).contains("\"satisfied\":true").contains("\"not_done\":[\"" + open + "\"]");
        // All failed: it cannot be met any more, so it is over.
        hold(waited("FIRST_SUCCESS", 55, failed, cancelled), true, List.of(failed, cancelled), List.of());
        Gates.open(never);
    }

    @Test
    void allCompletedCountsEveryEndAndTimeIsNoError() {
        String gate = Gates.make();
        String open = api.submit(Gates.task(gate, "1", pool(1))).id();
        String failed = failed();
        String cancelled = cancelled();
        String succeeded = succeeded();
        hold(
                waited("ALL_COMPLETED", 1, succeeded, open, cancelled, failed),
                false,
                List.of(failed, cancelled, succeeded),
                List.of(open));
        hold(
                waited("ALL_COMPLETED", 55, succeeded, cancelled, failed),
                true,
                List.of(failed, cancelled, succeeded),
                List.of());
        Gates.open(gate);
        hold(
                waited("ALL_COMPLETED", 55, open, succeeded, cancelled, failed),
                true,
                List.of(failed, cancelled, succeeded, open),
                List.of());
    }

    @Test
    void unknownReturnWhenIsRefused() {
        Api.Answer answer = api.post("/v1/wait", waitBody("FIRST_COME", 0, succeeded()));
        assertThat(answer.status()).isEqualTo(400);
        assertThat(answer.json().at("/errors/0/pointer").asText()).isEqualTo("/return_when");
    }

    @Test
    void hundredEndsAtOnceLoseNoWait() {
        String pool = pool(8);
        api.post("/v1/pools/" + pool + "/pause", null);
        String item = body("noop", "[]", pool);
        List<String> ids = api.post("/v1/batches", "{\"items\":[" + (item + ",").repeat(99) + item + "]}")
                .json()
                .path("items")
                .findValuesAsText("id");
        assertThat(ids).hasSize(100);
        String all = waitBody("ALL_COMPLETED", 55, ids.toArray(String[]::new));
        // Half of the waits are there before, the others come while the tasks end.
        List<CompletableFuture<HttpResponse<byte[]>>> early = ids.subList(0, 50).stream()
                .map(id -> api.send("POST", "/v1/wait", all))
                .toList();
        await().until(() -> service.openWaits() >= 50);
        CompletableFuture<HttpResponse<byte[]>> resumed = api.send("POST", "/v1/pools/" + pool + "/resume", null);
        List<CompletableFuture<HttpResponse<byte[]>>> late = ids.stream()
                .map(id -> api.send("GET", "/v1/tasks/" + id + "?wait=55", null))
                .toList();
        List<CompletableFuture<HttpResponse<byte[]>>> lateToo = ids.stream()
                .map(id -> api.send("POST", "/v1/wait", waitBody("ALL_COMPLETED", 55, id)))
                .toList();
        assertThat(resumed.join().statusCode()).isEqualTo(200);
        long from = System.nanoTime();
        assertThat(early).allSatisfy(wait -> assertThat(text(wait)).contains("\"satisfied\":true", "\"not_done\":[]"));
        assertThat(late).allSatisfy(wait -> assertThat(text(wait)).contains("\"state\":\"SUCCEEDED\""));
        assertThat(lateToo).allSatisfy(wait -> assertThat(text(wait)).contains("\"satisfied\":true"));
        // A wait that was not told would be answered, too, after 55 s.
        assertThat(System.nanoTime() - from).isLessThan(LONG_NANOS);
    }

    @Test
    void tasksOfSeveralPoolsAreWaitedForTogetherAndToldInTheOrderOfTheirEnd() {
        List<String> gates = List.of(Gates.make(), Gates.make(), Gates.make());
        List<String> ids = gates.stream()
                .map(gate -> api.submit(Gates.task(gate, "1", pool(1))).id())
                .toList();
        for (int i = 2; i >= 0; i--) {
            Gates.open(gates.get(i));
            api.awaitDone(ids.get(i));
        }
        hold(waited("ALL_COMPLETED", 0, ids.toArray(String[]::new)), true, ids.reversed(), List.of());
    }

    @Test
    void noNameOfAnArgumentIsReserved() {
        String kwargs =
                "{\"self\":1,\"fn\":2,\"callable\":3,\"args\":[4],\"kwargs\":{},\"timeout\":5,\"pool\":null,\"\":6}";
        Api.Answer task = api.run("{\"callable\":\"echo\",\"args\":[0],\"kwargs\":" + kwargs + "}");
        assertThat(result(task.id()).text()).isEqualTo("{\"args\":[0],\"kwargs\":" + kwargs + "}");
    }

    @Test
    void poolThatIsConfiguredWithoutANumberOfWorkersHasTheUsualOne() {
        int processors = Runtime.getRuntime().availableProcessors();
        assertThat(api.get("/v1/pools/default").json().path("max_workers").asInt())
                .isEqualTo(Math.min(32, processors + 4));
        assertThat(api.get("/v1/pools/processes").json().path("max_workers").asInt())
                .isEqualTo(processors);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            "kind":"THREAD","max_workers":0                                | /max_workers
            "kind":"THREAD","max_workers":-1                               | /max_workers
            "kind":"PROCESS","max_workers":1025                            | /max_workers
            "kind":"PROCESS","max_workers":"4"                             | /max_workers
            "kind":"PROCESS","max_workers":1,"max_tasks_per_worker":0      | /max_tasks_per_worker
            "kind":"PROCESS","max_workers":1,"max_tasks_per_worker":"2"    | /max_tasks_per_worker
            "kind":"PROCESS","max_workers":1,"max_tasks_per_worker":1.5    | /max_tasks_per_worker
            "kind":"THREAD","max_workers":1,"max_tasks_per_worker":1       | /max_tasks_per_worker
            """)
    void wrongNumberIsRefusedWithItsPlace(String settings, String pointer) {
        Api.Answer answer = api.put("/v1/pools/wrong", "{" + settings + "}");
        assertThat(answer.status()).isEqualTo(400);
        assertThat(answer.json().at("/errors/0/pointer").asText()).isEqualTo(pointer);
        assertThat(api.get("/v1/pools/wrong").code()).isEqualTo("pool_not_found");
    }
}
