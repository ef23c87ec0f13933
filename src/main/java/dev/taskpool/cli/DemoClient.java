package dev.taskpool.cli;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.callable.JsonValues;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import org.jspecify.annotations.Nullable;

/** What somebody with curl would do, shown as such. For one thread. */
final class DemoClient implements AutoCloseable {
    private final HttpClient client =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final String base;

    /**
     * An answer.
     *
     * @param text the body
     */
    record Answer(int status, String text) {
        JsonNode json() {
            try {
                return JsonValues.mapper().readTree(text);
            } catch (IOException e) {
                throw new IllegalStateException("not JSON: " + text, e);
            }
        }
    }

    DemoClient(int port) {
        this.base = "http://127.0.0.1:" + port;
    }

    Answer get(String path) {
        return send("GET", path, null);
    }

    Answer post(String path, @Nullable String body) {
        return send("POST", path, body);
    }

    Answer put(String path, String body) {
        return send("PUT", path, body);
    }

    private Answer send(String method, String path, @Nullable String body) {
        String shown = path.contains("?") || path.contains("{") ? "'" + base + path + "'" : base + path;
        System.out.println("  $ curl -s " + (method.equals("GET") ? "" : "-X " + method + " ") + shown
                + (body == null ? "" : " -H 'Content-Type: application/json' -d '" + body + "'"));
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(base + path))
                .method(
                        method,
                        body == null ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofString(body));
        if (body != null) {
            request.header("Content-Type", "application/json");
        }
        try {
            HttpResponse<String> response = client.send(request.build(), HttpResponse.BodyHandlers.ofString());
            String text = response.body().strip();
            System.out.println(
                    "    " + response.statusCode() + " " + (text.length() > 400 ? text.substring(0, 400) + "…" : text));
            return new Answer(response.statusCode(), text);
        } catch (IOException e) {
            throw new IllegalStateException(method + " " + path + " got no answer: " + e, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted", e);
        }
    }

    @Override
    public void close() {
        client.close();
    }
}
