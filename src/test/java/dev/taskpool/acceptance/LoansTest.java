package dev.taskpool.acceptance;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LoansTest {
    @TempDir
    static Path data;

    static Started service;
    static Api api;

    private static int pools;
    private String pool = "";
    private String parent = "";

    @BeforeAll
    static void start() {
        service = new Started(data);
        api = service.api;
    }

    @AfterAll
    static void stop() {
        service.close();
    }

    /** A pool of one, whose one slot is taken. */
    @BeforeEach
    void fill() {
        pool = "one" + ++pools;
        api.put("/v1/pools/" + pool, "{\"kind\":\"THREAD\",\"max_workers\":1}");
        parent = api.submit(task("time.sleep", "[600]")).id();
    }

    private String task(String callable, String args) {
        return "{\"callable\":\"" + callable + "\",\"args\":" + args + ",\"pool\":\"" + pool + "\"}";
    }

    private String state(String id) {
        return api.get("/v1/tasks/" + id).state();
    }

    @Test
    void taskThatWaitsForItsOwnPoolLendsItsSlot() {
        Api.Answer child = api.post("/v1/tasks?wait=20", task("identity", "[7]"), "Taskpool-Task", parent);
        assertThat(child.state()).isEqualTo("SUCCEEDED");
        assertThat(state(parent)).isEqualTo("RUNNING");
    }

    @Test
    void slotIsTakenBackWhenTheWaitIsOver() {
        String held = api.submit(task("time.sleep", "[600]")).id();
        // One second is enough for it to start, and it goes on when the wait is over.
        api.get("/v1/tasks/" + held + "?wait=1", "Taskpool-Task", parent);
        assertThat(state(held)).isEqualTo("RUNNING");
        String later = api.submit(task("noop", "[]")).id();
        api.post("/v1/tasks/" + held + "/cancel?interrupt=true&wait=20", null);
        assertThat(api.get("/v1/tasks/" + later + "?wait=1").state()).isEqualTo("PENDING");
        api.post("/v1/tasks/" + parent + "/cancel?interrupt=true&wait=20", null);
        assertThat(api.awaitDone(later).state()).isEqualTo("SUCCEEDED");
    }

    @Test
    void waitForManyLendsASlotToo() {
        String one = api.submit(task("noop", "[]")).id();
        String two = api.submit(task("noop", "[]")).id();
        Api.Answer both = api.post(
                "/v1/wait",
                "{\"task_ids\":[\"" + one + "\",\"" + two + "\"],\"return_when\":\"ALL_COMPLETED\",\"wait\":20}",
                "Taskpool-Task",
                parent);
        assertThat(both.json().path("satisfied").asBoolean()).isTrue();
    }

    @Test
    void endOfTheTaskEndsItsLoan() {
        String held = api.submit(task("time.sleep", "[600]")).id();
        var wait = api.send("GET", "/v1/tasks/" + held + "?wait=25", null, "Taskpool-Task", parent);
        org.awaitility.Awaitility.await().until(() -> state(held).equals("RUNNING"));
        api.post("/v1/tasks/" + parent + "/cancel?interrupt=true&wait=20", null);
        String later = api.submit(task("noop", "[]")).id();
        // The wait is still open, but nobody lends: the pool is full with the one that runs.
        assertThat(api.get("/v1/tasks/" + later + "?wait=1").state()).isEqualTo("PENDING");
        api.post("/v1/tasks/" + held + "/cancel?interrupt=true&wait=20", null);
        assertThat(api.awaitDone(later).state()).isEqualTo("SUCCEEDED");
        wait.join();
    }

    @Test
    void whoDoesNotRunLendsNothing() {
        String pending = api.submit(task("noop", "[]")).id();
        Api.Answer answer = api.get("/v1/tasks/" + pending + "?wait=1", "Taskpool-Task", pending);
        assertThat(answer.state()).isEqualTo("PENDING");
        assertThat(api.get("/v1/tasks/" + pending + "?wait=1", "Taskpool-Task", "nobody")
                        .code())
                .isEqualTo("invalid_request");
        assertThat(state(parent)).isEqualTo("RUNNING");
    }
}
