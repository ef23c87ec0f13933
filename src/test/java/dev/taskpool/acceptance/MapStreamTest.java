package dev.taskpool.acceptance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.callable.JsonValues;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Lines in, results out, on one connection. */
class MapStreamTest {
    @TempDir
    static Path data;

    static Started service;
    static Api api;

    @BeforeAll
    static void start() {
        service = new Started(data);
        api = service.api;
    }

    @AfterAll
    static void stop() {
        service.close();
    }

    /** A client that sends and reads when it likes, as none of the JDK does. */
    private static final class Client implements AutoCloseable {
        private final Socket socket;
        private final OutputStream out;
        private final BufferedReader in;
        private boolean headRead;

        Client(String query) {
            try {
                socket = new Socket(InetAddress.getLoopbackAddress(), service.port());
                socket.setSoTimeout(120_000);
                out = socket.getOutputStream();
                in = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
                out.write(("POST /v1/map/stream?" + query + " HTTP/1.1\r\nHost: localhost\r\n"
                                + "Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n")
                        .getBytes(StandardCharsets.US_ASCII));
                out.flush();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        void send(String lines) throws IOException {
            byte[] bytes = lines.getBytes(StandardCharsets.UTF_8);
            out.write((Integer.toHexString(bytes.length) + "\r\n").getBytes(StandardCharsets.US_ASCII));
            out.write(bytes);
            out.write("\r\n".getBytes(StandardCharsets.US_ASCII));
            out.flush();
        }

        void end() throws IOException {
            out.write("0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            out.flush();
        }

        /** The next line of the answer that is JSON, or null behind the last. */
        @Nullable
        JsonNode next() throws IOException {
            try {
                if (!headRead) {
                    headRead = true;
                    assertThat(in.readLine()).isEqualTo("HTTP/1.1 200 OK");
                }
                for (String line = in.readLine(); line != null; line = in.readLine()) {
                    if (line.startsWith("{")) {
                        return JsonValues.mapper().readTree(line);
                    }
                }
            } catch (SocketException cut) {
                return null;
            }
            return null;
        }

        List<JsonNode> all() throws IOException {
            List<JsonNode> all = new ArrayList<>();
            for (JsonNode line = next(); line != null; line = next()) {
                all.add(line);
                if (line.has("end")) {
                    break;
                }
            }
            return all;
        }

        void cut() {
            close();
        }

        @Override
        public void close() {
            try {
                socket.close();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    @Test
    void callableThatThereIsNotIsRefusedBeforeAnyLineIsTaken() {
        Api.Answer refused =
                api.call("POST", "/v1/map/stream?callable=nope", "", "Content-Type", "application/x-ndjson");
        assertThat(refused.status()).isEqualTo(422);
        assertThat(refused.code()).isEqualTo("unknown_callable");
        assertThat(refused.json().at("/errors/0/pointer").asText()).isEqualTo("query:callable");
    }

    private static List<JsonNode> map(String query, String lines) throws IOException {
        try (Client client = new Client(query)) {
            client.send(lines);
            client.end();
            return client.all();
        }
    }

    private static List<Integer> indexes(List<JsonNode> lines) {
        return lines.stream()
                .filter(l -> l.has("index"))
                .map(l -> l.path("index").asInt())
                .toList();
    }

    @Test
    void resultsComeInTheOrderOfTheLines() throws IOException {
        // One line is blank, one ends as on Windows, and the last does not end.
        List<JsonNode> all = map("callable=time.sleep", """
                [0.3,0]
                [0.2,1]

                [0.1,2]\r
                [0,3]""");
        assertThat(all.getFirst().path("batch_id").asText()).startsWith("b_");
        assertThat(indexes(all)).containsExactly(0, 1, 2, 3);
        assertThat(all.subList(1, 5).stream().map(l -> l.path("result").asInt()))
                .containsExactly(0, 1, 2, 3);
        assertThat(all.getLast().path("end").asText()).isEqualTo("complete");
        assertThat(all.getLast().at("/batch/state").asText()).isEqualTo("SUCCEEDED");
    }

    @Test
    void orAsTasksEnd() throws IOException {
        api.put("/v1/pools/m4", "{\"kind\":\"THREAD\",\"max_workers\":4}");
        List<JsonNode> all = map("callable=time.sleep&order=completed&pool=m4", "[1.5,0]\n[0.8,1]\n[0.3,2]\n[0,3]\n");
        assertThat(indexes(all)).containsExactly(3, 2, 1, 0);
    }

    @Test
    void badLineHasItsOwnProblemAndDoesNotEndTheRest() throws IOException {
        String lines = """
                [2,1]
                rubbish
                {"callable":"nope"}
                [2]
                7
                {"pool":"nowhere","args":[1,2]}
                {"callable":"demo.fail"}
                [2,7]
                """;
        List<JsonNode> all = map("callable=math.pow", lines);
        assertThat(indexes(all)).containsExactly(0, 1, 2, 3, 4, 5, 6, 7);
        assertThat(all.subList(2, 7).stream().map(l -> l.at("/problem/code").asText()))
                .containsExactly(
                        "invalid_request", "unknown_callable", "invalid_arguments", "invalid_request", "unknown_pool");
        assertThat(all.get(2).path("line").asInt()).isEqualTo(2);
        assertThat(all.get(7).at("/error/code").asText()).isEqualTo("exception");
        assertThat(all.get(8).path("result").asInt()).isEqualTo(128);
        assertThat(all.getLast().at("/batch/refused").asInt()).isEqualTo(5);
        List<JsonNode> stopped = map("callable=math.pow&stop_on_error=true", lines);
        assertThat(stopped.getLast().path("end").asText()).isEqualTo("refused");
    }

    @Test
    void onlySoManyLinesAreTakenAsResultsAreSent() throws IOException {
        api.put("/v1/pools/slow", "{\"kind\":\"THREAD\",\"max_workers\":1}");
        api.post("/v1/pools/slow/pause", null);
        try (Client client = new Client("callable=noop&pool=slow&buffer_size=3")) {
            String id = String.valueOf(client.next()).replaceAll(".*(b_[a-z0-9]+).*", "$1");
            client.send("[]\n".repeat(10));
            await().untilAsserted(() -> assertThat(
                            api.get("/v1/batches/" + id).json().path("taken").asInt())
                    .isEqualTo(3));
            api.post("/v1/pools/slow/resume", null);
            client.end();
            assertThat(indexes(client.all())).hasSize(10);
            JsonNode batch = api.get("/v1/batches/" + id).json();
            assertThat(batch.path("done").asBoolean()).isTrue();
            assertThat(batch.path("size").asInt()).isEqualTo(10);
            assertThat(api.get("/v1/tasks?limit=4&batch_id=" + id).json().path("items"))
                    .hasSize(4);
        }
    }

    @Test
    void fullQueueSlowsItDownAndNoLineIsLost() throws IOException {
        api.put("/v1/pools/narrow", "{\"kind\":\"THREAD\",\"max_workers\":1,\"queue_capacity\":5}");
        List<JsonNode> all = map("callable=noop&pool=narrow&buffer_size=500", "[]\n".repeat(400));
        assertThat(indexes(all)).hasSize(400).isSorted();
        assertThat(all.getLast().at("/batch/counts/succeeded").asInt()).isEqualTo(400);
    }

    @Test
    void cutConnectionIsPickedUpAgainAndNoLineRunsTwice() throws IOException {
        Random random = new Random();
        long seed = random.nextLong();
        random.setSeed(seed);
        int count = 3_000;
        StringBuilder lines = new StringBuilder();
        for (int i = 0; i < count; i++) {
            lines.append("[").append(i).append("]\n");
        }
        String id = "";
        List<Integer> seen = new ArrayList<>();
        for (int cut = 0; cut < 10; cut++) {
            String query =
                    "callable=identity&buffer_size=200&offset=" + seen.size() + (id.isEmpty() ? "" : "&batch_id=" + id);
            try (Client client = new Client(query)) {
                CompletableFuture<Void> sender = CompletableFuture.runAsync(() -> {
                    try {
                        client.send(lines.toString());
                    } catch (IOException cutOff) {
                        assertThat(cutOff).isNotNull();
                    }
                });
                JsonNode head = client.next();
                id = String.valueOf(head).replaceAll(".*(b_[a-z0-9]+).*", "$1");
                for (int left = random.nextInt(200); left > 0; left--) {
                    seen.add(result(client.next(), seed));
                }
                client.cut();
                sender.join();
            }
        }
        try (Client client = new Client("callable=identity&offset=" + seen.size() + "&batch_id=" + id)) {
            client.send(lines.toString());
            client.end();
            List<JsonNode> rest = client.all();
            for (JsonNode line : rest.subList(1, rest.size() - 1)) {
                seen.add(result(line, seed));
            }
            assertThat(rest.getLast().path("end").asText()).as("seed %d", seed).isEqualTo("complete");
        }
        assertThat(seen).as("seed %d", seed).hasSize(count).isSorted();
        JsonNode batch = api.get("/v1/batches/" + id).json();
        assertThat(batch.path("size").asInt()).as("seed %d", seed).isEqualTo(count);
        // And once more, from the middle, after all is over.
        List<JsonNode> again = map("batch_id=" + id + "&offset=2990", "");
        assertThat(indexes(again)).hasSize(10).startsWith(2990);
    }

    private static int result(@Nullable JsonNode line, long seed) {
        if (line == null) {
            throw new AssertionError("it ended too early; seed " + seed);
        }
        assertThat(line.path("result").asInt()).isEqualTo(line.path("index").asInt());
        return line.path("index").asInt();
    }

    @Test
    void asTasksEndEachResultComesAfterACutAsWell() throws IOException {
        api.put("/v1/pools/pick", "{\"kind\":\"THREAD\",\"max_workers\":2}");
        api.post("/v1/pools/pick/pause", null);
        String id;
        try (Client client = new Client("callable=identity&pool=pick&order=completed")) {
            id = String.valueOf(client.next()).replaceAll(".*(b_[a-z0-9]+).*", "$1");
            client.send("[0]\n[1]\n[2]\n");
            String batch = id;
            await().until(() ->
                    api.get("/v1/batches/" + batch).json().path("taken").asInt() == 3);
        }
        try (Client client =
                new Client("callable=identity&pool=pick&order=completed&batch_id=" + id + "&first_line=3")) {
            client.send("[3]\n");
            client.end();
            assertThat(String.valueOf(client.next())).contains("\"taken\":3");
            api.post("/v1/pools/pick/resume", null);
            List<JsonNode> all = client.all();
            assertThat(new HashSet<>(indexes(all))).isEqualTo(Set.of(0, 1, 2, 3));
            assertThat(indexes(all)).hasSize(4);
        }
        assertThat(api.raw("POST", "/v1/map/stream?first_line=9&batch_id=" + id, null)
                        .status())
                .isEqualTo(409);
    }

    @Test
    void firstFailureEndsIt() throws IOException {
        try (Client client = new Client("callable=demo.fail&cancel_rest_on=FIRST_FAILURE")) {
            client.send("[]\n");
            // The input does not end, and nobody waits for it.
            List<JsonNode> all = client.all();
            assertThat(all.getLast().path("end").asText()).isEqualTo("closed");
            assertThat(all.getLast().at("/batch/state").asText()).isEqualTo("FAILED");
        }
    }
}
