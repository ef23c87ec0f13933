package dev.taskpool.callable;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamWriteConstraints;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.taskpool.model.Json;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Between JSON as text and JSON as values, without losing a digit or a character. Safe for all threads. */
public final class JsonValues {
    /** Text was checked for size where it came in: here no value may fail for being long. */
    private static final JsonFactory FACTORY = JsonFactory.builder()
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNumberLength(Integer.MAX_VALUE)
                    .maxStringLength(Integer.MAX_VALUE)
                    .maxNestingDepth(2_000)
                    .build())
            .streamWriteConstraints(
                    StreamWriteConstraints.builder().maxNestingDepth(2_000).build())
            .build();

    private static final ObjectMapper MAPPER = JsonMapper.builder(FACTORY)
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES)
            .disable(SerializationFeature.FAIL_ON_EMPTY_BEANS)
            // A NaN is no JSON: refused where it is written, instead of becoming a string.
            .disable(JsonWriteFeature.WRITE_NAN_AS_STRINGS)
            .build();

    private JsonValues() {}

    /** Returns the mapper that keeps every digit. Not to be reconfigured. */
    public static ObjectMapper mapper() {
        return MAPPER;
    }

    /** Returns the elements of a JSON array; none for null. */
    public static List<JsonNode> list(@Nullable Json array) {
        if (array == null) {
            return List.of();
        }
        List<JsonNode> out = new ArrayList<>();
        tree(array).forEach(out::add);
        return out;
    }

    /** Returns the members of a JSON object in order; none for null. */
    public static Map<String, JsonNode> map(@Nullable Json object) {
        if (object == null) {
            return Map.of();
        }
        Map<String, JsonNode> out = new LinkedHashMap<>();
        tree(object).properties().forEach(e -> out.put(e.getKey(), e.getValue()));
        return out;
    }

    /** Returns the value of text that is known to be JSON. */
    public static JsonNode tree(Json json) {
        try {
            return MAPPER.readTree(json.utf8());
        } catch (IOException e) {
            throw new IllegalStateException("not JSON after all", e);
        }
    }

    /**
     * Returns what a callable returned as JSON.
     *
     * @throws JsonProcessingException where it is no JSON: NaN, a cycle, an object that cannot be written
     */
    public static Json json(@Nullable Object value) throws JsonProcessingException {
        if (value == null) {
            return Json.NULL;
        }
        byte[] utf8;
        try {
            utf8 = MAPPER.writeValueAsBytes(value);
        } catch (JsonProcessingException e) {
            if (!String.valueOf(e.getOriginalMessage()).contains("surrogate")) {
                throw e;
            }
            // Half a surrogate pair is legal in JSON as an escape, and has no UTF-8: write escapes.
            utf8 = MAPPER.writer().with(JsonWriteFeature.ESCAPE_NON_ASCII).writeValueAsBytes(value);
        }
        if (hasNonNumber(value)) {
            throw new JsonMappingException(null, "NaN and infinity are not JSON");
        }
        return Json.ofValid(utf8);
    }

    /**
     * Returns bytes from outside as JSON, without the white space around it.
     *
     * @throws JsonProcessingException where they are not exactly one JSON value in UTF-8
     */
    public static Json checked(byte[] bytes) throws JsonProcessingException {
        String text;
        try {
            // As text first: given bytes, Jackson would guess at UTF-16 and UTF-32, and not look at each string.
            text = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
        } catch (CharacterCodingException e) {
            throw new JsonMappingException(null, "not UTF-8", e);
        }
        try (JsonParser parser = FACTORY.createParser(text)) {
            JsonToken first = parser.nextToken();
            parser.skipChildren();
            if (first == null || parser.nextToken() != null) {
                throw new JsonMappingException(null, first == null ? "it is empty" : "there is more than one value");
            }
        } catch (JsonProcessingException e) {
            throw e;
        } catch (IOException e) {
            throw new IllegalStateException("text cannot fail to be read", e);
        }
        String stripped = text.strip();
        return Json.ofValid(stripped.length() == text.length() ? bytes : stripped.getBytes(StandardCharsets.UTF_8));
    }

    private static boolean hasNonNumber(Object value) {
        return (value instanceof Double d && !Double.isFinite(d)) || (value instanceof Float f && !Float.isFinite(f));
    }
}
