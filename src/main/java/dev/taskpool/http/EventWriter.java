package dev.taskpool.http;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * How events are written: as server-sent events (WHATWG HTML section 9.2), or as lines of JSON that hold the same. For one
 * thread.
 */
sealed interface EventWriter {
    /** Time without anything after which something that means nothing is sent, so that nobody takes the connection for dead. */
    long HEARTBEAT_MILLIS = 15_000;

    /** Returns the media type. */
    String contentType();

    /** Begins. */
    void begin(OutputStream out) throws IOException;

    /**
     * Writes an event.
     *
     * @param id by which the client can resume behind it; null leaves the last one standing
     * @param data one JSON value
     */
    void event(@Nullable String id, String name, byte[] data, OutputStream out) throws IOException;

    /** Writes something that means nothing; with an id, that nothing of interest was up to there. */
    void heartbeat(@Nullable String id, OutputStream out) throws IOException;

    /** Returns the form that a request asks for: lines where it prefers them or JSON, else server-sent events. */
    static EventWriter of(Exchange exchange) {
        return switch (OutputFormat.of(exchange.header("Accept"))) {
            case LINES, JSON -> new Lines();
            case TEXT, EVENTS -> new ServerSent();
        };
    }

    /** Returns an answer of events. */
    default Answer answer(LiveBody body) {
        return Answer.live(200, contentType(), body)
                .with("Cache-Control", "no-store")
                .with("X-Accel-Buffering", "no")
                .with("X-Content-Type-Options", "nosniff");
    }

    /** Server-sent events. */
    final class ServerSent implements EventWriter {
        private static final byte[] RETRY = ascii("retry: 2000\n\n");
        private static final byte[] HEARTBEAT = ascii(": waiting\n\n");

        @Override
        public String contentType() {
            return "text/event-stream";
        }

        @Override
        public void begin(OutputStream out) throws IOException {
            out.write(RETRY);
        }

        @Override
        public void event(@Nullable String id, String name, byte[] data, OutputStream out) throws IOException {
            out.write(ascii((id == null ? "" : "id: " + id + "\n") + "event: " + name + "\ndata: "));
            out.write(data);
            out.write('\n');
            out.write('\n');
        }

        @Override
        public void heartbeat(@Nullable String id, OutputStream out) throws IOException {
            // An id without data is no event, and the client resumes behind it all the same.
            if (id != null) {
                out.write(ascii("id: " + id + "\n"));
            }
            out.write(HEARTBEAT);
        }

        private static byte[] ascii(String text) {
            return text.getBytes(StandardCharsets.US_ASCII);
        }
    }

    /** Lines of JSON. */
    final class Lines implements EventWriter {
        @Override
        public String contentType() {
            return "application/x-ndjson";
        }

        @Override
        public void begin(OutputStream out) throws IOException {
            out.write('\n');
        }

        @Override
        public void event(@Nullable String id, String name, byte[] data, OutputStream out) throws IOException {
            out.write(JsonOut.bytes(json -> {
                json.writeStartObject();
                json.writeStringField("event", name);
                if (id != null) {
                    json.writeStringField("id", id);
                }
                JsonOut.raw(json, "data", dev.taskpool.model.Json.ofValid(data));
                json.writeEndObject();
            }));
            out.write('\n');
        }

        @Override
        public void heartbeat(@Nullable String id, OutputStream out) throws IOException {
            if (id == null) {
                out.write('\n');
            } else {
                event(id, "heartbeat", "{}".getBytes(StandardCharsets.US_ASCII), out);
            }
        }
    }
}
