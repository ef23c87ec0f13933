package dev.taskpool.http;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import com.fasterxml.jackson.core.io.JsonEOFException;
import dev.taskpool.model.Json;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads a body strictly and in one pass: unknown and doubled properties, wrong types and values out of range are collected,
 * so that the client learns of all at once. {@code null}, {@code []} and {@code {}} count as absent. Arguments are taken as
 * the bytes that they are. For one thread.
 */
final class JsonIn {
    private static final int MAX_ERRORS = 50;

    /** Makes parsers with the limits of the service. Safe for all threads. */
    static final class Source {
        private final JsonFactory factory;
        private final int maxDepth;

        Source(int maxDepth, int maxBytes) {
            this.maxDepth = maxDepth;
            this.factory = JsonFactory.builder()
                    .streamReadConstraints(StreamReadConstraints.builder()
                            .maxNestingDepth(maxDepth)
                            // The body's size is the limit: an integer may be as long.
                            .maxNumberLength(maxBytes)
                            .maxStringLength(maxBytes)
                            .build())
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
                    .build();
        }

        /**
         * Reads a body that is one object.
         *
         * @throws Problem {@code invalid_request} with everything that is wrong
         */
        void read(byte[] body, String allowed, Reading reading) {
            read(body, allowed, reading, MAX_ERRORS);
        }

        /**
         * As {@link #read(byte[], String, Reading)}.
         *
         * @param maxErrors so many are told; there may be more
         */
        void read(byte[] body, String allowed, Reading reading, int maxErrors) {
            requireUtf8(body);
            try (JsonParser parser = factory.createParser(body)) {
                JsonIn in = new JsonIn(body, parser, maxErrors);
                try {
                    in.document(allowed, reading);
                } catch (JsonProcessingException e) {
                    throw refused(parser, e);
                }
                if (!in.errors.isEmpty()) {
                    throw Problem.fields(ProblemCode.INVALID_REQUEST, in.errors);
                }
            } catch (IOException e) {
                throw new IllegalStateException("bytes cannot fail to be read", e);
            }
        }

        /**
         * Reads a body that is one array, and returns it as its bytes.
         *
         * @throws Problem {@code invalid_request} where it is not, or has more items
         */
        Json array(byte[] body, int maxItems) {
            requireUtf8(body);
            try (JsonParser parser = factory.createParser(body)) {
                try {
                    int items = 0;
                    JsonToken token = parser.nextToken();
                    if (token != JsonToken.START_ARRAY) {
                        throw Problem.field(ProblemCode.INVALID_REQUEST, "", "must be a JSON array or object");
                    }
                    while (parser.nextToken() != JsonToken.END_ARRAY) {
                        items++;
                        parser.skipChildren();
                    }
                    if (items > maxItems) {
                        throw Problem.field(
                                ProblemCode.INVALID_REQUEST, "", "may have " + maxItems + " items, has " + items);
                    }
                    if (parser.nextToken() != null) {
                        throw Problem.field(ProblemCode.INVALID_REQUEST, "", "goes on behind its end");
                    }
                    return Json.ofValid(body);
                } catch (JsonProcessingException e) {
                    throw refused(parser, e);
                }
            } catch (IOException e) {
                throw new IllegalStateException("bytes cannot fail to be read", e);
            }
        }

        private Problem refused(JsonParser parser, JsonProcessingException e) {
            String message = String.valueOf(e.getOriginalMessage());
            if (e instanceof StreamConstraintsException) {
                return Problem.field(
                        ProblemCode.INVALID_REQUEST,
                        "",
                        message.contains("nesting depth")
                                ? "is nested deeper than " + maxDepth + " levels (server.max_json_depth)"
                                : "has a name that is too long");
            }
            if (message.startsWith("Duplicate field")) {
                return Problem.field(
                        ProblemCode.INVALID_REQUEST,
                        parser.getParsingContext().pathAsPointer().toString(),
                        "stands there twice");
            }
            return Problem.field(ProblemCode.INVALID_REQUEST, "", syntax(message, e));
        }

        /** In words of JSON: what the parser could be told to allow is no business of the client's. */
        private static String syntax(String message, JsonProcessingException e) {
            int end = message.indexOf("\n");
            String first = end < 0 ? message : message.substring(0, end);
            if (e instanceof JsonEOFException) {
                first = "it ends too early";
            } else if (first.contains("Feature")) {
                first = first.replaceFirst(":[^:]*Feature.*", "").replaceFirst(" \\(.*Feature.*", "");
            }
            var at = e.getLocation();
            return "is not JSON" + (at == null ? "" : " at line " + at.getLineNr() + ", column " + at.getColumnNr())
                    + ": " + (first.length() > 200 ? first.substring(0, 200) + "…" : first);
        }
    }

    /** Reads the properties of the body. */
    @FunctionalInterface
    interface Reading {
        /** Reads one property, and returns whether there is one of that name. The value is read by the methods of the reader. */
        boolean property(JsonIn in, String name) throws IOException;

        /** Hears of an empty array or object, which counts as absent otherwise. */
        default void empty(String name) {}
    }

    private final byte[] body;
    private final JsonParser parser;
    private final List<Problem.FieldError> errors = new ArrayList<>();

    /** Where the object that is being read stands. */
    private String at = "";

    private String name = "";

    /** Whether the value is a container whose first token is the current one. Its opening is at {@code opened}. */
    private boolean entered;

    private JsonToken opening = JsonToken.NOT_AVAILABLE;
    private int opened;

    private final int maxErrors;

    private JsonIn(byte[] body, JsonParser parser, int maxErrors) {
        this.body = body;
        this.parser = parser;
        this.maxErrors = maxErrors;
    }

    private static void requireUtf8(byte[] body) {
        for (byte b : body) {
            if (b < 0) {
                try {
                    StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(body));
                } catch (CharacterCodingException e) {
                    throw Problem.field(ProblemCode.INVALID_REQUEST, "", "is not UTF-8");
                }
                return;
            }
        }
    }

    private void document(String allowed, Reading reading) throws IOException {
        JsonToken first = parser.nextToken();
        if (first == null) {
            throw Problem.field(ProblemCode.INVALID_REQUEST, "", "is empty; a JSON object is expected");
        }
        if (first != JsonToken.START_OBJECT) {
            throw Problem.field(ProblemCode.INVALID_REQUEST, "", "must be a JSON object");
        }
        parser.nextToken();
        properties(allowed, reading);
        if (parser.nextToken() != null) {
            throw Problem.field(ProblemCode.INVALID_REQUEST, "", "goes on behind its end");
        }
    }

    /** The current token is the first name of an object, or its end. Ends at its end. */
    private void properties(String allowed, Reading reading) throws IOException {
        while (parser.currentToken() == JsonToken.FIELD_NAME) {
            name = parser.currentName();
            JsonToken value = parser.nextToken();
            entered = false;
            opening = value;
            if (value == JsonToken.START_ARRAY || value == JsonToken.START_OBJECT) {
                opened = (int) parser.currentLocation().getByteOffset() - 1;
                entered = !parser.nextToken().isStructEnd();
                if (!entered) {
                    reading.empty(name);
                    absent(allowed);
                    continue;
                }
            } else if (value == JsonToken.VALUE_NULL) {
                absent(allowed);
                continue;
            }
            String mine = name;
            if (!reading.property(this, mine)) {
                name = mine;
                unknown(allowed);
                skip();
            }
            parser.nextToken();
        }
    }

    /** A name that nobody knows is wrong without a value, too. */
    private void absent(String allowed) throws IOException {
        if (!(", " + allowed + ",").contains(", " + name + ",")) {
            unknown(allowed);
        }
        parser.nextToken();
    }

    private void unknown(String allowed) {
        error("is not known; there are " + allowed);
    }

    /** Notes that the current property is wrong. */
    void error(String detail) {
        if (errors.size() < maxErrors) {
            errors.add(new Problem.FieldError(at + "/" + escaped(name), detail));
        }
    }

    /** Notes that the object as a whole is wrong. */
    void missing(String property) {
        error(property, "is required");
    }

    /** Notes that a property of the object is wrong, whether it stands there or not. */
    void error(String property, String detail) {
        if (errors.size() < maxErrors) {
            errors.add(new Problem.FieldError(at + "/" + property, detail));
        }
    }

    private static String escaped(String name) {
        return Exchange.shortened(name).replace("~", "~0").replace("/", "~1");
    }

    /** Leaves the current value behind, whatever it is. */
    private void skip() throws IOException {
        if (entered) {
            while (!parser.currentToken().isStructEnd()) {
                parser.skipChildren();
                parser.nextToken();
            }
        }
    }

    private void wrongType(String expected) throws IOException {
        error("must be " + expected + ", is " + described());
        skip();
    }

    private String described() throws IOException {
        return switch (opening) {
            case START_ARRAY -> "an array";
            case START_OBJECT -> "an object";
            case VALUE_STRING -> "the string '" + Exchange.shortened(parser.getText()) + "'";
            default -> Exchange.shortened(parser.getText());
        };
    }

    /** Returns a string, or null where it is none. */
    @Nullable
    String string(int minLength, int maxLength) throws IOException {
        if (opening != JsonToken.VALUE_STRING) {
            wrongType("a string");
            return null;
        }
        String value = parser.getText();
        int length = value.codePointCount(0, value.length());
        if (length < minLength || length > maxLength) {
            error("must have " + minLength + " to " + maxLength + " characters, has " + length);
            return null;
        }
        return value;
    }

    /** Returns an integer, or null where it is none or out of range. */
    @Nullable
    Long integer(long min, long max) throws IOException {
        String range =
                max == Long.MAX_VALUE ? "an integer of at least " + min : "an integer from " + min + " to " + max;
        if (opening != JsonToken.VALUE_NUMBER_INT) {
            wrongType(range);
            return null;
        }
        if (parser.getNumberType() != JsonParser.NumberType.BIG_INTEGER) {
            long value = parser.getLongValue();
            if (value >= min && value <= max) {
                return value;
            }
        }
        error("must be " + range + ", is " + Exchange.shortened(parser.getText()));
        return null;
    }

    /** Returns a number, or null where it is none or out of range. */
    @Nullable
    Double decimal(double min, double max) throws IOException {
        String range = "a number from " + min + " to " + max;
        if (opening != JsonToken.VALUE_NUMBER_INT && opening != JsonToken.VALUE_NUMBER_FLOAT) {
            wrongType(range);
            return null;
        }
        double value = parser.getDoubleValue();
        if (value >= min && value <= max) {
            return value;
        }
        error("must be " + range + ", is " + Exchange.shortened(parser.getText()));
        return null;
    }

    /** Reads an object within the object; what is wrong is noted. */
    void nested(String allowed, Reading reading) throws IOException {
        if (opening != JsonToken.START_OBJECT) {
            wrongType("an object");
            return;
        }
        String parent = at;
        String mine = name;
        at = parent + "/" + escaped(mine);
        properties(allowed, reading);
        at = parent;
        name = mine;
    }

    /** Returns a boolean, or null where it is none. */
    @Nullable
    Boolean bool() throws IOException {
        if (opening != JsonToken.VALUE_TRUE && opening != JsonToken.VALUE_FALSE) {
            wrongType("true or false");
            return null;
        }
        return opening == JsonToken.VALUE_TRUE;
    }

    /** Returns one of some words, or null where it is none of them. */
    @Nullable
    String word(List<String> allowed) throws IOException {
        if (opening != JsonToken.VALUE_STRING) {
            wrongType("one of " + String.join(", ", allowed));
            return null;
        }
        String value = parser.getText();
        if (!allowed.contains(value)) {
            error("must be one of " + String.join(", ", allowed) + ", is '" + Exchange.shortened(value) + "'");
            return null;
        }
        return value;
    }

    /** Returns an array as its bytes, or null where it is none. */
    @Nullable
    Json array(int maxItems) throws IOException {
        if (opening != JsonToken.START_ARRAY) {
            wrongType("an array");
            return null;
        }
        int items = 0;
        while (parser.currentToken() != JsonToken.END_ARRAY) {
            items++;
            parser.skipChildren();
            parser.nextToken();
        }
        if (items > maxItems) {
            error("may have " + maxItems + " items, has " + items);
            return null;
        }
        return slice();
    }

    /** Returns an object as its bytes, or null where it is none. */
    @Nullable
    Json object() throws IOException {
        if (opening != JsonToken.START_OBJECT) {
            wrongType("an object");
            return null;
        }
        skip();
        return slice();
    }

    /** Reads an object property by property. */
    void object(String allowed, Reading reading) throws IOException {
        if (opening != JsonToken.START_OBJECT) {
            wrongType("an object");
            return;
        }
        String parent = at;
        String mine = name;
        at = parent + "/" + escaped(mine);
        properties(allowed, reading);
        at = parent;
        name = mine;
    }

    private Json slice() {
        int end = (int) parser.currentLocation().getByteOffset();
        return Json.ofValid(opened == 0 && end == body.length ? body : Arrays.copyOfRange(body, opened, end));
    }

    /** Returns an object of strings, in order; what is wrong is noted. */
    Map<String, String> strings(int maxEntries, int maxName, int maxValue) throws IOException {
        if (opening != JsonToken.START_OBJECT) {
            wrongType("an object of strings");
            return Map.of();
        }
        Map<String, String> all = new LinkedHashMap<>();
        String parent = at;
        at = at + "/" + name;
        while (parser.currentToken() == JsonToken.FIELD_NAME) {
            name = parser.currentName();
            JsonToken value = parser.nextToken();
            if (name.isEmpty() || name.length() > maxName) {
                error("a name must have 1 to " + maxName + " characters, has " + name.length());
                parser.skipChildren();
            } else if (value != JsonToken.VALUE_STRING) {
                error("must be a string");
                parser.skipChildren();
            } else if (parser.getTextLength() > maxValue) {
                error("may have " + maxValue + " characters, has " + parser.getTextLength());
            } else {
                all.put(name, parser.getText());
            }
            parser.nextToken();
        }
        name = at.substring(parent.length() + 1);
        at = parent;
        if (all.size() > maxEntries) {
            error("may have " + maxEntries + " entries, has " + all.size());
        }
        return all;
    }

    /** Returns an array of strings, or null where it is none. */
    @Nullable
    List<String> stringList(int maxItems) throws IOException {
        if (opening != JsonToken.START_ARRAY) {
            wrongType("an array of strings");
            return null;
        }
        List<String> all = new ArrayList<>();
        boolean strings = true;
        while (parser.currentToken() != JsonToken.END_ARRAY) {
            strings &= parser.currentToken() == JsonToken.VALUE_STRING;
            if (strings && all.size() <= maxItems) {
                all.add(parser.getText());
            }
            parser.skipChildren();
            parser.nextToken();
        }
        if (!strings) {
            error("must be an array of strings");
            return null;
        }
        if (all.size() > maxItems) {
            error("may have " + maxItems + " items, has more");
            return null;
        }
        return all;
    }

    /** Returns an array of arrays, each as its bytes, or null where it is none; what is wrong is noted. */
    @Nullable
    List<Json> arrays(int maxItems, int maxEach) throws IOException {
        if (opening != JsonToken.START_ARRAY) {
            wrongType("an array of arrays");
            return null;
        }
        List<Json> all = new ArrayList<>();
        int index = 0;
        while (parser.currentToken() != JsonToken.END_ARRAY) {
            if (parser.currentToken() != JsonToken.START_ARRAY) {
                error("item " + index + " must be an array");
                parser.skipChildren();
            } else {
                int from = (int) parser.currentLocation().getByteOffset() - 1;
                int items = 0;
                while (parser.nextToken() != JsonToken.END_ARRAY) {
                    items++;
                    parser.skipChildren();
                }
                if (items > maxEach) {
                    error("item " + index + " may have " + maxEach + " items, has " + items);
                }
                int end = (int) parser.currentLocation().getByteOffset();
                if (index < maxItems) {
                    all.add(Json.ofValid(Arrays.copyOfRange(body, from, end)));
                }
            }
            index++;
            parser.nextToken();
        }
        if (index > maxItems) {
            error("may have " + maxItems + " items, has " + index);
        }
        return all;
    }

    /** Reads one item of an array of objects. */
    @FunctionalInterface
    interface Item {
        Reading begin(int index);
    }

    /** Reads an array of objects: {@code end} is run behind each, where the reader still stands in it. */
    void objects(int maxItems, String allowed, Item item, Runnable end) throws IOException {
        if (opening != JsonToken.START_ARRAY) {
            wrongType("an array of objects");
            return;
        }
        String parent = at;
        String mine = name;
        int index = 0;
        while (parser.currentToken() != JsonToken.END_ARRAY) {
            at = parent + "/" + mine + "/" + index;
            if (index >= maxItems) {
                parser.skipChildren();
            } else if (parser.currentToken() == JsonToken.START_OBJECT) {
                parser.nextToken();
                properties(allowed, item.begin(index));
                end.run();
            } else {
                if (errors.size() < maxErrors) {
                    errors.add(new Problem.FieldError(at, "must be an object"));
                }
                parser.skipChildren();
            }
            index++;
            parser.nextToken();
        }
        at = parent;
        name = mine;
        if (index > maxItems) {
            error("may have " + maxItems + " items, has " + index);
        }
    }
}
