package dev.taskpool.http;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What goes back to the client. */
final class Answer {
    static final String JSON = "application/json";
    static final String PROBLEM = "application/problem+json";
    private static final byte[] NOTHING = new byte[0];

    private final int status;
    private final @Nullable String contentType;
    private final byte[] body;
    private final List<Map.Entry<String, String>> headers = new ArrayList<>(4);

    /**
     * @param contentType of the body; null where there is none
     * @param body not copied
     */
    Answer(int status, @Nullable String contentType, byte[] body) {
        this.status = status;
        this.contentType = contentType;
        this.body = body;
    }

    static Answer json(int status, byte[] body) {
        return new Answer(status, JSON, body);
    }

    static Answer empty(int status) {
        return new Answer(status, null, NOTHING);
    }

    /** Adds a header; returns this. */
    Answer with(String name, String value) {
        headers.add(Map.entry(name, value));
        return this;
    }

    int status() {
        return status;
    }

    @Nullable
    String contentType() {
        return contentType;
    }

    byte[] body() {
        return body;
    }

    List<Map.Entry<String, String>> headers() {
        return headers;
    }
}
