package dev.taskpool.pool;

import java.util.concurrent.TimeUnit;

/**
 * How long a worker may be silent that has announced a heartbeat: four times that, at least two seconds. Confined to the keeper of
 * its pool.
 */
final class Silence {
    private static final long LEAST_MILLIS = 2_000;
    /** A service that itself stood still (a suspended machine, a stopped container) hears first what was said meanwhile. */
    private static final long SECOND_LOOK_MILLIS = 250;

    private final long heartbeatMillis;
    private boolean suspected;

    Silence(long heartbeatMillis) {
        this.heartbeatMillis = heartbeatMillis;
    }

    long limitMillis() {
        return Math.max(LEAST_MILLIS, Math.min(Long.MAX_VALUE / 4, heartbeatMillis) * 4);
    }

    /** Returns when to look again, in milliseconds, or 0 where it has been silent for too long. */
    long after(long silentNanos) {
        long left = limitMillis() - TimeUnit.NANOSECONDS.toMillis(silentNanos);
        if (left > 0) {
            suspected = false;
            return left;
        }
        boolean sure = suspected;
        suspected = true;
        return sure ? 0 : SECOND_LOOK_MILLIS;
    }

    String complaint() {
        return "it said nothing for " + limitMillis() + " ms, and had announced a heartbeat every " + heartbeatMillis
                + " ms";
    }
}
