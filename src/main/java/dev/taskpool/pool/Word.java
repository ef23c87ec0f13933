package dev.taskpool.pool;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** One word of a command's template: text as it stands, or a placeholder that fills whole arguments. */
sealed interface Word {
    /** Text as it stands. */
    record Literal(String text) implements Word {}

    /**
     * One positional argument.
     *
     * @param fallback what stands there where the argument is missing; null where it must not be
     */
    record Arg(int index, ArgumentType type, @Nullable String fallback) implements Word {}

    /**
     * One keyword argument.
     *
     * @param fallback what stands there where the argument is missing; null where it must not be
     */
    record Kwarg(String name, ArgumentType type, @Nullable String fallback) implements Word {}

    /** All positional arguments, each as an argument of its own. */
    record Spread(ArgumentType type) implements Word {}

    /** What looks like a placeholder; what is not exactly one is a mistake, not text. */
    Pattern LOOKS_LIKE_ONE = Pattern.compile("\\{\\s*(args|kwargs)\\b");

    /** Which argument, {@code :type} and {@code =default}. A type's parentheses may hold anything. */
    Pattern PLACEHOLDER = Pattern.compile(
            "\\{(?:args\\[(\\d{1,4})]|kwargs\\.([A-Za-z_][A-Za-z0-9_-]*)|(args\\.\\.\\.))(?::([a-z]+(?:\\(.*\\))?))?(?:=(.*))?}",
            Pattern.DOTALL);

    /**
     * Reads a word.
     *
     * @throws IllegalArgumentException where a placeholder is misspelt or is only part of the word
     */
    static Word parse(String text) {
        Matcher matcher = PLACEHOLDER.matcher(text);
        if (matcher.matches()) {
            ArgumentType type = ArgumentType.parse(matcher.group(4));
            String fallback = matcher.group(5);
            if (matcher.group(3) != null && fallback != null) {
                throw new IllegalArgumentException("'" + text + "' cannot have a default: {args...} may be none");
            }
            if (matcher.group(1) != null) {
                return new Arg(Integer.parseInt(matcher.group(1)), type, fallback);
            }
            return matcher.group(2) != null ? new Kwarg(matcher.group(2), type, fallback) : new Spread(type);
        }
        if (LOOKS_LIKE_ONE.matcher(text).find()) {
            throw new IllegalArgumentException("'" + text
                    + "' is no placeholder: {args[0]}, {kwargs.name} and {args...} each fill one whole argument, and may have a"
                    + " type and a default as in {kwargs.size:int(1,100)=10}");
        }
        if (text.indexOf('\0') >= 0) {
            throw new IllegalArgumentException("a NUL character cannot be passed to a program");
        }
        return new Literal(text);
    }

    /** Returns the placeholder without type and default, for messages. */
    default String text() {
        return switch (this) {
            case Literal(String text) -> text;
            case Arg(int index, var _, var _) -> "{args[" + index + "]}";
            case Kwarg(String name, var _, var _) -> "{kwargs." + name + "}";
            case Spread _ -> "{args...}";
        };
    }

    /** Returns where the value stands in a submission, as a JSON Pointer; of a spread, where all of them do. */
    default String pointer() {
        return switch (this) {
            case Literal _, Spread _ -> "/args";
            case Arg(int index, var _, var _) -> "/args/" + index;
            case Kwarg(String name, var _, var _) -> "/kwargs/" + name;
        };
    }
}
