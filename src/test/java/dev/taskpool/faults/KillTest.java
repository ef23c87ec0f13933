package dev.taskpool.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.acceptance.Api;
import dev.taskpool.callable.JsonValues;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The promise, under kill -9 at random moments: what was acknowledged is there, what was told stands, nothing stays RUNNING. */
@Execution(ExecutionMode.CONCURRENT)
class KillTest {
    /** For each durability. */
    private static final int KILLS = 20;

    private static final int CLIENTS = 16;

    /** What they may run, and whether it may run twice. */
    private static final Map<String, Boolean> REPEATABLE = Map.of(
            "noop", true,
            "time.sleep", true,
            "demo.print_sleep", false,
            "demo.fail", false,
            "nap", false);

    @TempDir
    Path data;

    /** Acknowledged tasks, and their end where it was told. */
    private final Map<String, String> acknowledged = new ConcurrentHashMap<>();

    private final Map<String, String> byKey = new ConcurrentHashMap<>();

    @ParameterizedTest
    @ValueSource(strings = {"process", "fsync"})
    void acknowledgedTasksSurviveKills(String durability) throws Exception {
        Random random = new Random();
        long seed = random.nextLong();
        random.setSeed(seed);
        for (int kill = 0; kill < KILLS; kill++) {
            try (ServiceProcess service = started(durability)) {
                service.port();
                load(service, random);
            }
        }
        try (ServiceProcess service = started(durability);
                Api api = service.api()) {
            assertThat(acknowledged.size()).as("seed %d", seed).isGreaterThan(KILLS * 10);
            holdWhatWasTold(api);
            Set<String> stored = allStored(api);
            assertThat(stored).as("seed %d", seed).containsAll(acknowledged.keySet());
            // Nothing stays RUNNING that nobody runs: all come to an end.
            await().atMost(Duration.ofMinutes(2))
                    .untilAsserted(() -> assertThat(api.get("/v1/tasks?state=PENDING,RUNNING&limit=1")
                                    .json()
                                    .path("items"))
                            .isEmpty());
            verdicts(api);
            service.signal("TERM");
            assertThat(service.exitCode()).isZero();
        }
    }

    private ServiceProcess started(String durability) {
        return new ServiceProcess(
                data,
                "STORE_DURABILITY",
                durability,
                "STORE_JOURNAL_SEGMENT",
                "1MiB",
                "TASKS_RETENTION",
                "1d",
                "POOLS_DEFAULT_QUEUE_CAPACITY",
                "1000000",
                "POOLS_DEFAULT_MAX_WORKERS",
                "16",
                "COMMANDS",
                "{nap: {argv: [sleep, '{args[0]}']}}");
    }

    /** What went wrong in a client: an error in a thread ends only that thread. */
    private final Queue<Throwable> wrong = new ConcurrentLinkedQueue<>();

    /** Many clients, and a kill when a random number of answers came. */
    private void load(ServiceProcess service, Random random) throws InterruptedException {
        int after = 20 + random.nextInt(250);
        CountDownLatch answers = new CountDownLatch(after);
        List<Thread> clients = new ArrayList<>();
        try (Api api = service.api()) {
            for (int c = 0; c < CLIENTS; c++) {
                long own = random.nextLong();
                clients.add(Thread.ofVirtual().start(() -> client(service, api, new Random(own), answers)));
            }
            boolean came = answers.await(180, TimeUnit.SECONDS);
            service.kill9();
            for (Thread client : clients) {
                client.join();
            }
            assertThat(wrong).isEmpty();
            assertThat(came).as("answers came").isTrue();
        }
        // Nothing of it survives: no command, no daemon that a command left, no worker.
        await().untilAsserted(() -> assertThat(survivors()).isEmpty());
    }

    /** Processes whose environment names the data folder: commands have their scratch folder there, workers their plugins. */
    private List<String> survivors() {
        return ProcessHandle.allProcesses()
                .filter(p -> file("/proc/" + p.pid() + "/environ").contains("=" + data))
                .map(p -> p.pid() + " " + file("/proc/" + p.pid() + "/cmdline").replace('\0', ' '))
                .toList();
    }

    private static String file(String path) {
        try {
            return Files.readString(Path.of(path), StandardCharsets.ISO_8859_1);
        } catch (IOException e) {
            return "";
        }
    }

    private void client(ServiceProcess service, Api api, Random random, CountDownLatch answers) {
        while (service.alive()) {
            try {
                step(api, random);
                answers.countDown();
            } catch (CompletionException brokenConnection) {
                // Nothing was acknowledged.
            } catch (RuntimeException | AssertionError e) {
                wrong.add(e);
                return;
            }
        }
    }

    private void step(Api api, Random random) {
        String callable =
                List.copyOf(new java.util.TreeSet<>(REPEATABLE.keySet())).get(random.nextInt(REPEATABLE.size()));
        // Short, because what is left over is waited for at the end.
        String args = switch (callable) {
            case "time.sleep" -> ",\"args\":[0.0" + random.nextInt(10) + ",7]";
            case "demo.print_sleep" -> ",\"args\":[\"a\"],\"kwargs\":{\"seconds\":0.0" + random.nextInt(10) + "}";
            case "nap" -> ",\"args\":[\"0.0" + random.nextInt(10) + "\"]";
            default -> "";
        };
        boolean onProcesses = !callable.equals("nap") && random.nextInt(4) == 0;
        boolean waits = random.nextInt(3) == 0;
        String key = "key-" + random.nextInt(100_000);
        String body = "{\"callable\":\"" + callable + "\"" + args + ",\"max_attempts\":1"
                + (onProcesses ? ",\"pool\":\"processes\"}" : "}");
        HttpResponse<byte[]> response = api.send(
                        "POST", "/v1/tasks" + (waits ? "?wait=1" : ""), body, "Idempotency-Key", key)
                .join();
        JsonNode task = tree(response.body());
        if (response.statusCode() == 422) {
            // Another client has used the key for something else.
            assertThat(task.path("code").asText()).isEqualTo("idempotency_key_reused");
            return;
        }
        assertThat(response.statusCode()).as(task.toString()).isIn(200, 201);
        String id = task.path("id").asText();
        String before = byKey.putIfAbsent(key, id);
        assertThat(before == null || before.equals(id)).as("one key, one task").isTrue();
        tell(task);
    }

    private void tell(JsonNode task) {
        String end = task.path("done").asBoolean() ? end(task) : "";
        acknowledged.merge(task.path("id").asText(), end, (old, now) -> {
            assertThat(old.isEmpty() || old.equals(now))
                    .as("%s was told, then %s", old, now)
                    .isTrue();
            return now;
        });
    }

    private static String end(JsonNode task) {
        return task.path("state").asText()
                + task.path("result")
                + task.at("/error/code").asText()
                + task.path("finished_at").asText();
    }

    private static JsonNode tree(byte[] body) {
        try {
            return JsonValues.mapper().readTree(body);
        } catch (IOException e) {
            throw new IllegalStateException(new String(body), e);
        }
    }

    private void holdWhatWasTold(Api api) {
        acknowledged.forEach((id, end) -> {
            Api.Answer now = api.get("/v1/tasks/" + id);
            assertThat(now.status()).as("%s, acknowledged", id).isEqualTo(200);
            if (!end.isEmpty()) {
                assertThat(end(now.json())).isEqualTo(end);
            }
        });
    }

    private static Set<String> allStored(Api api) {
        Set<String> all = new HashSet<>();
        eachTask(api, "", task -> all.add(task.path("id").asText()));
        return all;
    }

    /** Goes through all pages. */
    private static void eachTask(Api api, String filter, Consumer<JsonNode> seen) {
        String cursor = "";
        do {
            JsonNode page = api.get("/v1/tasks?limit=500" + filter + cursor).json();
            page.path("items").forEach(seen);
            cursor = page.has("next_cursor")
                    ? "&cursor=" + page.path("next_cursor").asText()
                    : "";
        } while (!cursor.isEmpty());
    }

    private static void verdicts(Api api) {
        AtomicInteger lost = new AtomicInteger();
        eachTask(api, "&state=FAILED", task -> {
            String callable = task.path("callable").asText();
            if (task.at("/error/code").asText().equals("lost")) {
                lost.incrementAndGet();
                assertThat(task.at("/error/message").asText())
                        .as("%s", callable)
                        .contains(
                                REPEATABLE.getOrDefault(callable, false)
                                        ? "the service died 5 times while it ran"
                                        : "it may not run twice");
            } else {
                assertThat(callable).isEqualTo("demo.fail");
            }
        });
        assertThat(lost.get()).as("some ran when the service died").isPositive();
    }
}
