package dev.taskpool.acceptance;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.callable.JsonValues;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.Base64;

/** An answer that is read while it comes. One that is cut off instead of ended is an error. */
public final class Following implements AutoCloseable {
    private final HttpClient client =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final InputStream in;

    /** @param headers pairs of name and value; an empty value is left out */
    public Following(int port, String path, String... headers) {
        this(HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path)), headers);
    }

    /** One whose request has a body. */
    public static Following post(int port, String path, String body, String... headers) {
        return new Following(
                HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
                        .header("Content-Type", "application/json")
                        .POST(HttpRequest.BodyPublishers.ofString(body)),
                headers);
    }

    private Following(HttpRequest.Builder request, String... headers) {
        for (int i = 0; i < headers.length; i += 2) {
            if (!headers[i + 1].isEmpty()) {
                request.header(headers[i], headers[i + 1]);
            }
        }
        try {
            HttpResponse<InputStream> answer = client.send(request.build(), HttpResponse.BodyHandlers.ofInputStream());
            if (answer.statusCode() != 200) {
                throw new AssertionError(new String(answer.body().readAllBytes(), StandardCharsets.UTF_8));
            }
            in = new BufferedInputStream(answer.body());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** A server-sent event. */
    public record Event(String name, String id, String data) {
        public JsonNode json() {
            try {
                return JsonValues.mapper().readTree(data);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        public String text() {
            return json().path("text").asText();
        }

        public byte[] bytes() {
            return json().has("base64")
                    ? Base64.getDecoder().decode(json().path("base64").asText())
                    : text().getBytes(StandardCharsets.UTF_8);
        }
    }

    /** Returns the next line without its end. */
    public String line() {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        try {
            for (int b = in.read(); b != '\n'; b = in.read()) {
                if (b < 0) {
                    throw new AssertionError("ended after '" + line.toString(StandardCharsets.UTF_8) + "'");
                }
                line.write(b);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return line.toString(StandardCharsets.UTF_8);
    }

    /** Returns the next event; comments are passed over. */
    public Event event() {
        String name = "message";
        String id = "";
        String data = "";
        while (true) {
            String line = line();
            if (line.startsWith("event: ")) {
                name = line.substring(7);
            } else if (line.startsWith("id: ")) {
                id = line.substring(4);
            } else if (line.startsWith("data: ")) {
                data = line.substring(6);
            } else if (line.isEmpty() && !data.isEmpty()) {
                return new Event(name, id, data);
            }
        }
    }

    /** Returns what comes up to the proper end. */
    public String rest() {
        try {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        client.shutdownNow();
    }
}
