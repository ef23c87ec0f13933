package dev.taskpool.model;

import java.util.List;
import java.util.Set;
import java.util.random.RandomGenerator;

/**
 * When a failed attempt is followed by another, and after how long: exponential backoff with jitter and a cap. How many there may be
 * is the task's {@code maxAttempts}.
 *
 * @param delayMillis before the second attempt, 0 to a day
 * @param factor by which each delay is longer than the one before, 1 to 10
 * @param maxDelayMillis no delay is longer, 0 to a day
 * @param jitter part of the delay that is left to chance, 0 to 1: the delay is between {@code (1 - jitter)} of it and all of it
 * @param on failures that are tried again; empty is those that another attempt may not have
 * @param except failures that are not, whatever {@code on} says
 */
public record RetryPolicy(
        long delayMillis,
        double factor,
        long maxDelayMillis,
        double jitter,
        List<FailureMatch> on,
        List<FailureMatch> except) {

    /** The longest delay. */
    public static final long MAX_DELAY_MILLIS = 86_400_000;

    /** The most words in {@code on} and in {@code except}. */
    public static final int MAX_MATCHES = 32;

    /** Where nothing is said: half a second, doubled up to a minute, half of it left to chance. */
    public static final RetryPolicy DEFAULT = new RetryPolicy(500, 2, 60_000, 0.5, List.of(), List.of());

    /** Failures that another attempt may not have. Others are the same every time. */
    private static final Set<String> USUAL = Set.of(
            FailureCode.EXCEPTION,
            FailureCode.TIMEOUT,
            FailureCode.PROCESS_EXIT,
            FailureCode.PROCESS_SIGNAL,
            FailureCode.WORKER_DIED,
            FailureCode.START_FAILED);

    /** Failures that nothing can make worth another attempt. */
    private static final Set<String> FINAL =
            Set.of(FailureCode.DEADLINE, FailureCode.QUARANTINED, FailureCode.POOL_BROKEN, FailureCode.QUEUE_TIMEOUT);

    /** @throws IllegalArgumentException where a value is out of range */
    public RetryPolicy {
        on = List.copyOf(on);
        except = List.copyOf(except);
        require(delayMillis >= 0 && delayMillis <= MAX_DELAY_MILLIS, "delay", delayMillis);
        require(maxDelayMillis >= 0 && maxDelayMillis <= MAX_DELAY_MILLIS, "max delay", maxDelayMillis);
        require(factor >= 1 && factor <= 10, "factor", factor);
        require(jitter >= 0 && jitter <= 1, "jitter", jitter);
        require(on.size() <= MAX_MATCHES && except.size() <= MAX_MATCHES, "matches", on.size());
    }

    private static void require(boolean fits, String name, Object value) {
        if (!fits) {
            throw new IllegalArgumentException(name + " out of range: " + value);
        }
    }

    /** Returns whether this failure is worth another attempt. */
    public boolean retries(Failure failure) {
        if (FINAL.contains(failure.code()) || except.stream().anyMatch(m -> m.matches(failure))) {
            return false;
        }
        return on.isEmpty() ? USUAL.contains(failure.code()) : on.stream().anyMatch(m -> m.matches(failure));
    }

    /**
     * Returns how long to wait before the next attempt, in milliseconds.
     *
     * @param failures attempts that failed so far, from 1
     */
    public long delayMillis(int failures, RandomGenerator random) {
        double full = Math.min((double) maxDelayMillis, delayMillis * Math.pow(factor, Math.min(failures - 1, 1_000)));
        return Math.round(full * (1 - jitter * random.nextDouble()));
    }
}
