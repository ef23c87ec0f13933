package dev.taskpool.model;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * A JSON value as its UTF-8 text. Arguments and results travel as text, not as parsed numbers, so that integers of any
 * size, decimals and escapes come out as they went in.
 */
public final class Json {
    /** The JSON {@code null}. */
    public static final Json NULL = new Json("null".getBytes(StandardCharsets.US_ASCII));

    private final byte[] utf8;

    private Json(byte[] utf8) {
        this.utf8 = utf8;
    }

    /**
     * Wraps text that is known to be one well-formed JSON value.
     *
     * @param utf8 not copied: the caller gives it away
     */
    public static Json ofValid(byte[] utf8) {
        return new Json(utf8);
    }

    /** Wraps text that is known to be one well-formed JSON value. */
    public static Json ofValid(String text) {
        return new Json(text.getBytes(StandardCharsets.UTF_8));
    }

    /** Returns the text's bytes. Not copied: the caller must not change them. */
    public byte[] utf8() {
        return utf8;
    }

    /** Returns the size in bytes. */
    public int size() {
        return utf8.length;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Json json && Arrays.equals(utf8, json.utf8);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(utf8);
    }

    @Override
    public String toString() {
        return new String(utf8, StandardCharsets.UTF_8);
    }
}
