package dev.taskpool.callback;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.acceptance.Api;
import dev.taskpool.acceptance.Started;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One message for a whole batch. What callbacks of tasks share with these is in {@link CallbackTest}. */
class BatchCallbackTest {
    private static final byte[] KEY = "0123456789abcdef0123456789abcdef".getBytes(StandardCharsets.UTF_8);

    @TempDir
    Path data;

    private Receiver receiver;
    private final List<Receiver.Got> got = Receiver.list();
    private final AtomicInteger failures = new AtomicInteger();

    @BeforeEach
    void receive() {
        receiver = Receiver.collecting(got, failures);
    }

    @AfterEach
    void stop() {
        receiver.close();
    }

    private Started service(String... more) {
        List<String> all = new ArrayList<>(List.of(
                "CALLBACKS_ALLOWED_HOSTS",
                "127.0.0.1",
                "CALLBACKS_ALLOW_PRIVATE_ADDRESSES",
                "true",
                "CALLBACKS_SECRETS",
                "whsec_" + Base64.getEncoder().encodeToString(KEY),
                "CALLBACKS_FIRST_BACKOFF",
                "50ms"));
        all.addAll(List.of(more));
        return new Started(data, all.toArray(String[]::new));
    }

    private static JsonNode callbacks(Started service, String id) {
        return service.api.get("/v1/batches/" + id + "/callbacks").json().path("items");
    }

    private static void awaitStates(Started service, String id, String... states) {
        await().untilAsserted(() -> {
            List<String> now = new ArrayList<>();
            callbacks(service, id).forEach(c -> now.add(c.path("state").asText()));
            assertThat(now).containsExactly(states);
        });
    }

    private String submit(Started service, String rest) {
        return service.api
                .post("/v1/batches", "{\"items\":[{\"callable\":\"noop\"},{\"callable\":\"noop\"}]" + rest + "}")
                .json()
                .path("id")
                .asText();
    }

    private String url(String rest) {
        return "\"" + receiver.url(rest) + "\"";
    }

    @Test
    void endOfABatchIsOneSignedEvent() {
        try (Started service = service()) {
            String id = submit(service, ",\"batch_callback_url\":" + url("/"));
            awaitStates(service, id, "DELIVERED");
            assertThat(got).hasSize(1);
            Receiver.Got one = got.getFirst();
            assertThat(one.id()).isEqualTo(id + "-1");
            assertThat(one.signedWith(KEY)).isTrue();
            JsonNode event = one.json();
            assertThat(event.path("source").asText()).isEqualTo("/v1/batches");
            assertThat(event.path("type").asText()).isEqualTo("dev.taskpool.batch.succeeded");
            assertThat(event.path("subject").asText()).isEqualTo(id);
            assertThat(event.path("data"))
                    .isEqualTo(service.api.get("/v1/batches/" + id).json());
            assertThat(event.path("time").asText())
                    .startsWith(event.at("/data/finished_at").asText().replace("Z", ""));
            assertThat(event.at("/data/counts/succeeded").asInt()).isEqualTo(2);
        }
    }

    @Test
    void mapTellsOfItsTasksAndOfItself() {
        try (Started service = service()) {
            String id = service.api
                    .post(
                            "/v1/map",
                            "{\"callable\":\"demo.fail\",\"args_list\":[[\"a\"],[\"b\"]],\"callback_url\":"
                                    + url("/task")
                                    + ",\"callbacks\":[{\"url\":" + url("/also")
                                    + "}],\"batch_callbacks\":[{\"url\":" + url("/s")
                                    + ",\"on\":[\"SUCCEEDED\"]},{\"url\":"
                                    + url("/f") + ",\"on\":[\"FAILED\"]}]}")
                    .json()
                    .path("id")
                    .asText();
            awaitStates(service, id, "SKIPPED", "DELIVERED");
            await().until(() -> got.size() == 5);
            assertThat(got)
                    .extracting(Receiver.Got::path)
                    .containsExactlyInAnyOrder("/task", "/task", "/also", "/also", "/f");
            assertThat(got)
                    .filteredOn(g -> g.path().equals("/f"))
                    .extracting(g -> g.json().path("type").asText())
                    .containsExactly("dev.taskpool.batch.failed");
        }
    }

    @Test
    void oneIsAddedAtAnyTimeAndDeliveredAtOnceWhereTheBatchIsDone() {
        try (Started service = service()) {
            String open = service.api
                    .post("/v1/batches", "{\"items\":[{\"callable\":\"noop\",\"delay_ms\":86400000}]}")
                    .json()
                    .path("id")
                    .asText();
            Api.Answer added =
                    service.api.post("/v1/batches/" + open + "/callbacks", "{\"url\":" + url("/cancelled") + "}");
            assertThat(added.status()).isEqualTo(201);
            assertThat(added.json().path("state").asText()).isEqualTo("PENDING");
            Api.Answer early = service.api.post("/v1/batches/" + open + "/callbacks/1/redeliver", "");
            assertThat(early.status()).isEqualTo(409);
            assertThat(early.json().path("code").asText()).isEqualTo("batch_not_done");
            assertThat(got).isEmpty();
            service.api.post("/v1/batches/" + open + "/cancel", "");
            awaitStates(service, open, "DELIVERED");
            assertThat(got.getFirst().json().path("type").asText()).isEqualTo("dev.taskpool.batch.cancelled");

            String done = submit(service, "");
            service.api.get("/v1/batches/" + done + "?wait=20");
            service.api.post("/v1/batches/" + done + "/callbacks", "{\"url\":" + url("/late") + "}");
            awaitStates(service, done, "DELIVERED");
            service.api.post("/v1/batches/" + done + "/callbacks/1/redeliver", "");
            await().until(() -> got.size() == 3);
            assertThat(got).extracting(Receiver.Got::id).containsExactly(open + "-1", done + "-1", done + "-1");
            assertThat(service.api
                            .post("/v1/batches/" + done + "/callbacks/2/redeliver", "")
                            .json()
                            .path("code")
                            .asText())
                    .isEqualTo("callback_not_found");
        }
    }

    /** Steps on a done batch, which is in the store only, do not overwrite each other. */
    @Test
    void manyAtOnceAreAllKept() {
        try (Started service = service()) {
            String id = submit(service, "");
            service.api.get("/v1/batches/" + id + "?wait=20");
            failures.set(8);
            List<CompletableFuture<Api.Answer>> all = new ArrayList<>();
            for (int i = 0; i < 18; i++) {
                String body = "{\"url\":" + url("/" + i) + "}";
                all.add(CompletableFuture.supplyAsync(
                        () -> service.api.post("/v1/batches/" + id + "/callbacks", body)));
            }
            List<Integer> statuses = all.stream()
                    .map(CompletableFuture::join)
                    .map(Api.Answer::status)
                    .toList();
            assertThat(statuses).filteredOn(s -> s == 201).hasSize(16);
            assertThat(statuses).filteredOn(s -> s == 409).hasSize(2);
            await().untilAsserted(() -> assertThat(callbacks(service, id))
                    .hasSize(16)
                    .allSatisfy(c -> assertThat(c.path("state").asText()).isEqualTo("DELIVERED")));
            int tries = 0;
            for (JsonNode each : callbacks(service, id)) {
                assertThat(each.path("tries")).hasSize(each.path("attempts").asInt());
                tries += each.path("attempts").asInt();
            }
            assertThat(tries).isEqualTo(got.size()).isEqualTo(24);
        }
    }

    @Test
    void whatWasNotDeliveredIsDeliveredByTheNextStart() {
        String id;
        failures.set(Integer.MAX_VALUE);
        try (Started service = service("CALLBACKS_FIRST_BACKOFF", "1s")) {
            id = submit(service, ",\"batch_callback_url\":" + url("/"));
            await().until(() -> !got.isEmpty());
        }
        failures.set(0);
        try (Started service = service()) {
            awaitStates(service, id, "DELIVERED");
            assertThat(got).extracting(Receiver.Got::id).containsOnly(id + "-1");
        }
    }

    @Test
    void batchIsKeptBeyondItsRetentionUntilItsCallbackIsDelivered() {
        failures.set(Integer.MAX_VALUE);
        try (Started service = service("TASKS_RETENTION", "1s", "CALLBACKS_MAX_BACKOFF", "200ms")) {
            String id = submit(service, ",\"batch_callback_url\":" + url("/"));
            String task = service.api
                    .get("/v1/batches/" + id + "/results")
                    .json()
                    .at("/items/0/task_id")
                    .asText();
            // Its tasks are gone, and so would it be.
            await().atMost(Duration.ofSeconds(30))
                    .until(() -> service.api.get("/v1/tasks/" + task).status() == 404);
            assertThat(callbacks(service, id).get(0).path("state").asText()).isEqualTo("PENDING");
            failures.set(0);
            await().atMost(Duration.ofSeconds(30))
                    .until(() -> service.api.get("/v1/batches/" + id).status() == 404);
            assertThat(got.getLast().json().at("/data/counts/succeeded").asInt())
                    .isEqualTo(2);
        }
    }

    @Test
    void streamThatNobodyGoesOnWithComesToItsEndAndThatIsTold() throws IOException {
        try (Started service = service("TASKS_RETENTION", "2s")) {
            String id;
            try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), service.port())) {
                String request = """
                        POST /v1/map/stream?callable=noop HTTP/1.1
                        Host: localhost
                        Content-Type: application/x-ndjson
                        Transfer-Encoding: chunked

                        3
                        []!
                        """;
                socket.getOutputStream()
                        .write(request.replace("\n", "\r\n").replace('!', '\n').getBytes(StandardCharsets.US_ASCII));
                BufferedReader in =
                        new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
                String line = in.readLine();
                while (!line.contains("batch_id")) {
                    line = in.readLine();
                }
                id = line.replaceAll(".*(b_[0-9a-z]+).*", "$1");
                service.api.post("/v1/batches/" + id + "/callbacks", "{\"url\":" + url("/") + "}");
            }
            await().atMost(Duration.ofSeconds(30)).until(() -> !got.isEmpty());
            assertThat(got.getFirst().json().path("type").asText()).isEqualTo("dev.taskpool.batch.succeeded");
            assertThat(got.getFirst().json().at("/data/counts/succeeded").asInt())
                    .isEqualTo(1);
            await().atMost(Duration.ofSeconds(30))
                    .until(() -> service.api.get("/v1/batches/" + id).status() == 404);
            assertThat(got).hasSize(1);
        }
    }

    @Test
    void callbacksOfADeletedBatchAreDeletedWithIt() {
        failures.set(Integer.MAX_VALUE);
        try (Started service = service()) {
            String id = submit(service, ",\"batch_callback_url\":" + url("/"));
            await().until(() -> !got.isEmpty());
            assertThat(service.api.delete("/v1/batches/" + id).status()).isEqualTo(204);
            assertThat(service.api.get("/v1/batches/" + id + "/callbacks").status())
                    .isEqualTo(404);
            assertThat(service.api
                            .post("/v1/batches/" + id + "/callbacks", "{\"url\":" + url("/") + "}")
                            .status())
                    .isEqualTo(404);
        }
        got.clear();
        try (Started service = service()) {
            String id = submit(service, ",\"batch_callback_url\":" + url("/"));
            await().until(() -> !got.isEmpty());
            assertThat(got).extracting(Receiver.Got::id).containsOnly(id + "-1");
        }
    }

    @Test
    void badCallbackIsNamed() {
        try (Started service = service()) {
            Api.Answer bad = service.api.post(
                    "/v1/batches",
                    "{\"items\":[{\"callable\":\"noop\"}],\"batch_callback_url\":\"https://example.org/x\"}");
            assertThat(bad.status()).isEqualTo(422);
            assertThat(bad.json().path("code").asText()).isEqualTo("callback_not_allowed");
            assertThat(bad.json().at("/errors/0/pointer").asText()).isEqualTo("/batch_callback_url");
            Api.Answer wrong = service.api.post(
                    "/v1/map",
                    "{\"callable\":\"noop\",\"args_list\":[[]],\"batch_callbacks\":[{\"on\":[\"FAILED\"]}]}");
            assertThat(wrong.json().at("/errors/0/pointer").asText()).isEqualTo("/batch_callbacks/0/url");
            assertThat(service.api.get("/v1/tasks").json().path("items")).isEmpty();
        }
    }

    @Test
    void sameKeyStandsForTheSameCallbacks() {
        try (Started service = service()) {
            String body = "{\"items\":[{\"callable\":\"noop\"}],\"batch_callback_url\":" + url("/a") + "}";
            Api.Answer first = service.api.call("POST", "/v1/batches", body, "Idempotency-Key", "k");
            Api.Answer again = service.api.call("POST", "/v1/batches", body, "Idempotency-Key", "k");
            assertThat(again.json().path("id")).isEqualTo(first.json().path("id"));
            Api.Answer other =
                    service.api.call("POST", "/v1/batches", body.replace("/a", "/b"), "Idempotency-Key", "k");
            assertThat(other.status()).isEqualTo(422);
        }
    }
}
