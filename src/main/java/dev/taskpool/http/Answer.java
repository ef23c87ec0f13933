package dev.taskpool.http;

import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What goes back to the client. */
final class Answer implements Reply {
    static final String JSON = "application/json";
    static final String PROBLEM = "application/problem+json";
    private static final byte[] NOTHING = new byte[0];

    private final int status;
    private final @Nullable String contentType;
    private final byte[] body;
    private final @Nullable InputStream stream;
    private final @Nullable LiveBody live;
    private final List<Map.Entry<String, String>> headers = new ArrayList<>(4);

    private Answer(
            int status,
            @Nullable String contentType,
            byte[] body,
            @Nullable InputStream stream,
            @Nullable LiveBody live) {
        this.live = live;
        this.status = status;
        this.contentType = contentType;
        this.body = body;
        this.stream = stream;
    }

    /**
     * @param contentType of the body; null where there is none
     * @param body not copied
     */
    Answer(int status, @Nullable String contentType, byte[] body) {
        this(status, contentType, body, null, null);
    }

    static Answer json(int status, byte[] body) {
        return new Answer(status, JSON, body);
    }

    static Answer json(int status, JsonOut.Writing writing) {
        return new Answer(status, JSON, JsonOut.bytes(writing));
    }

    static Answer empty(int status) {
        return new Answer(status, null, NOTHING);
    }

    /** A body that is read while it is sent, and closed afterwards. */
    static Answer stream(int status, String contentType, InputStream body) {
        return new Answer(status, contentType, NOTHING, body, null);
    }

    /** A body that is written over time. */
    static Answer live(int status, String contentType, LiveBody body) {
        return new Answer(status, contentType, NOTHING, null, body);
    }

    /** Adds a header; returns this. */
    Answer with(String name, String value) {
        headers.add(Map.entry(name, value));
        return this;
    }

    @Override
    public Answer answer() {
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

    /** Returns the body where it is streamed, or null. */
    @Nullable
    InputStream stream() {
        return stream;
    }

    /** Returns the body where it is written over time, or null. */
    @Nullable
    LiveBody live() {
        return live;
    }

    List<Map.Entry<String, String>> headers() {
        return headers;
    }
}
