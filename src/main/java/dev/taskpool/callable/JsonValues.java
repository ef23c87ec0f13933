package dev.taskpool.callable;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.StreamWriteConstraints;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.core.util.JsonGeneratorDelegate;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.deser.std.StdDeserializer;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.NullNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.taskpool.model.Json;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.math.BigDecimal;
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
            // The usual way takes time with the square of the digits: 20 s for a million.
            .enable(StreamReadFeature.USE_FAST_BIG_NUMBER_PARSER)
            // A character beyond the first plane as its four bytes, not as two escapes.
            .enable(JsonWriteFeature.COMBINE_UNICODE_SURROGATES_IN_UTF8)
            .build();

    private static final ObjectMapper MAPPER = JsonMapper.builder(FACTORY)
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES)
            .disable(SerializationFeature.FAIL_ON_EMPTY_BEANS)
            .addModule(new SimpleModule().addDeserializer(JsonNode.class, new Trees()))
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
        try {
            return Json.ofValid(written(value, false));
        } catch (JsonProcessingException e) {
            if (!String.valueOf(e.getOriginalMessage()).contains("surrogate")) {
                throw e;
            }
            // Half a surrogate pair is legal in JSON as an escape, and has no UTF-8: write escapes.
            return Json.ofValid(written(value, true));
        }
    }

    /** Trees as Jackson makes them, but that -0.0 keeps its sign: it becomes a double, as no BigDecimal has a negative zero. */
    private static final class Trees extends StdDeserializer<JsonNode> {
        private static final long serialVersionUID = 1;

        Trees() {
            super(JsonNode.class);
        }

        @Override
        public JsonNode getNullValue(DeserializationContext context) {
            return NullNode.getInstance();
        }

        @Override
        public JsonNode deserialize(JsonParser parser, DeserializationContext context) throws IOException {
            JsonNodeFactory nodes = context.getNodeFactory();
            return switch (parser.currentToken()) {
                case START_OBJECT -> {
                    ObjectNode object = nodes.objectNode();
                    while (parser.nextToken() != JsonToken.END_OBJECT) {
                        String name = parser.currentName();
                        parser.nextToken();
                        object.set(name, deserialize(parser, context));
                    }
                    yield object;
                }
                case START_ARRAY -> {
                    ArrayNode array = nodes.arrayNode();
                    while (parser.nextToken() != JsonToken.END_ARRAY) {
                        array.add(deserialize(parser, context));
                    }
                    yield array;
                }
                case VALUE_STRING -> nodes.textNode(parser.getText());
                case VALUE_NUMBER_INT ->
                    switch (parser.getNumberType()) {
                        case INT -> nodes.numberNode(parser.getIntValue());
                        case LONG -> nodes.numberNode(parser.getLongValue());
                        default -> nodes.numberNode(parser.getBigIntegerValue());
                    };
                case VALUE_NUMBER_FLOAT -> {
                    BigDecimal value = parser.getDecimalValue();
                    yield value.signum() == 0 && parser.getText().startsWith("-")
                            ? nodes.numberNode(-0.0)
                            : nodes.numberNode(value);
                }
                case VALUE_TRUE, VALUE_FALSE -> nodes.booleanNode(parser.currentToken() == JsonToken.VALUE_TRUE);
                case VALUE_NULL -> nodes.nullNode();
                default -> (JsonNode) context.handleUnexpectedToken(JsonNode.class, parser);
            };
        }
    }

    private static byte[] written(Object value, boolean ascii) throws JsonProcessingException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (JsonGenerator plain = FACTORY.createGenerator(out)) {
            if (ascii) {
                plain.configure(JsonWriteFeature.ESCAPE_NON_ASCII.mappedFeature(), true);
            }
            MAPPER.writeValue(new FiniteNumbers(plain), value);
            plain.flush();
        } catch (JsonProcessingException e) {
            throw e;
        } catch (IOException e) {
            throw new IllegalStateException("memory cannot fail to be written", e);
        }
        return out.toByteArray();
    }

    /** NaN and infinity are no JSON, wherever they stand: refused instead of written as something else. */
    private static final class FiniteNumbers extends JsonGeneratorDelegate {
        FiniteNumbers(JsonGenerator to) {
            super(to, false);
        }

        @Override
        public void writeNumber(double v) throws IOException {
            if (!Double.isFinite(v)) {
                throw new JsonMappingException(null, v + " is not JSON");
            }
            super.writeNumber(v);
        }

        @Override
        public void writeNumber(float v) throws IOException {
            if (!Float.isFinite(v)) {
                throw new JsonMappingException(null, v + " is not JSON");
            }
            super.writeNumber(v);
        }

        @Override
        public void writeArray(double[] array, int offset, int length) throws IOException {
            writeStartArray(array, length);
            for (int i = offset; i < offset + length; i++) {
                writeNumber(array[i]);
            }
            writeEndArray();
        }
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
}
