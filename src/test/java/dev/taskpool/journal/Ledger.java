package dev.taskpool.journal;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.LoggerFactory;

/**
 * A client of the journal together with its database, which checks at each opening that it gets what it was promised: every frame
 * that was acknowledged or delivered before, none that was refused, and of the unknown ones all or nothing.
 */
final class Ledger {
    static {
        // Thousands of injected faults would be logged.
        ((Logger) LoggerFactory.getLogger(Ledger.class.getPackageName())).setLevel(Level.ERROR);
    }

    private final SimulatedDisk disk;
    private final Random random;
    private Journal.Options options;
    private @Nullable Journal journal;

    /** What the database has; lost by {@link #fallBack} only. */
    private long applied;

    /** What comes behind this the journal was told to keep. */
    private long keepAfter;

    private final TreeMap<Long, byte[]> certain = new TreeMap<>();
    private final TreeMap<Long, List<byte[]>> unknown = new TreeMap<>();
    private int refused;

    Ledger(SimulatedDisk disk, Journal.Options options, Random random) {
        this.disk = disk;
        this.options = options;
        this.random = random;
    }

    Journal journal() {
        return Objects.requireNonNull(journal);
    }

    void options(Journal.Options next) {
        options = next;
    }

    long applied() {
        return applied;
    }

    /** {@return how many appends threw so far} */
    int refused() {
        return refused;
    }

    /** The database is as it was some time ago, but no older than what the journal was told to keep. */
    void fallBack() {
        applied = random.nextLong(keepAfter, applied + 1);
    }

    void open() throws IOException {
        TreeMap<Long, byte[]> delivered = new TreeMap<>();
        Journal opened = Journal.open(
                disk,
                options,
                applied,
                (sequence, payload) -> {
                    assertThat(sequence).isEqualTo(applied + delivered.size() + 1);
                    delivered.put(sequence, bytes(payload));
                },
                random::nextLong);
        journal = opened;
        certain.tailMap(applied, false)
                .forEach((sequence, payload) -> assertThat(delivered.get(sequence))
                        .as("acknowledged frame %d", sequence)
                        .isEqualTo(payload));
        delivered.forEach((sequence, payload) -> {
            if (!certain.containsKey(sequence)) {
                assertThat(unknown.getOrDefault(sequence, List.of()))
                        .as("what may come back as frame %d", sequence)
                        .contains(payload);
            }
        });
        assertThat(opened.lastSequence()).isEqualTo(applied + delivered.size());
        certain.putAll(delivered);
        if (!opened.failed()) {
            unknown.clear();
        }
    }

    /** {@return whether it was acknowledged} */
    boolean append(int payloadBytes) {
        Journal current = journal();
        byte[] payload = new byte[payloadBytes];
        random.nextBytes(payload);
        long expected = current.lastSequence() + 1;
        try {
            assertThat(current.append(ByteBuffer.wrap(payload))).isEqualTo(expected);
            assertThat(current.failed()).isFalse();
            certain.put(expected, payload);
            unknown.clear();
            return true;
        } catch (IOException e) {
            refused++;
            assertThat(current.lastSequence()).isEqualTo(expected - 1);
            if (disk.crashed() || current.failed()) {
                unknown.computeIfAbsent(expected, sequence -> new ArrayList<>()).add(payload);
            } else {
                unknown.clear();
            }
            return false;
        }
    }

    void apply(long upTo) {
        applied = upTo;
        if (options.keptBytes() == 0) {
            journal().release(upTo);
        } else {
            keepAfter = random.nextLong(keepAfter, upTo + 1);
            journal().release(upTo, keepAfter);
        }
        assertThat(journal().bytesHeld()).isNotNegative();
        if (upTo == journal().lastSequence()) {
            assertThat(journal().bytesHeld()).isZero();
        }
    }

    static byte[] bytes(ByteBuffer payload) {
        byte[] bytes = new byte[payload.remaining()];
        payload.get(bytes);
        return bytes;
    }
}
