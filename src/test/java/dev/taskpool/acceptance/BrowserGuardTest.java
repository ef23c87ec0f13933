package dev.taskpool.acceptance;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a browser sends for a page that somebody else has made. */
class BrowserGuardTest {
    @TempDir
    Path data;

    private static String ask(Started service, String request, String... headers) {
        String head = request + " HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n" + String.join("\r\n", headers)
                + "\r\n\r\n";
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), service.port())) {
            socket.getOutputStream().write(head.getBytes(StandardCharsets.US_ASCII));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void refused(String answer) {
        assertThat(answer).startsWith("HTTP/1.1 403 ").contains("\"code\":\"cross_site\"");
    }

    @Test
    void pagesOfOthersCannotUseAServiceWithoutTokens() {
        try (Started service = new Started(data)) {
            String host = "Host: localhost:" + service.port();
            refused(ask(service, "POST /v1/service/drain", host, "Origin: http://evil.example"));
            refused(ask(service, "POST /v1/service/drain", host, "Origin: null"));
            refused(ask(service, "POST /v1/service/drain", host, "Origin: http://localhost:3000"));
            refused(ask(service, "POST /v1/service/drain", host, "Sec-Fetch-Site: cross-site"));
            refused(ask(service, "DELETE /v1/pools/default", host, "Origin: http://evil.example"));
            // Its name leads here, and it is of the same origin then.
            refused(ask(service, "GET /v1/tasks", "Host: evil.example"));
            refused(ask(service, "POST /v1/service/drain", "Host: evil.example", "Origin: http://evil.example"));
            assertThat(service.api.get("/readyz").status()).isEqualTo(200);

            assertThat(ask(service, "GET /healthz", "Host: evil.example")).startsWith("HTTP/1.1 200 ");
            for (String own :
                    new String[] {host, "Host: 127.0.0.1:" + service.port(), "Host: [::1]:1", "Host: a.localhost"}) {
                String origin = "Origin: http://" + own.substring("Host: ".length());
                assertThat(ask(service, "GET /v1/tasks", own)).startsWith("HTTP/1.1 200 ");
                assertThat(ask(service, "POST /v1/pools/default/pause", own)).startsWith("HTTP/1.1 200 ");
                assertThat(ask(service, "POST /v1/pools/default/resume", own, origin, "Sec-Fetch-Site: same-origin"))
                        .startsWith("HTTP/1.1 200 ");
            }
        }
    }

    @Test
    void whoIsAskedForATokenOrNeedsNoneIsNotLookedAt() {
        try (Started service = new Started(data, "SERVER_ALLOW_UNAUTHENTICATED", "true")) {
            assertThat(ask(
                            service,
                            "POST /v1/pools/default/pause",
                            "Host: pool.example",
                            "Origin: http://ours.example"))
                    .startsWith("HTTP/1.1 200 ");
        }
    }
}
