package dev.taskpool.pool;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** One word of a command's template: text as it stands, or a placeholder that fills whole arguments. */
sealed interface Word {
    /** Text as it stands. */
    record Literal(String text) implements Word {}

    /** One positional argument. */
    record Arg(int index) implements Word {}

    /** One keyword argument. */
    record Kwarg(String name) implements Word {}

    /** All positional arguments, each as an argument of its own. */
    record Spread() implements Word {}

    /** What looks like a placeholder; what is not exactly one is a mistake, not text. */
    Pattern LOOKS_LIKE_ONE = Pattern.compile("\\{\\s*(args|kwargs)\\b");

    Pattern PLACEHOLDER =
            Pattern.compile("\\{(?:args\\[(\\d{1,4})]|kwargs\\.([A-Za-z_][A-Za-z0-9_-]*)|(args\\.\\.\\.))}");

    /**
     * Reads a word.
     *
     * @throws IllegalArgumentException where a placeholder is misspelt or is only part of the word
     */
    static Word parse(String text) {
        Matcher matcher = PLACEHOLDER.matcher(text);
        if (matcher.matches()) {
            if (matcher.group(1) != null) {
                return new Arg(Integer.parseInt(matcher.group(1)));
            }
            return matcher.group(2) != null ? new Kwarg(matcher.group(2)) : new Spread();
        }
        if (LOOKS_LIKE_ONE.matcher(text).find()) {
            throw new IllegalArgumentException("'" + text
                    + "' is no placeholder: {args[0]}, {kwargs.name} and {args...} each fill one whole argument");
        }
        if (text.indexOf('\0') >= 0) {
            throw new IllegalArgumentException("a NUL character cannot be passed to a program");
        }
        return new Literal(text);
    }

    /** Returns the placeholder as it is written, for messages. */
    default String text() {
        return switch (this) {
            case Literal(String text) -> text;
            case Arg(int index) -> "{args[" + index + "]}";
            case Kwarg(String name) -> "{kwargs." + name + "}";
            case Spread() -> "{args...}";
        };
    }
}
