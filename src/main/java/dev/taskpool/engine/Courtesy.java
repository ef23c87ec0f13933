package dev.taskpool.engine;

import dev.taskpool.model.Ticker;

/**
 * Lets others have the processor for a moment, as long as they give it back. Where the others are threads of this program a
 * yield takes microseconds, and what they do meanwhile saves writes and wake-ups. Where they are processes that compute, it
 * takes the time slices of all of them (measured: 2.4 ms at the mean beside two compilers), and a wake-up would have been
 * quicker: then this keeps from it for a while. For one thread.
 */
final class Courtesy {
    private static final long SLOW_NANOS = 1_000_000;
    private static final long FIRST_PAUSE_NANOS = 50_000_000;
    private static final long MAX_PAUSE_NANOS = 2_000_000_000L;

    private final Ticker ticker;
    private long pause = FIRST_PAUSE_NANOS;
    private long notBefore;

    Courtesy(Ticker ticker) {
        this.ticker = ticker;
        this.notBefore = ticker.nanos();
    }

    /** Yields, or returns at once. */
    @SuppressWarnings("ThreadPriorityCheck") // a hint, and only that: nothing depends on what it does
    void giveWay() {
        long begun = ticker.nanos();
        if (begun - notBefore < 0) {
            return;
        }
        Thread.yield();
        long now = ticker.nanos();
        if (now - begun > SLOW_NANOS) {
            notBefore = now + pause;
            pause = Math.min(MAX_PAUSE_NANOS, pause * 2);
        } else {
            pause = Math.max(FIRST_PAUSE_NANOS, pause - pause / 16);
        }
    }
}
