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

    /** @param last the highest sequence that the store has seen */
    Ids(Ticker ticker, RandomGenerator random, long last) {
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

    /** Returns the present in Unix microseconds, later than all it returned before. */
    long micros() {
        lastMicros = Math.max(lastMicros + 1, ticker.millis() * 1000);
        return lastMicros;
    }
}
