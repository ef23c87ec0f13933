package dev.taskpool.model;

import java.util.Arrays;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * A file that a submission brings along: it is in the folder of a command before the program starts.
 *
 * @param name relative to that folder, as {@link #NAMES} has it
 * @param content its bytes; not copied, not to be changed
 */
@SuppressWarnings("ArrayRecordComponent") // compared by content, below
public record InputFile(String name, byte[] content) {
    /** Characters of a name, folders included. */
    public static final int MAX_NAME = 255;

    /**
     * Up to eight parts of letters, digits, {@code .}, {@code _} and {@code -}, each first a letter, a digit or {@code _}. So there is no way out of the folder, no
     * name that a program's glob would turn into an option, and none that a program reads unasked, as {@code .gitconfig} in its home.
     */
    public static final Pattern NAMES =
            Pattern.compile("[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*){0,7}");

    public InputFile {
        problem(name).ifPresent(wrong -> {
            throw new IllegalArgumentException("the name of a file " + wrong);
        });
    }

    /** Says what is wrong with a name, to stand behind what it is; nothing where it will do. */
    public static Optional<String> problem(String name) {
        if (name.isEmpty() || name.length() > MAX_NAME) {
            return Optional.of("must have 1 to " + MAX_NAME + " characters, has " + name.length());
        }
        if (!NAMES.matcher(name).matches()) {
            return Optional.of(
                    "must be a relative path of at most 8 parts of letters, digits, '.', '_' and '-', each first a letter,"
                            + " a digit or '_', is '" + shown(name) + "'");
        }
        return Optional.empty();
    }

    /** Control characters are not repeated to whoever reads a log. */
    private static String shown(String name) {
        String text = name.length() <= 80 ? name : name.substring(0, 80) + "…";
        return text.replaceAll("\\p{Cntrl}", "?");
    }

    /** Returns the size in bytes. */
    public int size() {
        return content.length;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof InputFile(String named, byte[] bytes)
                && named.equals(name)
                && Arrays.equals(bytes, content);
    }

    @Override
    public int hashCode() {
        return 31 * name.hashCode() + Arrays.hashCode(content);
    }

    @Override
    public String toString() {
        return name + " (" + content.length + " bytes)";
    }
}
