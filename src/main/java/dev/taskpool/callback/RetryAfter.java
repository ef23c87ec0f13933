package dev.taskpool.callback;

import java.time.DateTimeException;
import java.time.Instant;
import java.time.format.DateTimeFormatter;
import org.jspecify.annotations.Nullable;

/** Reads {@code Retry-After}: seconds, or an HTTP date (RFC 9110 section 10.2.3). */
final class RetryAfter {
    private RetryAfter() {}

    /**
     * Returns the time asked for in milliseconds; 0 where nothing is, or nothing that can be read.
     *
     * @param now Unix milliseconds, which a date is held against
     */
    static long millis(@Nullable String header, long now) {
        if (header == null) {
            return 0;
        }
        String text = header.strip();
        if (text.matches("\\d{1,9}")) {
            return Long.parseLong(text) * 1000;
        }
        try {
            Instant then = DateTimeFormatter.RFC_1123_DATE_TIME.parse(text, Instant::from);
            return Math.max(0, then.toEpochMilli() - now);
        } catch (DateTimeException e) {
            return 0;
        }
    }
}
