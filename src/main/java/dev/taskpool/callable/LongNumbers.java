package dev.taskpool.callable;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.model.Json;
import dev.taskpool.model.Problem;
import java.io.IOException;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Numbers that are too long for what a schema does with them. To hold a number of a million digits against a minimum takes the validator (networknt 2.0.4)
 * minutes, and to see whether one with as many decimals is an integer takes it seconds. Numbers that no keyword looks at may be as long as they like. Immutable.
 *
 * @param any whether a keyword compares numbers: {@code minimum}, {@code multipleOf}, …
 * @param fractions whether a keyword asks if a number is an integer
 */
record LongNumbers(boolean any, boolean fractions) {
    /** Characters of a number that is compared; a double has 17 digits. */
    static final int MAX_CHARACTERS = 1_000;

    /** Digits of its exponent. */
    private static final int MAX_EXPONENT_DIGITS = 4;

    private static final Set<String> COMPARING =
            Set.of("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf");

    /** Looks at what a schema does with numbers. */
    static LongNumbers in(JsonNode schema) {
        boolean any = false;
        boolean fractions = false;
        for (Map.Entry<String, JsonNode> each : schema.properties()) {
            JsonNode value = each.getValue();
            // A property of such a name has a schema, and no number.
            any |= switch (each.getKey()) {
                case "enum", "const" -> hasNumber(value);
                default -> COMPARING.contains(each.getKey()) && value.isNumber();
            };
            fractions |= each.getKey().equals("type") && value.toString().contains("\"integer\"");
        }
        for (JsonNode below : schema) {
            LongNumbers found = in(below);
            any |= found.any;
            fractions |= found.fractions;
        }
        return new LongNumbers(any, fractions);
    }

    private static boolean hasNumber(JsonNode value) {
        if (value.isNumber()) {
            return true;
        }
        for (JsonNode below : value) {
            if (hasNumber(below)) {
                return true;
            }
        }
        return false;
    }

    /** Returns what is wrong with arguments, with a pointer into {@code {"args": […], "kwargs": {…}}}; nothing where all will do. */
    Optional<Problem.FieldError> problem(@Nullable Json args, @Nullable Json kwargs) {
        if (!any && !fractions) {
            return Optional.empty();
        }
        return problem("/args", args).or(() -> problem("/kwargs", kwargs));
    }

    private Optional<Problem.FieldError> problem(String pointer, @Nullable Json json) {
        if (json == null) {
            return Optional.empty();
        }
        try (JsonParser parser = JsonValues.mapper().createParser(json.utf8())) {
            for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
                boolean fraction = token == JsonToken.VALUE_NUMBER_FLOAT;
                if ((fraction || (any && token == JsonToken.VALUE_NUMBER_INT)) && tooLong(parser)) {
                    return Optional.of(new Problem.FieldError(
                            pointer + parser.getParsingContext().pathAsPointer(),
                            "has " + parser.getTextLength()
                                    + " characters; a number that the callable's schema looks at may"
                                    + " have " + MAX_CHARACTERS + ", and " + MAX_EXPONENT_DIGITS
                                    + " digits in its exponent"));
                }
            }
            return Optional.empty();
        } catch (IOException e) {
            throw new IllegalStateException("not JSON after all", e);
        }
    }

    private static boolean tooLong(JsonParser parser) throws IOException {
        if (parser.getTextLength() > MAX_CHARACTERS) {
            return true;
        }
        String text = parser.getText();
        int exponent = Math.max(text.indexOf('e'), text.indexOf('E'));
        return exponent >= 0
                && text.substring(exponent + 1).replaceFirst("^[+-]?0*", "").length() > MAX_EXPONENT_DIGITS;
    }
}
