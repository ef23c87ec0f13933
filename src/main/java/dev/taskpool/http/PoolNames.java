package dev.taskpool.http;

import java.util.regex.Pattern;

/** What a pool may be called. */
final class PoolNames {
    static final String PATTERN = "^[a-z0-9][a-z0-9_-]{0,62}$";
    private static final Pattern COMPILED = Pattern.compile(PATTERN);

    private PoolNames() {}

    static boolean valid(String name) {
        return COMPILED.matcher(name).matches();
    }
}
