package dev.taskpool.http;

import java.util.regex.Pattern;

/** Ids that callers choose for their tasks. */
final class CallerIds {
    static final String PATTERN = "[A-Za-z0-9][A-Za-z0-9._~:-]{0,127}";
    private static final Pattern VALID = Pattern.compile(PATTERN);

    private CallerIds() {}

    /** Returns whether text may be such an id: none of them looks like one of the service's. */
    static boolean valid(String text) {
        return VALID.matcher(text).matches() && !text.startsWith("t_");
    }
}
