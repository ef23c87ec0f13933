package dev.taskpool.callable;

import java.time.Duration;

/**
 * Thrown by a callable that wants to be run again later: what it needs is not there yet. The task is PENDING until then, and no attempt is
 * used. Nothing limits how often, but for the task's deadline.
 */
public final class Snooze extends Exception {
    private static final long serialVersionUID = 1;

    private final Duration delay;

    /** @param delay until the next run, at most 365 days; nothing and less is at once */
    public Snooze(Duration delay) {
        super("asked to be run again in " + delay, null, false, false);
        this.delay = delay;
    }

    /** Returns how long to wait. */
    public Duration delay() {
        return delay;
    }
}
