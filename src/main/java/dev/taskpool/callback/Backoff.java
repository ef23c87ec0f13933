package dev.taskpool.callback;

import java.time.Duration;
import java.util.random.RandomGenerator;

/**
 * When a callback that failed is tried again: each pause is four times the one before, up to a maximum, and a quarter more or
 * less by chance, so that what failed together does not come again together.
 *
 * @param first pause
 * @param most longest pause
 * @param maxAttempts tries in all
 */
public record Backoff(Duration first, Duration most, int maxAttempts) {
    private static final int FACTOR_BITS = 2;

    /** A receiver that asks for more patience than this gets this much. */
    private static final long MAX_RETRY_AFTER_MILLIS = Duration.ofDays(1).toMillis();

    /** Returns whether there is another try after so many. */
    boolean again(int attempts) {
        return attempts < maxAttempts;
    }

    /**
     * Returns the pause after a try, in milliseconds.
     *
     * @param attempts tries so far, 1 or more
     * @param retryAfterMillis what the receiver asked for; 0 where it did not
     */
    long pauseMillis(int attempts, long retryAfterMillis, RandomGenerator random) {
        int shift = FACTOR_BITS * (attempts - 1);
        long limit = most.toMillis();
        long full = shift < 40 && first.toMillis() <= limit >> shift ? first.toMillis() << shift : limit;
        long pause = full - full / 4 + random.nextLong(full / 2 + 1);
        return Math.max(pause, Math.min(retryAfterMillis, MAX_RETRY_AFTER_MILLIS));
    }
}
