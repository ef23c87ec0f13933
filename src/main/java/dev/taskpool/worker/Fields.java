package dev.taskpool.worker;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import dev.taskpool.callable.JsonValues;
import dev.taskpool.model.Json;
import java.io.IOException;
import java.net.ProtocolException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The members of one object, each as the bytes that it had. */
final class Fields {
    private static final int MAX_DEPTH = 10_000;
    private static final JsonFactory FACTORY = JsonFactory.builder()
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNumberLength(Integer.MAX_VALUE)
                    .maxStringLength(Integer.MAX_VALUE)
                    .maxNestingDepth(MAX_DEPTH)
                    .build())
            .build();

    private final Map<String, Json> members;

    private Fields(Map<String, Json> members) {
        this.members = members;
    }

    static Fields read(byte[] frame) throws IOException {
        if (frame.length < 2 || frame[0] != '{' || frame[1] == 0) { // else it would be taken for UTF-16
            throw new ProtocolException("a frame holds one JSON object and nothing around it");
        }
        Map<String, Json> members = new HashMap<>();
        try (JsonParser parser = FACTORY.createParser(frame)) {
            parser.nextToken();
            for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
                parser.nextToken();
                int from = (int) parser.currentTokenLocation().getByteOffset();
                parser.skipChildren();
                parser.finishToken();
                int to = (int) parser.currentLocation().getByteOffset();
                members.put(name, Json.ofValid(Arrays.copyOfRange(frame, from, to)));
            }
            if (parser.currentToken() != JsonToken.END_OBJECT || parser.nextToken() != null) {
                throw new ProtocolException("a frame holds one JSON object and nothing around it");
            }
        }
        return new Fields(members);
    }

    Json json(String name) throws IOException {
        Json value = members.get(name);
        if (value == null) {
            throw new ProtocolException("the message has no " + name);
        }
        return value;
    }

    /** Returns a member, or null where it is not there, or is null. */
    @Nullable
    Json optionalJson(String name) {
        Json value = members.get(name);
        return value == null || value.equals(Json.NULL) ? null : value;
    }

    /** Whether a member is there and is good UTF-8: the parser skips over strings without looking at each byte. */
    boolean isUtf8(String name) {
        try {
            Json value = members.get(name);
            if (value != null) {
                StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(value.utf8()));
            }
            return value != null;
        } catch (CharacterCodingException e) {
            return false;
        }
    }

    String string(String name) throws IOException {
        String value = optional(name);
        if (value == null) {
            throw new ProtocolException("the message has no " + name);
        }
        return value;
    }

    String string(String name, String otherwise) throws IOException {
        String value = optional(name);
        return value == null ? otherwise : value;
    }

    @Nullable
    String optional(String name) throws IOException {
        Json value = members.get(name);
        if (value == null || value.equals(Json.NULL)) {
            return null;
        }
        if (value.utf8()[0] != '"') {
            throw new ProtocolException(name + " is not a string");
        }
        return isPlain(value.utf8())
                ? new String(value.utf8(), 1, value.size() - 2, StandardCharsets.US_ASCII)
                : JsonValues.mapper().readValue(value.utf8(), String.class);
    }

    /** Types and ids have no escapes, and there are two in each frame: no parser for them. */
    private static boolean isPlain(byte[] string) {
        for (byte each : string) {
            if (each < ' ' || each == '\\') {
                return false;
            }
        }
        return true;
    }

    long integer(String name, long otherwise) throws IOException {
        Json value = optionalJson(name);
        return value == null ? otherwise : JsonValues.mapper().readValue(value.utf8(), long.class);
    }

    double decimal(String name) throws IOException {
        Json value = members.get(name);
        return value == null ? 0 : JsonValues.mapper().readValue(value.utf8(), double.class);
    }
}
