package dev.taskpool.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigInteger;
import java.util.Base64;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** The eight programs that this project began from, each by what anybody could do with curl. Throws where one does not hold. */
final class Acceptance {
    private final DemoClient client;

    Acceptance(DemoClient client) {
        this.client = client;
    }

    void all() {
        blockingReadOnDefaultPool();
        blockingReadOnOwnPool();
        sumOnProcesses();
        followed();
        shutDownAndWait();
        shutDownWithoutWaiting();
        twoTogether();
        cancelPending();
    }

    private void title(int number, String what) {
        System.out.println();
        System.out.println(number + ". " + what);
    }

    private static void hold(boolean fact, String what) {
        if (!fact) {
            throw new IllegalStateException("does not hold: " + what);
        }
    }

    private void seen(String what) {
        System.out.println("    → " + what);
    }

    private void blockingReadOnDefaultPool() {
        title(1, "A blocking read, no pool named: the default thread pool runs it");
        DemoClient.Answer task = client.post("/v1/tasks?wait=10", "{\"callable\":\"os.urandom\",\"args\":[100]}");
        hold(task.status() == 201, "201");
        hold(task.json().path("pool").asText().equals("default"), "the default pool ran it");
        hold(bytes(task.json()) == 100, "the result is 100 bytes");
        seen("100 bytes");
    }

    private static int bytes(JsonNode task) {
        return Base64.getDecoder().decode(task.path("result").asText()).length;
    }

    private void blockingReadOnOwnPool() {
        title(2, "The same on a pool of one's own, shut down afterwards");
        hold(
                client.put("/v1/pools/mine", "{\"kind\":\"THREAD\",\"max_workers\":3}")
                                .status()
                        == 201,
                "the pool is made");
        JsonNode task = client.post(
                        "/v1/tasks?wait=10", "{\"callable\":\"os.urandom\",\"args\":[100],\"pool\":\"mine\"}")
                .json();
        hold(task.path("pool").asText().equals("mine") && bytes(task) == 100, "100 bytes on that pool");
        hold(
                client.post("/v1/pools/mine/shutdown?wait=10", null)
                        .json()
                        .path("state")
                        .asText()
                        .equals("SHUT_DOWN"),
                "the pool is shut down");
        seen("100 bytes, and the pool is gone");
    }

    private void sumOnProcesses() {
        title(3, "The sum of i*i for i below 10^7 on a process pool, exact");
        JsonNode task = client.post(
                        "/v1/tasks?wait=25",
                        "{\"callable\":\"math.sum_of_squares\",\"args\":[10000000],\"pool\":\"processes\"}")
                .json();
        hold(task.path("result").bigIntegerValue().equals(new BigInteger("333333283333335000000")), "the sum is exact");
        seen(task.path("result").bigIntegerValue().toString());
    }

    private void followed() {
        title(4, "Arguments a, b, c; prints, waits five seconds, returns 123: followed while it runs");
        JsonNode task = client.post("/v1/tasks", "{\"callable\":\"demo.print_sleep\",\"args\":[\"a\",\"b\",\"c\"]}")
                .json();
        String path = "/v1/tasks/" + task.path("id").asText();
        JsonNode now = client.get(path + "?wait=1").json();
        hold(now.path("state").asText().equals("RUNNING") && !now.path("done").asBoolean(), "it runs");
        hold(client.get(path + "/stdout").text().equals("a b c"), "its output is readable while it runs");
        JsonNode end = client.get(path + "?wait=20").json();
        hold(end.path("done").asBoolean() && end.path("state").asText().equals("SUCCEEDED"), "done, not cancelled");
        hold(end.path("result").intValue() == 123, "the result is 123");
        hold(client.get(path + "/stdout").text().endsWith("done"), "it printed that it is done");
        seen("seen RUNNING with its output, then SUCCEEDED with 123");
    }

    private void shutDownAndWait() {
        title(5, "Shut a pool down and wait: every task is done, none cancelled");
        client.put("/v1/pools/waited", "{\"kind\":\"THREAD\",\"max_workers\":2}");
        String first = sleep("waited", 1, 1);
        String second = sleep("waited", 1, 2);
        String third = sleep("waited", 1, 3);
        JsonNode pool = client.post("/v1/pools/waited/shutdown?wait=20", null).json();
        hold(pool.path("state").asText().equals("SHUT_DOWN"), "the pool is shut down when the call answers");
        for (String id : new String[] {first, second, third}) {
            hold(client.get("/v1/tasks/" + id).json().path("state").asText().equals("SUCCEEDED"), id + " succeeded");
        }
        seen("three tasks SUCCEEDED before the answer");
    }

    private String sleep(String pool, int seconds, int result) {
        return client.post(
                        "/v1/tasks",
                        "{\"callable\":\"time.sleep\",\"args\":[" + seconds + "," + result + "],\"pool\":\"" + pool
                                + "\"}")
                .json()
                .path("id")
                .asText();
    }

    private void shutDownWithoutWaiting() {
        title(6, "Shut it down without waiting: answers at once, the task goes on");
        client.put("/v1/pools/left", "{\"kind\":\"THREAD\",\"max_workers\":1}");
        String id = sleep("left", 2, 7);
        hold(
                client.post("/v1/pools/left/shutdown", null)
                        .json()
                        .path("state")
                        .asText()
                        .equals("SHUTTING_DOWN"),
                "it answers before the task is done");
        DemoClient.Answer early = client.get("/v1/tasks/" + id + "/result");
        hold(early.status() == 409 && early.json().path("code").asText().equals("task_not_done"), "409 task_not_done");
        DemoClient.Answer late = client.post("/v1/tasks", "{\"callable\":\"noop\",\"pool\":\"left\"}");
        hold(late.status() == 409 && late.json().path("code").asText().equals("pool_shut_down"), "409 pool_shut_down");
        hold(client.get("/v1/tasks/" + id + "/result?wait=20").text().equals("7"), "waiting still gets the result");
        seen("409 while it runs, 409 for a new task, and the result by waiting");
    }

    private void twoTogether() {
        title(7, "Two tasks of five seconds together: five seconds, not ten; in the order asked for");
        client.put("/v1/pools/pair", "{\"kind\":\"THREAD\",\"max_workers\":2}");
        long begun = System.nanoTime();
        JsonNode batch = client.post(
                        "/v1/batches",
                        "{\"items\":[{\"callable\":\"time.sleep\",\"args\":[5,\"result: 1\"],\"pool\":\"pair\"},"
                                + "{\"callable\":\"time.sleep\",\"args\":[5,\"result: 2\"],\"pool\":\"pair\"}]}")
                .json();
        String batchId = batch.path("id").asText();
        JsonNode waited = client.post(
                        "/v1/wait", "{\"batch_id\":\"" + batchId + "\",\"return_when\":\"ALL_COMPLETED\",\"wait\":20}")
                .json();
        hold(waited.path("satisfied").asBoolean() && waited.path("done").size() == 2, "both are done");
        long seconds = TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - begun);
        hold(seconds < 10, "not one after the other");
        for (int i = 0; i < 2; i++) {
            String id = batch.path("items").path(i).path("id").asText();
            hold(
                    client.get("/v1/tasks/" + id + "/result").text().equals("\"result: " + (i + 1) + "\""),
                    "result " + (i + 1));
        }
        seen("both after " + seconds + " seconds");
    }

    private void cancelPending() {
        title(8, "cancel_pending at shutdown cancels what has not started, and nothing else");
        client.put("/v1/pools/cut", "{\"kind\":\"THREAD\",\"max_workers\":1}");
        String running = sleep("cut", 2, 1);
        String pending = sleep("cut", 2, 2);
        while (!client.get("/v1/tasks/" + running).json().path("state").asText().equals("RUNNING")) {
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
        }
        client.post("/v1/pools/cut/shutdown?cancel_pending=true&wait=20", null);
        hold(
                client.get("/v1/tasks/" + running).json().path("state").asText().equals("SUCCEEDED"),
                "what ran succeeded");
        hold(
                client.get("/v1/tasks/" + pending).json().path("state").asText().equals("CANCELLED"),
                "what waited is cancelled");
        seen("one SUCCEEDED, one CANCELLED");
    }
}
