package dev.taskpool.callback;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.acceptance.Api;
import dev.taskpool.acceptance.Started;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CallbackTest {
    private static final byte[] KEY = "0123456789abcdef0123456789abcdef".getBytes(StandardCharsets.UTF_8);
    private static final byte[] OLD_KEY = "fedcba9876543210fedcba9876543210".getBytes(StandardCharsets.UTF_8);

    @TempDir
    Path data;

    private Receiver receiver;
    private final List<Receiver.Got> got = Receiver.list();
    /** Tries that are answered 500 before one is taken. */
    private final AtomicInteger failures = new AtomicInteger();

    @BeforeEach
    void receive() {
        receiver = Receiver.answering(
                got,
                g -> new Receiver.Reply(g.path().equals("/gone") ? 410 : failures.getAndDecrement() > 0 ? 500 : 204));
    }

    @AfterEach
    void stop() {
        receiver.close();
    }

    private static String secret(byte[] key) {
        return "whsec_" + Base64.getEncoder().encodeToString(key);
    }

    private Started service(String... more) {
        List<String> all = new ArrayList<>(List.of(
                "CALLBACKS_ALLOWED_HOSTS",
                "127.0.0.1",
                "CALLBACKS_ALLOW_PRIVATE_ADDRESSES",
                "true",
                "CALLBACKS_SECRETS",
                secret(KEY),
                "CALLBACKS_FIRST_BACKOFF",
                "50ms"));
        all.addAll(List.of(more));
        return new Started(data, all.toArray(String[]::new));
    }

    private String submission(String callable, String path) {
        return "{\"callable\":\"" + callable + "\",\"callback_url\":\"" + receiver.url(path) + "\"}";
    }

    private static String callback(String url, String... on) {
        String ends = on.length == 0 ? "" : ",\"on\":[\"" + String.join("\",\"", on) + "\"]";
        return "{\"url\":\"" + url + "\"" + ends + "}";
    }

    private static JsonNode callbacks(Started service, String id) {
        return service.api.get("/v1/tasks/" + id + "/callbacks").json().path("items");
    }

    private static List<String> states(Started service, String id) {
        List<String> states = new ArrayList<>();
        callbacks(service, id).forEach(c -> states.add(c.path("state").asText()));
        return states;
    }

    private static void awaitStates(Started service, String id, String... states) {
        await().untilAsserted(() -> assertThat(states(service, id)).containsExactly(states));
    }

    private static void awaitDelivered(Started service, String id) {
        await().until(() -> service.api
                .get("/v1/tasks/" + id)
                .json()
                .at("/callback/delivered")
                .asBoolean());
    }

    @Test
    void endIsDeliveredAsSignedCloudEvent() {
        try (Started service = service()) {
            String id = service.api
                    .submit("{\"callable\":\"identity\",\"args\":[7],\"callback_url\":\"" + receiver.url("/") + "\"}")
                    .id();
            awaitDelivered(service, id);
            assertThat(got).hasSize(1);
            Receiver.Got one = got.getFirst();
            assertThat(one.contentType()).startsWith("application/cloudevents+json");
            assertThat(one.id()).isEqualTo(id + "-1");
            assertThat(one.signedWith(KEY)).isTrue();
            assertThat(one.signedWith(OLD_KEY)).isFalse();
            JsonNode event = one.json();
            assertThat(event.path("specversion").asText()).isEqualTo("1.0");
            assertThat(event.path("id").asText()).isEqualTo(one.id());
            assertThat(event.path("source").asText()).isEqualTo("/v1/tasks");
            assertThat(event.path("type").asText()).isEqualTo("dev.taskpool.task.succeeded");
            assertThat(event.path("subject").asText()).isEqualTo(id);
            assertThat(Instant.parse(event.path("time").asText()))
                    .isEqualTo(Instant.parse(event.at("/data/finished_at").asText()));
            assertThat(event.at("/data/id").asText()).isEqualTo(id);
            assertThat(event.at("/data/state").asText()).isEqualTo("SUCCEEDED");
            assertThat(event.at("/data/result").asInt()).isEqualTo(7);
            JsonNode entry = callbacks(service, id).get(0);
            assertThat(entry.path("webhook_id").asText()).isEqualTo(one.id());
            assertThat(entry.at("/tries/0/status").asInt()).isEqualTo(204);
            assertThat(entry.has("next_at")).isFalse();
        }
    }

    @Test
    void eachIsForTheEndsThatItNames() {
        try (Started service = service()) {
            String all = ",\"callbacks\":[" + callback(receiver.url("/s"), "SUCCEEDED") + ","
                    + callback(receiver.url("/fc"), "FAILED", "CANCELLED") + "," + callback(receiver.url("/all"))
                    + "]}";
            String succeeded =
                    service.api.submit("{\"callable\":\"noop\"" + all).id();
            String failed =
                    service.api.submit("{\"callable\":\"demo.fail\"" + all).id();
            String cancelled = service.api
                    .submit("{\"callable\":\"noop\",\"delay_ms\":100000" + all)
                    .id();
            assertThat(states(service, cancelled)).containsExactly("PENDING", "PENDING", "PENDING");
            service.api.post("/v1/tasks/" + cancelled + "/cancel", null);
            awaitStates(service, succeeded, "DELIVERED", "SKIPPED", "DELIVERED");
            awaitStates(service, failed, "SKIPPED", "DELIVERED", "DELIVERED");
            awaitStates(service, cancelled, "SKIPPED", "DELIVERED", "DELIVERED");
            assertThat(got)
                    .hasSize(6)
                    .allSatisfy(g -> assertThat(g.json().path("type").asText())
                            .isEqualTo("dev.taskpool.task."
                                    + g.json().at("/data/state").asText().toLowerCase(java.util.Locale.ROOT)));
            // It is not for this end, whoever asks.
            Api.Answer refused = service.api.post("/v1/tasks/" + succeeded + "/callbacks/2/redeliver", null);
            assertThat(refused.status()).isEqualTo(409);
            assertThat(refused.code()).isEqualTo("callback_skipped");
        }
    }

    @Test
    void oneIsAddedAtAnyTimeAndDeliveredAtOnceWhereTheTaskIsDone() {
        try (Started service = service()) {
            String running = service.api
                    .submit("{\"callable\":\"time.sleep\",\"args\":[30]}")
                    .id();
            Api.Answer added = service.api.post("/v1/tasks/" + running + "/callbacks", callback(receiver.url("/r")));
            assertThat(added.status()).isEqualTo(201);
            assertThat(added.json().path("number").asInt()).isEqualTo(1);
            assertThat(added.state()).isEqualTo("PENDING");
            service.api.post("/v1/tasks/" + running + "/cancel?interrupt=true&wait=10", null);
            awaitStates(service, running, "DELIVERED");

            String done = service.api.run("{\"callable\":\"noop\"}").id();
            assertThat(callbacks(service, done)).isEmpty();
            service.api.post("/v1/tasks/" + done + "/callbacks", callback(receiver.url("/late")));
            // For another end: added all the same, and never sent.
            assertThat(service.api
                            .post("/v1/tasks/" + done + "/callbacks", callback(receiver.url("/no"), "FAILED"))
                            .state())
                    .isEqualTo("SKIPPED");
            service.api.post("/v1/tasks/" + done + "/callbacks", callback(receiver.url("/later")));
            awaitStates(service, done, "DELIVERED", "SKIPPED", "DELIVERED");
            assertThat(got).extracting(Receiver.Got::path).containsExactlyInAnyOrder("/r", "/late", "/later");
            assertThat(got).extracting(Receiver.Got::id).doesNotHaveDuplicates();
        }
    }

    @Test
    void severalOfOneTaskComeInTheirOrder() {
        try (Started service = service()) {
            List<String> all = new ArrayList<>();
            for (int i = 1; i <= 16; i++) {
                all.add(callback(receiver.url("/" + i)));
            }
            String body = "{\"callable\":\"noop\",\"callbacks\":[" + String.join(",", all) + "]}";
            Map<String, List<String>> paths = new java.util.HashMap<>();
            for (int n = 0; n < 20; n++) {
                paths.put(service.api.submit(body).id(), new ArrayList<>());
            }
            await().until(() -> got.size() == 320);
            got.forEach(g -> paths.computeIfAbsent(g.json().path("subject").asText(), id -> new ArrayList<>())
                    .add(g.path().substring(1)));
            List<String> inOrder = java.util.stream.IntStream.rangeClosed(1, 16)
                    .mapToObj(Integer::toString)
                    .toList();
            assertThat(paths.values()).allSatisfy(each -> assertThat(each).isEqualTo(inOrder));
        }
    }

    @Test
    void eachSecretSignsWhileReceiversChangeOver() {
        try (Started service = service("CALLBACKS_SECRETS", secret(KEY) + "," + secret(OLD_KEY))) {
            String id = service.api.submit(submission("noop", "/")).id();
            awaitDelivered(service, id);
            assertThat(got.getFirst().signature().split(" ")).hasSize(2);
            assertThat(got.getFirst().signedWith(KEY)).isTrue();
            assertThat(got.getFirst().signedWith(OLD_KEY)).isTrue();
        }
    }

    @Test
    void failedDeliveryIsTriedAgainWithTheSameId() {
        failures.set(2);
        try (Started service = service()) {
            String id = service.api.submit(submission("demo.fail", "/")).id();
            awaitDelivered(service, id);
            assertThat(got).hasSize(3).allSatisfy(g -> assertThat(g.id()).isEqualTo(id + "-1"));
            JsonNode callback = callbacks(service, id).get(0);
            assertThat(callback.path("attempts").asInt()).isEqualTo(3);
            assertThat(callback.path("tries"))
                    .extracting(t -> t.path("status").asInt())
                    .containsExactly(500, 500, 204);
            assertThat(service.api
                            .get("/v1/tasks/" + id)
                            .json()
                            .at("/callback/attempts")
                            .asInt())
                    .isEqualTo(3);
        }
    }

    @Test
    void afterTheLastTryItIsGivenUpAndMayBeAskedForAgain() {
        failures.set(Integer.MAX_VALUE);
        try (Started service = service("CALLBACKS_MAX_ATTEMPTS", "2")) {
            String id = service.api.submit(submission("noop", "/")).id();
            awaitStates(service, id, "GAVE_UP");
            assertThat(got).hasSize(2);
            failures.set(1);
            Api.Answer again = service.api.post("/v1/tasks/" + id + "/callbacks/1/redeliver", null);
            assertThat(again.status()).isEqualTo(200);
            assertThat(again.state()).isEqualTo("PENDING");
            // With all its tries anew: the first of them fails.
            awaitStates(service, id, "DELIVERED");
            assertThat(callbacks(service, id).get(0).path("attempts").asInt()).isEqualTo(4);
            service.api.post("/v1/tasks/" + id + "/callbacks/1/redeliver", null);
            await().until(() -> got.size() == 5);
            assertThat(got).allSatisfy(g -> assertThat(g.id()).isEqualTo(id + "-1"));
            awaitStates(service, id, "DELIVERED");
        }
    }

    @Test
    void triesThatAreKeptAreBounded() {
        failures.set(Integer.MAX_VALUE);
        try (Started service = service(
                "CALLBACKS_MAX_ATTEMPTS", "14", "CALLBACKS_FIRST_BACKOFF", "10ms", "CALLBACKS_MAX_BACKOFF", "20ms")) {
            String id = service.api.submit(submission("noop", "/")).id();
            awaitStates(service, id, "GAVE_UP");
            JsonNode callback = callbacks(service, id).get(0);
            assertThat(callback.path("attempts").asInt()).isEqualTo(14);
            assertThat(callback.path("tries")).hasSize(10);
        }
    }

    @Test
    void whatWaitsForItsNextTryIsTriedNowWhereAskedFor() {
        failures.set(1);
        try (Started service = service("CALLBACKS_FIRST_BACKOFF", "1h")) {
            String id = service.api.submit(submission("noop", "/")).id();
            await().until(() -> callbacks(service, id).get(0).path("attempts").asInt() == 1);
            service.api.post("/v1/tasks/" + id + "/callbacks/1/redeliver", null);
            awaitStates(service, id, "DELIVERED");
        }
    }

    @Test
    void receiverIsHeededWhereItAsksForPatience() {
        String date = DateTimeFormatter.RFC_1123_DATE_TIME.format(
                Instant.now().plusSeconds(7200).atOffset(ZoneOffset.UTC));
        try (Receiver patient = Receiver.answering(
                        got,
                        g -> new Receiver.Reply(
                                g.path().equals("/date") ? 503 : 429,
                                Map.of("Retry-After", g.path().equals("/date") ? date : "3600")));
                Started service = service()) {
            String id = service.api
                    .submit("{\"callable\":\"noop\",\"callbacks\":[" + callback(patient.url("/seconds")) + ","
                            + callback(patient.url("/date")) + "]}")
                    .id();
            await().until(() -> callbacks(service, id).findValues("status").size() == 2);
            JsonNode both = callbacks(service, id);
            assertThat(Instant.parse(both.at("/0/next_at").asText()))
                    .isBetween(Instant.now().plusSeconds(3500), Instant.now().plusSeconds(3700));
            assertThat(Instant.parse(both.at("/1/next_at").asText()))
                    .isBetween(Instant.now().plusSeconds(7100), Instant.now().plusSeconds(7300));
        }
    }

    @Test
    void goneIsNotTriedAgain() {
        try (Started service = service()) {
            String id = service.api.submit(submission("noop", "/gone")).id();
            awaitStates(service, id, "GONE");
            assertThat(service.api
                            .get("/v1/tasks/" + id)
                            .json()
                            .at("/callback/last_status")
                            .asInt())
                    .isEqualTo(410);
            assertThat(callbacks(service, id).get(0).has("next_at")).isFalse();
        }
    }

    @Test
    void redirectIsNotFollowed() {
        try (Receiver redirecting = Receiver.answering(
                        got, g -> new Receiver.Reply(302, Map.of("Location", receiver.url("/elsewhere"))));
                Started service = service("CALLBACKS_MAX_ATTEMPTS", "1")) {
            String id = service.api
                    .submit("{\"callable\":\"noop\",\"callback_url\":\"" + redirecting.url("/") + "\"}")
                    .id();
            awaitStates(service, id, "GAVE_UP");
            assertThat(got).extracting(Receiver.Got::path).containsExactly("/");
        }
    }

    @Test
    void deadDestinationsDelayNobodyElse() throws Exception {
        List<ServerSocket> dead = new ArrayList<>();
        CountDownLatch end = new CountDownLatch(1);
        try (Receiver slow = Receiver.answering(Receiver.list(), g -> {
                    awaitQuietly(end);
                    return new Receiver.Reply(204);
                });
                Started service = service("CALLBACKS_TIMEOUT", "1m")) {
            List<String> urls = new ArrayList<>(List.of(slow.url("/")));
            for (int i = 0; i < 14; i++) {
                // Accepts connections and never says a word.
                ServerSocket socket = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
                dead.add(socket);
                urls.add("http://127.0.0.1:" + socket.getLocalPort() + "/");
            }
            String all = String.join(",", urls.stream().map(u -> callback(u)).toList());
            String item = "{\"callable\":\"noop\",\"callbacks\":[" + all + "," + callback(receiver.url("/")) + "]}";
            // 3,000 for the dead before and between those for the living, and more than a lane's window for one of
            // them.
            for (int batch = 0; batch < 2; batch++) {
                service.api.post(
                        "/v1/batches",
                        "{\"items\":[" + String.join(",", java.util.Collections.nCopies(100, item)) + "]}");
            }
            String one = "{\"callable\":\"noop\",\"callback_url\":\"" + slow.url("/") + "\"}";
            service.api.post(
                    "/v1/batches", "{\"items\":[" + String.join(",", java.util.Collections.nCopies(1000, one)) + "]}");
            long before = System.nanoTime();
            await().atMost(Duration.ofSeconds(30)).until(() -> got.size() == 200);
            for (int i = 0; i < 20; i++) {
                awaitDelivered(
                        service, service.api.submit(submission("noop", "/")).id());
            }
            assertThat(Duration.ofNanos(System.nanoTime() - before)).isLessThan(Duration.ofSeconds(30));
        } finally {
            end.countDown();
            for (ServerSocket each : dead) {
                each.close();
            }
        }
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    void moreThanAWindowIsDeliveredEachOnce() {
        try (Started service = service()) {
            String item = submission("noop", "/");
            for (int batch = 0; batch < 4; batch++) {
                service.api.post(
                        "/v1/batches",
                        "{\"items\":[" + String.join(",", java.util.Collections.nCopies(1000, item)) + "]}");
            }
            await().until(() -> got.size() == 4000);
            assertThat(got.stream().map(Receiver.Got::id).distinct()).hasSize(4000);
        }
    }

    @Test
    void whatWasNotDeliveredIsDeliveredByTheNextStart() {
        failures.set(2);
        String id;
        try (Started service = service("CALLBACKS_FIRST_BACKOFF", "2s")) {
            id = service.api
                    .submit("{\"callable\":\"noop\",\"callbacks\":[" + callback(receiver.url("/a"), "SUCCEEDED") + ","
                            + callback(receiver.url("/b")) + "]}")
                    .id();
            await().until(() -> got.size() == 2);
        }
        try (Started again = service()) {
            awaitStates(again, id, "DELIVERED", "DELIVERED");
            assertThat(got)
                    .extracting(Receiver.Got::id)
                    .containsExactlyInAnyOrder(id + "-1", id + "-2", id + "-1", id + "-2");
            assertThat(callbacks(again, id).at("/0/attempts").asInt()).isEqualTo(2);
        }
    }

    @Test
    void taskIsKeptBeyondItsRetentionUntilItsCallbackIsDelivered() {
        failures.set(2);
        try (Started service = service("TASKS_RETENTION", "1s", "CALLBACKS_FIRST_BACKOFF", "1s")) {
            String id = service.api.submit(submission("noop", "/")).id();
            // The third try comes about five seconds after the end.
            await().until(() -> got.size() == 3);
            await().until(() ->
                    service.api.get("/v1/tasks").json().path("items").isEmpty());
            assertThat(service.api.get("/v1/tasks/" + id + "/callbacks").status())
                    .isEqualTo(404);
        }
    }

    @Test
    void callbacksOfADeletedTaskAreDeletedWithIt() {
        failures.set(Integer.MAX_VALUE);
        try (Started service = service("CALLBACKS_FIRST_BACKOFF", "300ms")) {
            String id = service.api.submit(submission("noop", "/")).id();
            await().until(() -> got.size() == 1);
            assertThat(service.api.delete("/v1/tasks/" + id).status()).isEqualTo(204);
            for (String path : List.of("/callbacks", "")) {
                assertThat(service.api.get("/v1/tasks/" + id + path).status()).isEqualTo(404);
            }
            int before = got.size();
            // One that fails twice after it: by then the next try of the first would have come.
            String other = service.api.submit(submission("noop", "/")).id();
            await().until(() -> callbacks(service, other).at("/0/attempts").asInt() >= 2);
            assertThat(got.subList(before, got.size()))
                    .allSatisfy(g -> assertThat(g.id()).isEqualTo(other + "-1"));
        }
    }

    @Test
    void aTaskHasSoManyCallbacksAndNoMore() {
        try (Started service = service()) {
            String id = service.api
                    .submit("{\"callable\":\"noop\",\"delay_ms\":100000}")
                    .id();
            for (int i = 0; i < 16; i++) {
                assertThat(service.api
                                .post("/v1/tasks/" + id + "/callbacks", callback(receiver.url("/")))
                                .status())
                        .isEqualTo(201);
            }
            Api.Answer more = service.api.post("/v1/tasks/" + id + "/callbacks", callback(receiver.url("/")));
            assertThat(more.status()).isEqualTo(409);
            assertThat(more.code()).isEqualTo("too_many_callbacks");
            List<String> all = java.util.Collections.nCopies(16, callback(receiver.url("/")));
            Api.Answer submitted = service.api.submit("{\"callable\":\"noop\",\"callback_url\":\"" + receiver.url("/")
                    + "\",\"callbacks\":[" + String.join(",", all) + "]}");
            assertThat(submitted.status()).isEqualTo(400);
            assertThat(submitted.json().at("/errors/0/pointer").asText()).isEqualTo("/callbacks");
        }
    }

    @Test
    void badCallbackIsNamed() {
        String cases = """
                {}                                   | 400 | invalid_request      | /url
                {"url":"ftp://127.0.0.1/"}           | 400 | invalid_request      | /url
                {"url":"http://127.0.0.1/","on":["DONE"]} | 400 | invalid_request | /on
                {"url":"http://127.0.0.1/","when":1} | 400 | invalid_request      | /when
                {"url":"http://elsewhere.org/"}      | 422 | callback_not_allowed | /url
                """;
        try (Started service = service()) {
            String id = service.api.run("{\"callable\":\"noop\"}").id();
            for (String line : cases.strip().split("\n")) {
                String[] parts = line.split("\\|");
                Api.Answer late = service.api.post("/v1/tasks/" + id + "/callbacks", parts[0]);
                assertThat(late.status()).as(line).isEqualTo(Integer.parseInt(parts[1].strip()));
                assertThat(late.code()).isEqualTo(parts[2].strip());
                assertThat(late.json().at("/errors/0/pointer").asText()).isEqualTo(parts[3].strip());
                Api.Answer submitted = service.api.submit("{\"callable\":\"noop\",\"callbacks\":[" + parts[0] + "]}");
                assertThat(submitted.status()).as(line).isEqualTo(late.status());
                assertThat(submitted.json().at("/errors/0/pointer").asText())
                        .isEqualTo("/callbacks/0" + parts[3].strip());
            }
            assertThat(callbacks(service, id)).isEmpty();
        }
    }

    @Test
    void whatIsNotThereIsNotRedelivered() {
        try (Started service = service()) {
            String id = service.api
                    .submit("{\"callable\":\"noop\",\"delay_ms\":100000,\"callbacks\":[" + callback(receiver.url("/"))
                            + "]}")
                    .id();
            assertThat(service.api
                            .post("/v1/tasks/" + id + "/callbacks/1/redeliver", null)
                            .code())
                    .isEqualTo("task_not_done");
            for (String number : List.of("0", "2", "x", "99999999999")) {
                assertThat(service.api
                                .post("/v1/tasks/" + id + "/callbacks/" + number + "/redeliver", null)
                                .code())
                        .isEqualTo("callback_not_found");
            }
        }
    }

    @Test
    void sameKeyStandsForTheSameCallbacks() {
        try (Started service = service()) {
            String with = "{\"callable\":\"noop\",\"callbacks\":[" + callback(receiver.url("/a"), "FAILED") + "]}";
            String other = "{\"callable\":\"noop\",\"callbacks\":[" + callback(receiver.url("/a"), "SUCCEEDED") + "]}";
            Api.Answer first = service.api.post("/v1/tasks", with, "Idempotency-Key", "k");
            assertThat(service.api
                            .post("/v1/tasks", with, "Idempotency-Key", "k")
                            .id())
                    .isEqualTo(first.id());
            assertThat(service.api
                            .post("/v1/tasks", other, "Idempotency-Key", "k")
                            .status())
                    .isEqualTo(422);
        }
    }

    @Test
    void privateAddressIsNotCalled() {
        try (Started service = service("CALLBACKS_ALLOW_PRIVATE_ADDRESSES", "false", "CALLBACKS_MAX_ATTEMPTS", "1")) {
            String id = service.api.submit(submission("noop", "/")).id();
            awaitStates(service, id, "GAVE_UP");
            assertThat(got).isEmpty();
            assertThat(callbacks(service, id).at("/0/tries/0/error").asText()).contains("no public address");
        }
    }

    @Test
    void noWayOfWritingLeadsToAPrivateAddress() {
        try (Started service = service(
                "CALLBACKS_ALLOWED_HOSTS",
                "'*'",
                "CALLBACKS_ALLOW_PRIVATE_ADDRESSES",
                "false",
                "CALLBACKS_MAX_ATTEMPTS",
                "1",
                "CALLBACKS_TIMEOUT",
                "2s")) {
            List<String> accepted = new ArrayList<>();
            for (String host : List.of(
                    "2130706433",
                    "0177.0.0.1",
                    "0x7f.0.0.1",
                    "0x7f000001",
                    "127.1",
                    "127.0.0.1",
                    "127.0.0.1.",
                    "localhost",
                    "LOCALHOST",
                    "[::1]",
                    "[::]",
                    "[::ffff:127.0.0.1]",
                    "[::ffff:7f00:1]",
                    "[::127.0.0.1]",
                    "[64:ff9b::7f00:1]",
                    "0",
                    "0.0.0.0",
                    "169.254.169.254")) {
                Api.Answer submitted = service.api.submit(
                        "{\"callable\":\"noop\",\"callback_url\":\"http://" + host + ":" + receiver.port() + "/\"}");
                assertThat(submitted.status()).as(host).isIn(201, 400);
                if (submitted.status() == 201) {
                    accepted.add(submitted.id());
                }
            }
            assertThat(accepted).hasSizeGreaterThan(5);
            accepted.forEach(id -> awaitStates(service, id, "GAVE_UP"));
            assertThat(got).isEmpty();
        }
    }
}
