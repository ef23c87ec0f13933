package dev.taskpool.http;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Which bytes a {@code Range} header asks for (RFC 9110 section 14). Several ranges at once are answered with the whole. */
sealed interface ByteRange {
    /** All of it: no header, or one that is not understood. */
    record Whole() implements ByteRange {}

    /**
     * From one byte to another, both included.
     *
     * @param suffix whether so many bytes of the end were asked for
     */
    record Part(long first, long last, boolean suffix) implements ByteRange {}

    /** None of what there is. */
    record None() implements ByteRange {}

    /** One range: first-last, first-, -suffix. */
    Pattern SINGLE = Pattern.compile("bytes=(\\d*)-(\\d*)");

    static ByteRange of(@Nullable String header, long size) {
        if (header == null) {
            return new Whole();
        }
        Matcher one = SINGLE.matcher(header.strip());
        if (!one.matches()) {
            return new Whole();
        }
        String from = one.group(1);
        String to = one.group(2);
        if (from.isEmpty() && to.isEmpty()) {
            return new Whole();
        }
        if (from.isEmpty()) {
            long suffix = Math.min(number(to), size);
            return suffix == 0 ? new None() : new Part(size - suffix, size - 1, true);
        }
        long first = number(from);
        long last = to.isEmpty() ? size - 1 : Math.min(number(to), size - 1);
        if (!to.isEmpty() && number(to) < first) {
            return new Whole();
        }
        return first >= size ? new None() : new Part(first, last, false);
    }

    /** What has more digits than a long is behind every end. */
    private static long number(String digits) {
        String significant = digits.replaceFirst("^0+(?=.)", "");
        return significant.length() > 18 ? Long.MAX_VALUE : Long.parseLong(significant);
    }
}
