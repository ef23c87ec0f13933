package dev.taskpool.callback;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpServer;
import dev.taskpool.acceptance.Started;
import dev.taskpool.model.Problem;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CallbackTest {
    private static final byte[] KEY = "0123456789abcdef0123456789abcdef".getBytes(StandardCharsets.UTF_8);

    @TempDir
    Path data;

    private HttpServer receiver;
    private final List<Got> got = new CopyOnWriteArrayList<>();
    /** Tries that are answered 500 before one is taken. */
    private final AtomicInteger failures = new AtomicInteger();

    private record Got(String id, String timestamp, String signature, String body) {}

    @BeforeEach
    void receive() throws IOException {
        receiver = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        receiver.createContext("/", exchange -> {
            String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            var headers = exchange.getRequestHeaders();
            got.add(new Got(
                    headers.getFirst("webhook-id"),
                    headers.getFirst("webhook-timestamp"),
                    String.valueOf(headers.getFirst("webhook-signature")),
                    body));
            int status = exchange.getRequestURI().getPath().equals("/gone")
                    ? 410
                    : failures.getAndDecrement() > 0 ? 500 : 204;
            exchange.sendResponseHeaders(status, -1);
            exchange.close();
        });
        receiver.start();
    }

    @AfterEach
    void stop() {
        receiver.stop(0);
    }

    private String url(String path) {
        return "http://127.0.0.1:" + receiver.getAddress().getPort() + path;
    }

    private Started service(String... more) {
        String[] all = new String[more.length + 6];
        System.arraycopy(more, 0, all, 6, more.length);
        all[0] = "CALLBACKS_ALLOWED_HOSTS";
        all[1] = "127.0.0.1";
        all[2] = "CALLBACKS_ALLOW_PRIVATE_ADDRESSES";
        all[3] = "true";
        all[4] = "CALLBACKS_SECRET";
        all[5] = "whsec_" + Base64.getEncoder().encodeToString(KEY);
        return new Started(data, all);
    }

    @Test
    void endIsDeliveredSigned() throws Exception {
        try (Started service = service()) {
            String id = service.api
                    .submit("{\"callable\":\"identity\",\"args\":[7],\"callback_url\":\"" + url("/") + "\"}")
                    .id();
            await().until(() -> service.api
                    .get("/v1/tasks/" + id)
                    .json()
                    .at("/callback/delivered")
                    .asBoolean());
            assertThat(got).hasSize(1);
            Got one = got.getFirst();
            assertThat(one.id).isEqualTo(id);
            assertThat(one.body).contains("\"state\":\"SUCCEEDED\"").contains("\"result\":7");
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(KEY, "HmacSHA256"));
            byte[] expected = mac.doFinal((id + "." + one.timestamp + "." + one.body).getBytes(StandardCharsets.UTF_8));
            assertThat(one.signature).isEqualTo("v1," + Base64.getEncoder().encodeToString(expected));
        }
    }

    @Test
    void failedDeliveryIsTriedAgainWithTheSameId() {
        failures.set(2);
        try (Started service = service()) {
            String id = service.api
                    .submit("{\"callable\":\"demo.fail\",\"callback_url\":\"" + url("/") + "\"}")
                    .id();
            await().until(() -> service.api
                    .get("/v1/tasks/" + id)
                    .json()
                    .at("/callback/delivered")
                    .asBoolean());
            assertThat(got).hasSize(3).allSatisfy(g -> assertThat(g.id).isEqualTo(id));
            assertThat(service.api
                            .get("/v1/tasks/" + id)
                            .json()
                            .at("/callback/attempts")
                            .asInt())
                    .isEqualTo(3);
        }
    }

    @Test
    void goneIsNotTriedAgain() {
        try (Started service = service()) {
            String id = service.api
                    .submit("{\"callable\":\"noop\",\"callback_url\":\"" + url("/gone") + "\"}")
                    .id();
            await().until(() -> service.api
                            .get("/v1/tasks/" + id)
                            .json()
                            .at("/callback/last_status")
                            .asInt()
                    == 410);
            // A second callback comes through; by then a second try of the first would have come before it.
            String second = service.api
                    .submit("{\"callable\":\"noop\",\"callback_url\":\"" + url("/") + "\"}")
                    .id();
            await().until(() -> service.api
                    .get("/v1/tasks/" + second)
                    .json()
                    .at("/callback/delivered")
                    .asBoolean());
            assertThat(got).hasSize(2);
        }
    }

    @Test
    void whatWasNotDeliveredIsDeliveredByTheNextStart() {
        failures.set(1);
        String id;
        try (Started service = service()) {
            id = service.api
                    .submit("{\"callable\":\"noop\",\"callback_url\":\"" + url("/") + "\"}")
                    .id();
            await().until(() -> service.api
                            .get("/v1/tasks/" + id)
                            .json()
                            .at("/callback/attempts")
                            .asInt()
                    == 1);
        }
        try (Started again = service()) {
            await().until(() -> again.api
                    .get("/v1/tasks/" + id)
                    .json()
                    .at("/callback/delivered")
                    .asBoolean());
        }
    }

    @Test
    void taskIsKeptBeyondItsRetentionUntilItsCallbackIsDelivered() {
        failures.set(2);
        try (Started service = service("TASKS_RETENTION", "1s")) {
            service.api.submit("{\"callable\":\"noop\",\"callback_url\":\"" + url("/") + "\"}");
            // The third try comes about five seconds after the end.
            await().until(() -> got.size() == 3);
            await().until(() ->
                    service.api.get("/v1/tasks").json().path("items").isEmpty());
        }
    }

    @Test
    void privateAddressIsNotCalled() {
        try (Started service = service("CALLBACKS_ALLOW_PRIVATE_ADDRESSES", "false", "CALLBACKS_MAX_ATTEMPTS", "1")) {
            String id = service.api
                    .submit("{\"callable\":\"noop\",\"callback_url\":\"" + url("/") + "\"}")
                    .id();
            await().until(() -> service.api
                            .get("/v1/tasks/" + id)
                            .json()
                            .at("/callback/attempts")
                            .asInt()
                    == 1);
            assertThat(got).isEmpty();
        }
    }

    @ParameterizedTest
    @CsvSource({
        "127.0.0.1, false", "10.1.2.3, false", "172.16.0.1, false", "192.168.1.1, false", "169.254.169.254, false",
        "100.64.0.1, false", "0.0.0.0, false", "224.0.0.1, false", "255.255.255.255, false", "198.18.0.1, false",
        "::1, false", "fe80::1, false", "fc00::1, false", "::ffff:10.0.0.1, false", "64:ff9b::a00:1, false",
        "2002:a00:1::, false", "8.8.8.8, true", "2606:4700:4700::1111, true"
    })
    void onlyPublicAddressesArePublic(String address, boolean isPublic) throws Exception {
        assertThat(Destinations.isPublic(InetAddress.ofLiteral(address))).isEqualTo(isPublic);
    }

    @Test
    void hostsAreAllowedByNameOrSuffix() {
        Destinations destinations = new Destinations(List.of("a.org", "*.b.org"), false);
        destinations.check("https://a.org/x", "/u");
        destinations.check("https://c.B.org:8443/x?y=1", "/u");
        for (String wrong :
                List.of("https://b.org/", "https://xa.org/", "https://a.org.evil.com/", "https://u@a.org/")) {
            assertThatThrownBy(() -> destinations.check(wrong, "/u")).isInstanceOf(Problem.class);
        }
    }
}
