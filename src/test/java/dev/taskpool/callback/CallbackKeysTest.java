package dev.taskpool.callback;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.taskpool.acceptance.Api;
import dev.taskpool.acceptance.Started;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A callback is added by a client that does not know whether it has been. */
class CallbackKeysTest {
    @TempDir
    Path data;

    private Receiver receiver;
    private final List<Receiver.Got> got = Receiver.list();

    @BeforeEach
    void receive() {
        receiver = Receiver.collecting(got, new AtomicInteger());
    }

    @AfterEach
    void stop() {
        receiver.close();
    }

    private Started service() {
        return new Started(data, "CALLBACKS_ALLOWED_HOSTS", "127.0.0.1", "CALLBACKS_ALLOW_PRIVATE_ADDRESSES", "true");
    }

    private String body(String path) {
        return "{\"url\":\"" + receiver.url(path) + "\"}";
    }

    private static String submit(Api api, String subjects) {
        String task = "{\"callable\":\"noop\",\"pool\":\"held\"}";
        return api.post("/v1/" + subjects, subjects.equals("tasks") ? task : "{\"items\":[" + task + "]}")
                .id();
    }

    private static int count(Api api, String callbacks) {
        return api.get(callbacks).json().path("items").size();
    }

    private static void replays(Api api, String callbacks, String body, String key, int number) {
        Api.Answer again = api.post(callbacks, body, "Idempotency-Key", key);
        assertThat(again.status()).isEqualTo(200);
        assertThat(again.header("Idempotent-Replayed")).isEqualTo("true");
        assertThat(again.json().path("number").asInt()).isEqualTo(number);
    }

    @ParameterizedTest
    @CsvSource({"tasks", "batches"})
    void sameKeyIsTheSameCallback(String subjects) {
        String callbacks;
        try (Started service = service()) {
            Api api = service.api;
            api.put("/v1/pools/held", "{\"kind\":\"THREAD\",\"max_workers\":1}");
            api.post("/v1/pools/held/pause", null);
            callbacks = "/v1/" + subjects + "/" + submit(api, subjects) + "/callbacks";
            String other = "/v1/" + subjects + "/" + submit(api, subjects) + "/callbacks";
            Api.Answer first = api.post(callbacks, body("/a"), "Idempotency-Key", "k");
            assertThat(first.status()).isEqualTo(201);
            assertThat(first.header("Idempotent-Replayed")).isEmpty();
            replays(api, callbacks, body("/a"), "k", 1);
            // Written otherwise, it is the same.
            replays(
                    api,
                    callbacks,
                    "{\"on\":[\"FAILED\",\"CANCELLED\",\"SUCCEEDED\"],\"url\":\"" + receiver.url("/a") + "\"}",
                    "k",
                    1);
            for (String different :
                    List.of(body("/b"), "{\"on\":[\"FAILED\"],\"url\":\"" + receiver.url("/a") + "\"}")) {
                Api.Answer refused = api.post(callbacks, different, "Idempotency-Key", "k");
                assertThat(refused.status()).isEqualTo(422);
                assertThat(refused.code()).isEqualTo("idempotency_key_reused");
            }
            assertThat(count(api, callbacks)).isEqualTo(1);
            assertThat(api.post(callbacks, body("/a"), "Idempotency-Key", "l").status())
                    .isEqualTo(201);
            assertThat(api.post(other, body("/b"), "Idempotency-Key", "k").status())
                    .isEqualTo(201);
            // Without a key each call is one more.
            for (int i = 2; i < 16; i++) {
                assertThat(api.post(callbacks, body("/a")).status()).isEqualTo(201);
            }
            assertThat(api.post(callbacks, body("/a"), "Idempotency-Key", "m").code())
                    .isEqualTo("too_many_callbacks");
            replays(api, callbacks, body("/a"), "l", 2);
            Api.Answer bad = api.post(callbacks, body("/a"), "Idempotency-Key", "x".repeat(256));
            assertThat(bad.code()).isEqualTo("invalid_request");
        }
        try (Started service = service()) {
            Api api = service.api;
            replays(api, callbacks, body("/a"), "k", 1);
            api.post("/v1/pools/held/resume", null);
            await().untilAsserted(() -> assertThat(api.get(callbacks).json().findValuesAsText("state"))
                    .hasSize(16)
                    .containsOnly("DELIVERED"));
            // What is done has left memory, or will.
            replays(api, callbacks, body("/a"), "k", 1);
            assertThat(got).hasSize(17);
        }
    }
}
