package dev.taskpool.engine;

import dev.taskpool.model.Ticker;
import java.util.random.RandomGenerator;

/**
 * Makes ids and end times that only go up, also when the machine's clock goes back. Confined to the engine's thread.
 */
final class Ids {
    private final Ticker ticker;
    private final RandomGenerator random;
    private long last;
    private long lastMicros;

    /**
     * @param last the highest sequence that the store has seen
     * @param lastMicros when a task became done last, in Unix microseconds
     */
    Ids(Ticker ticker, RandomGenerator random, long last, long lastMicros) {
        this.lastMicros = lastMicros;
        this.ticker = ticker;
        this.random = random;
        this.last = last;
    }

    /** Returns the first of so many sequences that follow each other. */
    long sequences(int count) {
        long first = Math.max(last + 1, ticker.millis() << 16);
        last = first + count - 1;
        return first;
    }

    /** Returns the last sequence that was given away. */
    long last() {
        return last;
    }

    long nonce() {
        return random.nextLong();
    }

    /** Returns the last end time that was given away. */
    long lastMicros() {
        return lastMicros;
    }

    /** Returns the present in Unix microseconds, later than all it returned before. */
    long micros() {
        lastMicros = Math.max(lastMicros + 1, ticker.millis() * 1000);
        return lastMicros;
    }
}
