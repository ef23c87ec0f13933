package dev.taskpool.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.acceptance.Api;
import dev.taskpool.callable.JsonValues;
import dev.taskpool.callback.Receiver;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/**
 * Callbacks to a receiver that fails a third of them at random and is restarted twice, by a service that is killed five times:
 * each is delivered, under one id, signed, and about an end that is in the store. In full by
 * {@code -Dtaskpool.test.callbacks=10000}.
 */
@Execution(ExecutionMode.CONCURRENT)
class CallbackKillTest {
    private static final int CALLBACKS = Integer.getInteger("taskpool.test.callbacks", 2_000);
    private static final int KILLS = 5;
    private static final int BATCH = 100;
    private static final byte[] KEY = "0123456789abcdef0123456789abcdef".getBytes(StandardCharsets.UTF_8);
    private static final byte[] OLD_KEY = "fedcba9876543210fedcba9876543210".getBytes(StandardCharsets.UTF_8);

    @TempDir
    Path data;

    private final long seed = new Random().nextLong();
    private final Random random = new Random(seed);

    /** What was told, by webhook id: state and task. */
    private final Map<String, String> told = new ConcurrentHashMap<>();

    private final Set<String> taken = ConcurrentHashMap.newKeySet();
    private final AtomicInteger requests = new AtomicInteger();
    private final Queue<String> wrong = new ConcurrentLinkedQueue<>();
    /** Ids of callbacks that a batch was acknowledged with. */
    private final Set<String> expected = ConcurrentHashMap.newKeySet();

    @Test
    void eachIsDeliveredThroughKillsAndRestarts() throws Exception {
        Receiver[] receiver = {receiver(0)};
        int port = receiver[0].port();
        int nextBatch = 0;
        int receiverRestarts = 0;
        try {
            for (int kill = 1; kill <= KILLS; kill++) {
                try (ServiceProcess service = started();
                        Api api = service.api()) {
                    // The last ones are accepted before the last kill.
                    int upTo = CALLBACKS / 2 / BATCH * kill / KILLS;
                    while (nextBatch < upTo) {
                        submit(api, port, nextBatch++);
                    }
                    int enough = requests.get() + 1 + random.nextInt(CALLBACKS / KILLS);
                    await().pollInterval(Duration.ofMillis(2))
                            .atMost(Duration.ofMinutes(2))
                            .until(() -> requests.get() >= enough || taken.size() >= expected.size());
                    if (kill % 2 == 0 && receiverRestarts < 2) {
                        // While it is down, what is sent is refused.
                        receiver[0].close();
                        awaitRefusals(api);
                        receiver[0] = receiver(port);
                        receiverRestarts++;
                    }
                    service.kill9();
                }
            }
            assertThat(receiverRestarts).isEqualTo(2);
            assertThat(expected).hasSize(CALLBACKS);
            try (ServiceProcess service = started();
                    Api api = service.api()) {
                await().atMost(Duration.ofMinutes(5))
                        .untilAsserted(() -> assertThat(taken).hasSameSizeAs(expected));
                verify(api);
            }
        } finally {
            receiver[0].close();
        }
    }

    /** Waits until the service has met a receiver that is not there, or has nothing left to send. */
    private void awaitRefusals(Api api) {
        if (taken.size() < expected.size()) {
            String pending = expected.stream()
                    .filter(id -> !taken.contains(id))
                    .findFirst()
                    .orElseThrow();
            await().until(() -> {
                JsonNode items = tree(api.send(
                                        "GET",
                                        "/v1/tasks/" + pending.substring(0, pending.indexOf('-')) + "/callbacks",
                                        null)
                                .join())
                        .path("items");
                return !items.findValues("error").isEmpty() || taken.contains(pending);
            });
        }
    }

    private Receiver receiver(int port) {
        return new Receiver(port, this::receive, got -> {
            if (decide() == 0) {
                return new Receiver.Reply(500);
            }
            taken.add(got.id());
            return new Receiver.Reply(204);
        });
    }

    private int decide() {
        synchronized (random) {
            return random.nextInt(3);
        }
    }

    private void receive(Receiver.Got got) {
        requests.incrementAndGet();
        JsonNode event = got.json();
        String what =
                event.at("/data/state").asText() + " " + event.path("subject").asText() + " "
                        + event.at("/data/finished_at").asText();
        String before = told.putIfAbsent(got.id(), what);
        if (before != null && !before.equals(what)) {
            wrong.add(got.id() + " was " + before + ", then " + what);
        }
        if (!got.signedWith(KEY) || !got.signedWith(OLD_KEY)) {
            wrong.add(got.id() + " is not signed with both: " + got.signature());
        }
        if (!event.path("id").asText().equals(got.id())
                || !got.id().startsWith(event.path("subject").asText() + "-")) {
            wrong.add(got.id() + " carries another: " + event.path("id"));
        }
    }

    private ServiceProcess started() {
        return new ServiceProcess(
                data,
                "STORE_DURABILITY",
                "process",
                "STORE_JOURNAL_SEGMENT",
                "1MiB",
                "TASKS_RETENTION",
                "1d",
                "CALLBACKS_ALLOWED_HOSTS",
                "127.0.0.1",
                "CALLBACKS_ALLOW_PRIVATE_ADDRESSES",
                "true",
                "CALLBACKS_SECRETS",
                "whsec_" + Base64.getEncoder().encodeToString(KEY) + ",whsec_"
                        + Base64.getEncoder().encodeToString(OLD_KEY),
                "CALLBACKS_FIRST_BACKOFF",
                "20ms",
                "CALLBACKS_MAX_BACKOFF",
                "500ms",
                "CALLBACKS_MAX_ATTEMPTS",
                "100");
    }

    /** A batch whose tasks have two callbacks each. Its key makes it one batch, however often it is sent. */
    private void submit(Api api, int port, int number) {
        String url = "http://127.0.0.1:" + port + "/";
        StringBuilder items = new StringBuilder();
        for (int i = 0; i < BATCH; i++) {
            items.append(i == 0 ? "" : ",")
                    .append("{\"callable\":\"")
                    .append(i % 4 == 0 ? "demo.fail" : "noop")
                    .append("\",\"callback_url\":\"")
                    .append(url)
                    .append("a\",\"callbacks\":[{\"url\":\"")
                    .append(url)
                    .append("b\",\"on\":[\"SUCCEEDED\",\"FAILED\"]},{\"url\":\"")
                    .append(url)
                    .append("never\",\"on\":[\"CANCELLED\"]}]}");
        }
        HttpResponse<byte[]> response = api.send(
                        "POST", "/v1/batches", "{\"items\":[" + items + "]}", "Idempotency-Key", "batch-" + number)
                .join();
        JsonNode batch = tree(response);
        assertThat(response.statusCode()).as(batch.toString()).isIn(200, 201);
        for (JsonNode each : batch.path("items")) {
            expected.add(task(each) + "-1");
            expected.add(task(each) + "-2");
        }
    }

    private static String task(JsonNode task) {
        return task.path("id").asText();
    }

    private static JsonNode tree(HttpResponse<byte[]> response) {
        try {
            return JsonValues.mapper().readTree(response.body());
        } catch (IOException e) {
            throw new IllegalStateException(new String(response.body(), StandardCharsets.UTF_8), e);
        }
    }

    private void verify(Api api) {
        assertThat(wrong).as("seed %d", seed).isEmpty();
        assertThat(told.keySet()).as("no id but those").isEqualTo(expected);
        Map<String, JsonNode> tasks = new ConcurrentHashMap<>();
        String cursor = "";
        do {
            JsonNode page =
                    tree(api.send("GET", "/v1/tasks?limit=500" + cursor, null).join());
            page.path("items").forEach(t -> tasks.put(task(t), t));
            cursor = page.has("next_cursor")
                    ? "&cursor=" + page.path("next_cursor").asText()
                    : "";
        } while (!cursor.isEmpty());
        told.forEach((id, what) -> {
            JsonNode task = Objects.requireNonNull(tasks.get(id.substring(0, id.indexOf('-'))), id);
            assertThat(what)
                    .isEqualTo(task.path("state").asText() + " " + task(task) + " "
                            + task.path("finished_at").asText());
        });
        // What was taken just now is noted soon.
        Set<String> open = ConcurrentHashMap.newKeySet();
        expected.forEach(id -> open.add(id.substring(0, id.indexOf('-'))));
        await().untilAsserted(() -> {
            open.removeIf(id -> states(api, id).equals(List.of("DELIVERED", "DELIVERED", "SKIPPED")));
            assertThat(open).isEmpty();
        });
    }

    private static List<String> states(Api api, String id) {
        List<String> states = new ArrayList<>();
        tree(api.send("GET", "/v1/tasks/" + id + "/callbacks", null).join())
                .path("items")
                .forEach(c -> states.add(c.path("state").asText()));
        return states;
    }
}
