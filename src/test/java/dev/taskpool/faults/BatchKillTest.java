package dev.taskpool.faults;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.acceptance.Api;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** What a batch counts is what there is, however often the service is killed by -9. */
@Execution(ExecutionMode.CONCURRENT)
class BatchKillTest {
    private static final int KILLS = 4;
    private static final int SIZE = 60;

    @TempDir
    Path data;

    private final Queue<String> batches = new ConcurrentLinkedQueue<>();

    @Test
    void countsAreExactAfterKills() throws Exception {
        Random random = new Random();
        long seed = random.nextLong();
        random.setSeed(seed);
        for (int kill = 0; kill < KILLS; kill++) {
            try (ServiceProcess service = started();
                    Api api = service.api()) {
                CountDownLatch made = new CountDownLatch(3 + random.nextInt(10));
                Thread client = Thread.ofVirtual().start(() -> submit(service, api, made));
                assertThat(made.await(180, TimeUnit.SECONDS)).isTrue();
                service.kill9();
                client.join();
            }
        }
        try (ServiceProcess service = started();
                Api api = service.api()) {
            for (String id : batches) {
                JsonNode batch = api.get("/v1/batches/" + id + "?wait=25").json();
                assertThat(batch.path("done").asBoolean())
                        .as("seed %d: %s", seed, batch)
                        .isTrue();
                assertThat(batch.path("size").asInt()).isEqualTo(SIZE);
                if (batch.at("/counts/cancelled").asInt() > 0) {
                    assertThat(batch.path("cancel_rest_on").asText())
                            .as("seed %d: rest cancelled: %s", seed, batch)
                            .isEqualTo("FIRST_FAILURE");
                }
                Map<String, Integer> there = new HashMap<>();
                for (JsonNode task :
                        api.get("/v1/tasks?limit=500&batch_id=" + id).json().path("items")) {
                    there.merge(task.path("state").asText().toLowerCase(java.util.Locale.ROOT), 1, Integer::sum);
                }
                for (String state : new String[] {"pending", "running", "succeeded", "failed", "cancelled"}) {
                    assertThat(batch.at("/counts/" + state).asInt())
                            .as("seed %d: %s of %s", seed, state, batch)
                            .isEqualTo(there.getOrDefault(state, 0));
                }
            }
        }
    }

    private void submit(ServiceProcess service, Api api, CountDownLatch made) {
        String plain = body("{\"callable\":\"time.sleep\",\"args\":[0.01,1]}", "");
        String ruled = body("{\"callable\":\"demo.fail\"}", ",\"cancel_rest_on\":\"FIRST_FAILURE\"");
        for (int i = 0; service.alive(); i++) {
            try {
                batches.add(api.post("/v1/batches", i % 2 == 0 ? plain : ruled).id());
                made.countDown();
            } catch (CompletionException cut) {
                // It was not acknowledged, and may be there or not.
            }
        }
    }

    private static String body(String first, String rules) {
        return "{\"items\":[" + first + ",{\"callable\":\"time.sleep\",\"args\":[0.01,1]}".repeat(SIZE - 1) + "]"
                + rules + "}";
    }

    private ServiceProcess started() {
        return new ServiceProcess(
                data,
                "STORE_DURABILITY",
                "process",
                "TASKS_RETENTION",
                "1d",
                "POOLS_DEFAULT_MAX_WORKERS",
                "4",
                "POOLS_DEFAULT_QUEUE_CAPACITY",
                "1000000");
    }
}
