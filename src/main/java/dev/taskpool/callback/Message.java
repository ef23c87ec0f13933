package dev.taskpool.callback;

import dev.taskpool.model.Callback;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a receiver gets: the end of a task or a batch as a CloudEvent 1.0 in structured mode, with the headers of Standard Webhooks 1.0.
 * Event and webhook have the same id, which stays through all tries.
 */
final class Message {
    static final String CONTENT_TYPE = "application/cloudevents+json; charset=utf-8";

    private final String url;
    private final Map<String, String> headers;
    private final byte[] body;

    private Message(String url, Map<String, String> headers, byte[] body) {
        this.url = url;
        this.headers = headers;
        this.body = body;
    }

    String url() {
        return url;
    }

    Map<String, String> headers() {
        return headers;
    }

    /** Returns JSON; not copied. */
    byte[] body() {
        return body;
    }

    static Message of(Told told, Callback callback, List<Signature> signatures, long nowMillis) {
        String id = callback.messageId(told.subject());
        byte[] data = told.json().get();
        // Nothing of this needs escaping: ids, words and instants.
        byte[] head = ("{\"specversion\":\"1.0\",\"id\":\"" + id
                        + "\",\"source\":\"" + told.source()
                        + "\",\"type\":\"" + told.type()
                        + "\",\"subject\":\"" + told.subject()
                        + "\",\"time\":\"" + Instant.ofEpochMilli(told.finishedAt())
                        + "\",\"datacontenttype\":\"application/json\",\"data\":")
                .getBytes(StandardCharsets.UTF_8);
        byte[] body = new byte[head.length + data.length + 1];
        System.arraycopy(head, 0, body, 0, head.length);
        System.arraycopy(data, 0, body, head.length, data.length);
        body[body.length - 1] = '}';
        long seconds = nowMillis / 1000;
        Map<String, String> headers = new TreeMap<>();
        headers.put("webhook-id", id);
        headers.put("webhook-timestamp", Long.toString(seconds));
        if (!signatures.isEmpty()) {
            headers.put(
                    "webhook-signature",
                    String.join(
                            " ",
                            signatures.stream()
                                    .map(s -> s.of(id, seconds, body))
                                    .toList()));
        }
        return new Message(callback.wish().url(), headers, body);
    }
}
