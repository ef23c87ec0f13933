package dev.taskpool.engine;

import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** What is to happen later, by the monotonic clock. Cancelling removes at once, so ended tasks leave nothing behind. */
final class Timers {
    private final TreeSet<Timer> timers = new TreeSet<>();
    private long count;

    /** Something to happen at an instant. */
    static final class Timer implements Comparable<Timer> {
        private final long atNanos;
        private final long number;
        private final Command command;

        private Timer(long atNanos, long number, Command command) {
            this.atNanos = atNanos;
            this.number = number;
            this.command = command;
        }

        @Override
        public int compareTo(Timer other) {
            // The difference, not the values: the clock's origin is arbitrary and may wrap.
            long difference = atNanos - other.atNanos;
            return difference != 0 ? Long.signum(difference) : Long.compare(number, other.number);
        }

        @Override
        public boolean equals(@Nullable Object other) {
            return this == other;
        }

        @Override
        public int hashCode() {
            return Long.hashCode(number);
        }
    }

    Timer at(long nanos, Command command) {
        Timer timer = new Timer(nanos, count++, command);
        timers.add(timer);
        return timer;
    }

    void cancel(@Nullable Timer timer) {
        if (timer != null) {
            timers.remove(timer);
        }
    }

    /** Returns the next command whose time has come, or null. */
    @Nullable
    Command poll(long nowNanos) {
        if (timers.isEmpty() || timers.first().atNanos - nowNanos > 0) {
            return null;
        }
        Timer first = timers.pollFirst();
        return first == null ? null : first.command;
    }

    /** Returns the time until the next is due, or {@code most} where that is sooner. */
    long untilNext(long nowNanos, long most) {
        return timers.isEmpty() ? most : Math.min(most, Math.max(0, timers.first().atNanos - nowNanos));
    }
}
