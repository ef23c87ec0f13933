package dev.taskpool.callable;

import java.time.Duration;

/**
 * Thrown by a callable that wants to be run again later: what it needs is not there yet. The task is PENDING until then, and no attempt is
 * used. Nothing limits how often, but for the task's deadline.
 */
public final class Snooze extends Exception {
    private static final long serialVersionUID = 1;

    /** The longest pause. */
    public static final Duration LONGEST = Duration.ofDays(365);

    private final Duration delay;

    /** @param delay until the next run, at most 365 days; nothing and less is at once */
    public Snooze(Duration delay) {
        super("asked to be run again in " + delay, null, false, false);
        this.delay = delay;
    }

    /** Returns how long to wait, in milliseconds: 0 to 365 days. */
    public long delayMillis() {
        return delay.isNegative() ? 0 : delay.compareTo(LONGEST) > 0 ? LONGEST.toMillis() : delay.toMillis();
    }
}
