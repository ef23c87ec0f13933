package dev.taskpool.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.acceptance.Api;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** However much waits, a service with a heap of 128 MB holds it, or says that it can't. */
@Execution(ExecutionMode.CONCURRENT)
class SmallHeapTest {
    /** 16 of 2 KB each: a hundred times what the task is. */
    private static final String CALLBACKS = "["
            + String.join(
                    ",",
                    Collections.nCopies(
                            16, "{\"url\":\"http://127.0.0.1:9/" + "x".repeat(2_000) + "\",\"on\":[\"FAILED\"]}"))
            + "]";

    private static final List<String> H2_FILES = List.of("tasks.mv.db", "tasks.mv.db.chunks");

    @TempDir
    Path data;

    @Test
    void tasksWithManyCallbacks() {
        int tasks = 3_000;
        try (ServiceProcess service = started();
                Api api = service.api()) {
            api.post("/v1/pools/default/pause", null);
            String body = "{\"callable\":\"echo\",\"args\":[1],\"callbacks\":" + CALLBACKS + "}";
            for (int i = 0; i < tasks; i++) {
                assertThat(api.raw("POST", "/v1/tasks", body).status()).isEqualTo(201);
            }
            assertThat(pending(api)).isEqualTo(tasks);
            api.post("/v1/pools/default/resume", null);
            await().atMost(Duration.ofMinutes(2)).until(() -> pending(api) == 0);
            assertThat(service.alive()).isTrue();
        }
    }

    @Test
    void batchesWithManyCallbacks() {
        String body = "{\"items\":[{\"callable\":\"echo\",\"args\":[1]}],\"batch_callbacks\":" + CALLBACKS + "}";
        Set<String> ids = new HashSet<>();
        try (ServiceProcess service = started();
                Api api = service.api()) {
            api.post("/v1/pools/default/pause", null);
            Api.Answer refused = null;
            while (refused == null) {
                Api.Answer answer = api.raw("POST", "/v1/batches", body);
                if (answer.status() == 201) {
                    ids.add(answer.id());
                    assertThat(ids.size()).isLessThan(5_000);
                } else {
                    refused = answer;
                }
            }
            assertThat(refused.status()).isEqualTo(429);
            assertThat(refused.code()).isEqualTo("too_many_batches");
            assertThat(refused.header("Retry-After")).isNotEmpty();
            // By the contract as well, and not only batches: more callbacks of one take memory too.
            assertThat(api.post("/v1/batches", body).status()).isEqualTo(429);
            String one = "{\"url\":\"http://127.0.0.1:9/" + "x".repeat(2_000) + "\"}";
            String id = api.raw("POST", "/v1/batches", "{\"items\":[{\"callable\":\"echo\",\"args\":[1]}]}")
                    .id();
            ids.add(id);
            for (int i = 0;
                    i < 17
                            && api.raw("POST", "/v1/batches/" + id + "/callbacks", one)
                                            .status()
                                    == 201;
                    i++) {
                // Until there is no room for it either.
            }
            Api.Answer last = api.post("/v1/batches/" + id + "/callbacks", one);
            assertThat(last.status()).isEqualTo(429);
            assertThat(last.code()).isEqualTo("too_many_batches");
            assertThat(pending(api)).isEqualTo(ids.size());
            service.kill9();
        }
        try (ServiceProcess service = started();
                Api api = service.api()) {
            // What was accepted is there, and the place of what is done is free again.
            assertThat(api.post("/v1/batches", body).status()).isEqualTo(429);
            api.post("/v1/pools/default/resume", null);
            for (String id : ids) {
                JsonNode batch = api.get("/v1/batches/" + id + "?wait=25").json();
                assertThat(batch.path("state").asText()).isEqualTo("SUCCEEDED");
            }
            assertThat(api.post("/v1/batches", body).status()).isEqualTo(201);
        }
    }

    @Test
    void tasksThatAreReadySoon() {
        int batches = 300;
        try (ServiceProcess service = started();
                Api api = service.api()) {
            String task = "{\"callable\":\"echo\",\"args\":[\"" + "x".repeat(4_000) + "\"],\"delay_ms\":15000}";
            String body = "{\"items\":[" + String.join(",", Collections.nCopies(100, task)) + "]}";
            for (int i = 0; i < batches; i++) {
                assertThat(api.raw("POST", "/v1/batches", body).status()).isEqualTo(201);
            }
            await().atMost(Duration.ofMinutes(3)).until(() -> pending(api) == 0);
            assertThat(service.alive()).isTrue();
        }
    }

    /** The journal holds more than fits into memory, and H2 nothing of it: it comes back by pieces. */
    @Test
    void journalThatTheDatabaseHasNothingOf() throws IOException {
        int batches = 145;
        try (ServiceProcess service = started();
                Api api = service.api()) {
            assertThat(api.get("/v1/pools/default").status()).isEqualTo(200);
            service.signal("TERM");
            assertThat(service.exitCode()).isZero();
        }
        Path older = Files.createDirectory(data.resolve("older"));
        for (String file : H2_FILES) {
            if (Files.exists(data.resolve(file))) {
                Files.copy(data.resolve(file), older.resolve(file));
            }
        }
        try (ServiceProcess service = started();
                Api api = service.api()) {
            api.post("/v1/pools/default/pause", null);
            String task = "{\"callable\":\"echo\",\"args\":[\"" + "x".repeat(4_000) + "\"]}";
            String body = "{\"items\":[" + String.join(",", Collections.nCopies(100, task)) + "]}";
            for (int i = 0; i < batches; i++) {
                assertThat(api.raw("POST", "/v1/batches", body).status()).isEqualTo(201);
            }
            service.kill9();
        }
        for (String file : H2_FILES) {
            Files.deleteIfExists(data.resolve(file));
            if (Files.exists(older.resolve(file))) {
                Files.copy(older.resolve(file), data.resolve(file));
            }
        }
        try (ServiceProcess service = started();
                Api api = service.api()) {
            assertThat(pending(api)).isEqualTo(batches * 100);
            api.post("/v1/pools/default/resume", null);
            await().atMost(Duration.ofMinutes(3)).until(() -> pending(api) == 0);
            assertThat(service.alive()).isTrue();
        }
    }

    private static int pending(Api api) {
        return api.get("/v1/pools/default").json().path("pending").asInt(-1);
    }

    private ServiceProcess started() {
        return new ServiceProcess(
                Program.command(128),
                data,
                "STORE_DURABILITY",
                "process",
                "POOLS_DEFAULT_QUEUE_CAPACITY",
                "1000000",
                "CALLBACKS_ALLOWED_HOSTS",
                "127.0.0.1",
                "CALLBACKS_ALLOW_PRIVATE_ADDRESSES",
                "true");
    }
}
