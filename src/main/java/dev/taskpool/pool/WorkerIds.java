package dev.taskpool.pool;

import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.concurrent.atomic.AtomicLong;

/** Names for the workers of one pool. A name from before a restart names nobody. Safe for all threads. */
final class WorkerIds {
    private final String prefix;
    private final AtomicLong last = new AtomicLong();

    WorkerIds() {
        prefix = "w_" + HexFormat.of().toHexDigits(new SecureRandom().nextInt()) + "_";
    }

    long next() {
        return last.incrementAndGet();
    }

    String text(long number) {
        return prefix + number;
    }
}
