package dev.taskpool.model;

import org.jspecify.annotations.Nullable;

/**
 * The text form of 128-bit ids: 26 characters of Crockford's base32 in lower case, as ULIDs have it.
 *
 * <p>The upper half ({@code sequence}) is 48 bits of Unix milliseconds and 16 bits that count within one millisecond, so
 * ids sort by creation and are unique within a store. The lower half is random, so ids cannot be guessed.
 */
final class Id {
    private static final char[] DIGITS = "0123456789abcdefghjkmnpqrstvwxyz".toCharArray();
    private static final byte[] VALUES = new byte[128];
    static final int LENGTH = 26;

    static {
        java.util.Arrays.fill(VALUES, (byte) -1);
        for (int i = 0; i < DIGITS.length; i++) {
            VALUES[DIGITS[i]] = (byte) i;
        }
    }

    private Id() {}

    static String text(char prefix, long high, long low) {
        char[] out = new char[2 + LENGTH];
        out[0] = prefix;
        out[1] = '_';
        long h = high;
        long l = low;
        for (int i = out.length - 1; i >= 2; i--) {
            out[i] = DIGITS[(int) (l & 31)];
            l = (l >>> 5) | (h << 59);
            h >>>= 5;
        }
        return new String(out);
    }

    /** Returns high and low, or null where the text is not such an id. */
    static long @Nullable [] parse(char prefix, String text) {
        if (text.length() != 2 + LENGTH || text.charAt(0) != prefix || text.charAt(1) != '_') {
            return null;
        }
        long h = 0;
        long l = 0;
        for (int i = 2; i < text.length(); i++) {
            char c = text.charAt(i);
            int v = c < 128 ? VALUES[c] : -1;
            // 26 digits hold 130 bits: the first may carry three only.
            if (v < 0 || (i == 2 && v > 7)) {
                return null;
            }
            h = (h << 5) | (l >>> 59);
            l = (l << 5) | v;
        }
        return h < 0 ? null : new long[] {h, l};
    }
}
