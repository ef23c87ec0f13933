package dev.taskpool.acceptance;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.callable.JsonValues;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** A client of the tests. What it gets is held against the contract, unless asked {@code raw}. */
public final class Api implements AutoCloseable {
    private final HttpClient client = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofMinutes(1))
            .build();
    private final String base;
    private final @Nullable String token;

    public Api(int port) {
        this(port, null);
    }

    public Api(int port, @Nullable String token) {
        this.base = "http://127.0.0.1:" + port;
        this.token = token;
    }

    /** An answer. */
    public static final class Answer {
        private final int status;
        private final HttpHeaders headers;
        private final byte[] body;

        private Answer(HttpResponse<byte[]> response) {
            this.status = response.statusCode();
            this.headers = response.headers();
            this.body = response.body();
        }

        public int status() {
            return status;
        }

        public byte[] body() {
            return body;
        }

        public JsonNode json() {
            try {
                return JsonValues.mapper().readTree(body);
            } catch (IOException e) {
                throw new IllegalStateException(text(), e);
            }
        }

        public String text() {
            return new String(body, StandardCharsets.UTF_8);
        }

        public String header(String name) {
            return headers.firstValue(name).orElse("");
        }

        /** The code of a problem. */
        public String code() {
            return json().path("code").asText();
        }

        public String id() {
            return json().path("id").asText();
        }

        public String state() {
            return json().path("state").asText();
        }
    }

    public Answer get(String path, String... headers) {
        return call("GET", path, null, headers);
    }

    public Answer post(String path, @Nullable String body, String... headers) {
        return call("POST", path, body, headers);
    }

    public Answer put(String path, String body) {
        return call("PUT", path, body);
    }

    public Answer delete(String path) {
        return call("DELETE", path, null);
    }

    public Answer submit(String body) {
        return post("/v1/tasks", body);
    }

    /** Submits and waits for the end. */
    public Answer run(String body) {
        return post("/v1/tasks?wait=55", body);
    }

    public Answer awaitDone(String id) {
        Answer answer = get("/v1/tasks/" + id + "?wait=55");
        if (!answer.json().path("done").asBoolean()) {
            throw new AssertionError("not done: " + answer.text());
        }
        return answer;
    }

    public Answer call(String method, String path, @Nullable String body, String... headers) {
        HttpResponse<byte[]> response = send(method, path, body, headers).join();
        int query = path.indexOf('?');
        Contract.hold(method, query < 0 ? path : path.substring(0, query), response);
        return new Answer(response);
    }

    /** Not held against the contract: for what stands beside it. */
    public Answer raw(String method, String path, @Nullable String body, String... headers) {
        HttpResponse<byte[]> response = send(method, path, body, headers).join();
        return new Answer(response);
    }

    public CompletableFuture<HttpResponse<byte[]>> send(
            String method, String path, @Nullable String body, String... headers) {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(base + path))
                .timeout(Duration.ofMinutes(2))
                .method(
                        method,
                        body == null ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofString(body));
        if (body != null) {
            request.setHeader("Content-Type", "application/json");
        }
        if (token != null) {
            request.setHeader("Authorization", "Bearer " + token);
        }
        for (int i = 0; i < headers.length; i += 2) {
            request.setHeader(headers[i], headers[i + 1]);
        }
        return client.sendAsync(request.build(), HttpResponse.BodyHandlers.ofByteArray());
    }

    @Override
    public void close() {
        client.shutdownNow();
    }
}
