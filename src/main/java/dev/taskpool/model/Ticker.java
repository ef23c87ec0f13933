package dev.taskpool.model;

/** Where time comes from. Injected, so that a whole engine can run on a simulated clock. */
public interface Ticker {
    /** The machine's clocks. */
    Ticker SYSTEM = new Ticker() {
        @Override
        public long millis() {
            return System.currentTimeMillis();
        }

        @Override
        public long nanos() {
            return System.nanoTime();
        }
    };

    /** Returns Unix milliseconds. May jump. */
    long millis();

    /** Returns nanoseconds of a clock that only goes forward, from an arbitrary origin. */
    long nanos();
}
