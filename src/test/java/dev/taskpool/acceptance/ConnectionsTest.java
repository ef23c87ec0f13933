package dev.taskpool.acceptance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A connection that the service is about to close is said to be (RFC 9112, 9.6), and no other is closed. */
class ConnectionsTest {
    @TempDir
    static Path data;

    static Started service;

    @BeforeAll
    static void start() {
        service = new Started(data);
    }

    @AfterAll
    static void stop() {
        service.close();
    }

    /** One connection, with bytes as they are written. */
    private static final class Connection implements AutoCloseable {
        private final Socket socket;
        private final OutputStream out;
        private final BufferedReader in;

        Connection() throws IOException {
            socket = new Socket(InetAddress.getLoopbackAddress(), service.port());
            socket.setSoTimeout(60_000);
            out = socket.getOutputStream();
            in = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.ISO_8859_1));
        }

        /** Sends the head and a body that may be less than was announced; returns the head of the answer. */
        List<String> ask(String request, String headers, String body) throws IOException {
            out.write((request + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n\r\n" + body)
                    .getBytes(StandardCharsets.US_ASCII));
            out.flush();
            List<String> head = new ArrayList<>();
            for (String line = in.readLine(); line != null && !line.isEmpty(); line = in.readLine()) {
                head.add(line.toLowerCase(Locale.ROOT));
            }
            assertThat(head).as("the head of an answer").isNotEmpty();
            for (String line : head) {
                if (line.startsWith("content-length: ")) {
                    in.skip(Long.parseLong(line.substring(16)));
                }
            }
            return head;
        }

        void send(String text) throws IOException {
            out.write(text.getBytes(StandardCharsets.US_ASCII));
            out.flush();
        }

        boolean ended() throws IOException {
            return in.read() < 0;
        }

        @Override
        public void close() throws IOException {
            socket.close();
        }
    }

    @ParameterizedTest
    @CsvSource({
        "POST /v1/tasks, application/json, 413, 300000000",
        "POST /v1/tasks, text/plain, 415, 2000000",
        "POST /v1/nothing, application/json, 404, 2000000",
        "PUT /v1/tasks, application/json, 405, 2000000",
        "POST /v1/map/stream?batch_id=b_00000000000000000000000000, application/x-ndjson, 404, 2000000",
        "GET /v1/pools, application/json, 200, 2000000",
        "HEAD /v1/pools, application/json, 200, 2000000",
    })
    void anAnswerBeforeTheBodyIsReadSaysThatItIsTheLast(String request, String type, String status, String length)
            throws IOException {
        try (Connection connection = new Connection()) {
            List<String> head =
                    connection.ask(request, "Content-Type: " + type + "\r\nContent-Length: " + length, "begin");
            assertThat(head.getFirst()).contains(status);
            assertThat(head).contains("connection: close");
            if (!request.startsWith("HEAD")) { // It names the length of a body that does not come.
                assertThat(connection.ended()).isTrue();
            }
        }
    }

    /** Which resets the connection where it was closed, and may take the answer from a client that reads when it has written. */
    @ParameterizedTest
    @CsvSource({
        "POST /v1/tasks, application/json, 413",
        "POST /v1/nothing, application/json, 404",
        "POST /v1/map/stream?batch_id=b_00000000000000000000000000, application/x-ndjson, 404",
    })
    void whatIsSentBehindTheAnswerIsTaken(String request, String type, String status) throws IOException {
        int length = 8 << 20;
        try (Connection connection = new Connection()) {
            List<String> head =
                    connection.ask(request, "Content-Type: " + type + "\r\nContent-Length: " + length, "begin");
            assertThat(head.getFirst()).contains(status);
            byte[] piece = new byte[length / 64];
            for (int sent = "begin".length(); sent < length; ) {
                int next = Math.min(piece.length, length - sent);
                connection.out.write(piece, 0, next);
                sent += next;
            }
            assertThat(connection.ended()).isTrue();
        }
    }

    private static final String BODY = "{\"callable\":\"echo\",\"args\":[\"" + "x".repeat(200) + "\"]}";

    /** Announces a body, and sends the beginning of it. */
    private static Connection begun(boolean chunked) throws IOException {
        Connection connection = new Connection();
        String begin = BODY.substring(0, 20);
        connection.send("POST /v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                + (chunked
                        ? "Transfer-Encoding: chunked\r\n\r\n14\r\n" + begin + "\r\n"
                        : "Content-Length: " + BODY.length() + "\r\n\r\n" + begin));
        return connection;
    }

    private static void othersAreServed() throws IOException {
        try (Connection other = new Connection()) {
            other.socket.setSoTimeout(10_000);
            for (int i = 0; i < 3; i++) {
                assertThat(other.ask("GET /healthz", "X-Other: 1", "").getFirst())
                        .contains("200");
                String head = "Content-Type: application/json\r\nContent-Length: " + BODY.length();
                assertThat(other.ask("POST /v1/tasks?wait=5", head, BODY).getFirst())
                        .contains("201");
            }
        }
    }

    /** More of them than there are threads, and each has its answer when the rest has come. */
    @Test
    void bodiesThatDoNotComeKeepNobodyWaiting() throws IOException {
        List<Connection> slow = new ArrayList<>();
        try {
            for (int i = 0; i < 300; i++) {
                slow.add(begun(i % 10 == 0));
            }
            othersAreServed();
            String rest = BODY.substring(20);
            for (int i = 0; i < slow.size(); i++) {
                Connection each = slow.get(i);
                boolean chunked = i % 10 == 0;
                each.send(chunked ? Integer.toHexString(rest.length()) + "\r\n" + rest + "\r\n0\r\n\r\n" : rest);
                assertThat(each.in.readLine()).contains("201");
            }
        } finally {
            for (Connection each : slow) {
                each.close();
            }
        }
    }

    /** Each of unknown length may become as large as a body may be. */
    @Test
    void bodiesThatAreSentAtOnceAreBounded() throws IOException {
        List<Connection> slow = new ArrayList<>();
        String refused = "";
        try {
            while (refused.isEmpty()) {
                Connection next = begun(true);
                slow.add(next);
                next.socket.setSoTimeout(slow.size() < 100 ? 1 : 50);
                try {
                    refused = next.in.readLine();
                } catch (SocketTimeoutException e) {
                    assertThat(slow).as("bodies of 1 MiB at once").hasSizeLessThan(500);
                }
            }
            assertThat(refused).contains("503");
            othersAreServed();
        } finally {
            for (Connection each : slow) {
                each.close();
            }
        }
        await().until(() -> {
            try (Connection next = begun(true)) {
                next.send(Integer.toHexString(BODY.length() - 20) + "\r\n" + BODY.substring(20) + "\r\n0\r\n\r\n");
                return next.in.readLine().contains("201");
            }
        });
    }

    /** The client sends nothing before it is told to, and is not told to. */
    @Test
    void aClientThatAsksFirstIsNotToldToSend() throws IOException {
        try (Connection connection = new Connection()) {
            List<String> head = connection.ask(
                    "POST /v1/tasks",
                    "Content-Type: application/json\r\nContent-Length: 300000000\r\nExpect: 100-continue",
                    "");
            assertThat(head.getFirst()).contains("413");
            assertThat(connection.ended()).isTrue();
        }
    }

    @Test
    void aChunkedBodyWithoutEndIsNoOtherThing() throws IOException {
        try (Connection connection = new Connection()) {
            List<String> head = connection.ask("GET /v1/pools", "Transfer-Encoding: chunked", "5\r\nhello\r\n");
            assertThat(head.getFirst()).contains("200");
            assertThat(head).contains("connection: close");
            assertThat(connection.ended()).isTrue();
        }
    }

    @ParameterizedTest
    @CsvSource({
        "POST /v1/tasks, application/json, 201, '{\"callable\":\"echo\",\"args\":[1]}'",
        "POST /v1/tasks, application/json, 400, '{nope'",
        "POST /v1/tasks, text/plain, 415, '{}'",
        "POST /v1/nothing, application/json, 404, '{}'",
        "PUT /v1/tasks, application/json, 405, '{}'",
        "DELETE /v1/tasks/00000000000000000000000000, application/json, 404, '{}'",
        "GET /v1/pools, application/json, 200, '{}'",
    })
    void aSmallBodyCostsNoConnection(String request, String type, String status, String body) throws IOException {
        try (Connection connection = new Connection()) {
            for (int i = 0; i < 3; i++) {
                List<String> head =
                        connection.ask(request, "Content-Type: " + type + "\r\nContent-Length: " + body.length(), body);
                assertThat(head.getFirst()).contains(status);
                assertThat(head).doesNotContain("connection: close");
            }
        }
    }
}
