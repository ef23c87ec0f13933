package dev.taskpool.pool;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;

/** What a placeholder of a command takes. Immutable; a value that does not fit is told with the value and what it should be. */
sealed interface ArgumentType {
    /** Any value: strings as they are, others as JSON. What a placeholder without a type takes. */
    record Any() implements ArgumentType {}

    /** A string of so many characters. */
    record Text(int min, int max) implements ArgumentType {}

    /** A whole number, both ends included. */
    record Int(long min, long max) implements ArgumentType {}

    /** A number, both ends included. */
    record Decimal(@Nullable BigDecimal min, @Nullable BigDecimal max) implements ArgumentType {}

    /** One of some strings. */
    record OneOf(List<String> values) implements ArgumentType {}

    /** A string that matches as a whole. */
    record Match(Pattern pattern) implements ArgumentType {}

    /** A UUID in its 36 characters; RFC 9562. */
    record Uuid() implements ArgumentType {}

    /** A path that stays below a folder, through links as well; the program is given it absolute. */
    record Below(Path root) implements ArgumentType {}

    /** Returns what a placeholder without a type takes. */
    static ArgumentType any() {
        return new Any();
    }

    /** As RFC 9562 writes it. */
    Pattern UUID = Pattern.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}");

    /**
     * Reads a type as it stands behind the colon.
     *
     * @param text null for none
     * @throws IllegalArgumentException with a sentence that says what is wrong
     */
    static ArgumentType parse(@Nullable String text) {
        if (text == null) {
            return any();
        }
        int open = text.indexOf('(');
        String name = open < 0 ? text : text.substring(0, open);
        String inside = open < 0 ? "" : text.substring(open + 1, text.length() - 1);
        try {
            return switch (name) {
                case "string" -> {
                    String[] ends = ends(inside, "0", Integer.toString(Integer.MAX_VALUE));
                    yield new Text(Integer.parseInt(ends[0]), Integer.parseInt(ends[1]));
                }
                case "int" -> {
                    String[] ends = ends(inside, Long.toString(Long.MIN_VALUE), Long.toString(Long.MAX_VALUE));
                    yield new Int(Long.parseLong(ends[0]), Long.parseLong(ends[1]));
                }
                case "number" -> {
                    String[] ends = ends(inside, "", "");
                    yield new Decimal(decimal(ends[0]), decimal(ends[1]));
                }
                case "enum" -> {
                    if (inside.isBlank()) {
                        throw new IllegalArgumentException("enum needs its values, as in enum(small,large)");
                    }
                    yield new OneOf(Arrays.asList(inside.split("\\s*,\\s*", -1)));
                }
                case "match" -> new Match(Pattern.compile(inside));
                case "uuid" -> new Uuid();
                case "path" -> {
                    if (!inside.startsWith("/")) {
                        throw new IllegalArgumentException("path needs an absolute folder, as in path(/srv/images)");
                    }
                    yield new Below(Path.of(inside).normalize());
                }
                default ->
                    throw new IllegalArgumentException("there is no type '" + name
                            + "'; there are string, int, number, enum, match, uuid and path");
            };
        } catch (NumberFormatException | PatternSyntaxException e) {
            throw new IllegalArgumentException("'" + text + "' is no type: " + e.getMessage(), e);
        }
    }

    private static String[] ends(String inside, String least, String most) {
        if (inside.isBlank()) {
            return new String[] {least, most};
        }
        String[] ends = inside.split(",", -1);
        if (ends.length != 2) {
            throw new IllegalArgumentException("a range is two ends, as in (1,100) or (1,), not (" + inside + ")");
        }
        String from = ends[0].strip();
        String to = ends[1].strip();
        return new String[] {from.isEmpty() ? least : from, to.isEmpty() ? most : to};
    }

    private static @Nullable BigDecimal decimal(String text) {
        return text.isEmpty() ? null : new BigDecimal(text);
    }

    /**
     * Returns the argument that a value becomes.
     *
     * @throws IllegalArgumentException with what is wrong with it, to stand behind its name
     */
    default String argument(JsonNode value) {
        String text = value.isTextual() ? value.textValue() : value.toString();
        boolean fits = switch (this) {
            case Any() -> true;
            case Text(int min, int max) -> {
                int length = text.codePointCount(0, text.length());
                yield value.isTextual() && length >= min && length <= max;
            }
            case Int(long min, long max) ->
                value.isIntegralNumber()
                        && value.canConvertToLong()
                        && value.longValue() >= min
                        && value.longValue() <= max;
            case Decimal(BigDecimal min, BigDecimal max) ->
                value.isNumber()
                        && (min == null || value.decimalValue().compareTo(min) >= 0)
                        && (max == null || value.decimalValue().compareTo(max) <= 0);
            case OneOf(List<String> values) -> value.isTextual() && values.contains(text);
            case Match(Pattern pattern) ->
                value.isTextual() && pattern.matcher(text).matches();
            case Uuid() -> value.isTextual() && UUID.matcher(text).matches();
            case Below(Path root) -> {
                text = value.isTextual() ? below(root, text) : "";
                yield !text.isEmpty();
            }
        };
        if (!fits) {
            throw new IllegalArgumentException("must be " + expected() + ", is " + shown(value));
        }
        return text;
    }

    private static String shown(JsonNode value) {
        String text = value.toString();
        return text.length() <= 100 ? text : text.substring(0, 100) + "…";
    }

    /** Returns the absolute path, or nothing where it leaves the folder. Links are followed, and looked at again when it runs. */
    private static String below(Path root, String text) {
        try {
            Path path = root.resolve(text).normalize();
            if (!path.startsWith(root)) {
                return "";
            }
            // What is not there yet is made below the last folder that is.
            Path there = path;
            for (Path up = path; up != null && up.startsWith(root); up = up.getParent()) {
                there = up;
                if (Files.exists(up)) {
                    break;
                }
            }
            boolean stays = !Files.exists(there) || there.toRealPath().startsWith(root.toRealPath());
            return stays ? path.toString() : "";
        } catch (InvalidPathException | IOException e) {
            return "";
        }
    }

    /** Says for people what fits. */
    default String expected() {
        return switch (this) {
            case Any() -> "a value";
            case Text(int min, int max) ->
                max == Integer.MAX_VALUE
                        ? min == 0 ? "a string" : "a string of at least " + min + " characters"
                        : "a string of " + min + " to " + max + " characters";
            case Int(long min, long max) ->
                "a whole number" + range(min == Long.MIN_VALUE ? null : min, max == Long.MAX_VALUE ? null : max);
            case Decimal(BigDecimal min, BigDecimal max) -> "a number" + range(min, max);
            case OneOf(List<String> values) -> "one of " + String.join(", ", values);
            case Match(Pattern pattern) -> "a string that matches " + pattern;
            case Uuid() -> "a UUID";
            case Below(Path root) -> "a path below " + root;
        };
    }

    private static String range(@Nullable Object min, @Nullable Object max) {
        if (min == null && max == null) {
            return "";
        }
        return min == null ? " of at most " + max : max == null ? " of at least " + min : " from " + min + " to " + max;
    }

    /** Returns the JSON Schema (2020-12) of what fits, as far as that can say it. */
    default ObjectNode schema() {
        ObjectNode node = JsonNodeFactory.instance.objectNode();
        switch (this) {
            case Any() -> {}
            case Text(int min, int max) -> {
                node.put("type", "string");
                if (min > 0) {
                    node.put("minLength", min);
                }
                if (max < Integer.MAX_VALUE) {
                    node.put("maxLength", max);
                }
            }
            case Int(long min, long max) -> {
                node.put("type", "integer");
                if (min > Long.MIN_VALUE) {
                    node.put("minimum", min);
                }
                if (max < Long.MAX_VALUE) {
                    node.put("maximum", max);
                }
            }
            case Decimal(BigDecimal min, BigDecimal max) -> {
                node.put("type", "number");
                if (min != null) {
                    node.put("minimum", min);
                }
                if (max != null) {
                    node.put("maximum", max);
                }
            }
            case OneOf(List<String> values) ->
                values.forEach(node.put("type", "string").putArray("enum")::add);
            case Match(Pattern pattern) -> node.put("type", "string").put("pattern", "^(?:" + pattern + ")$");
            case Uuid() -> node.put("type", "string").put("format", "uuid");
            case Below _ -> node.put("type", "string").put("description", expected());
        }
        return node;
    }
}
