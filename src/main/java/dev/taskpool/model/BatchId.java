package dev.taskpool.model;

import java.util.Optional;

/**
 * The id of a batch, {@code b_} and 26 characters.
 *
 * @param sequence from the same counter as tasks'
 * @param nonce random
 */
public record BatchId(long sequence, long nonce) implements CallbackSubject {
    /** Returns the id that the text stands for, or nothing where it is no batch id. */
    public static Optional<BatchId> parse(String text) {
        long[] parts = Id.parse('b', text);
        return parts == null ? Optional.empty() : Optional.of(new BatchId(parts[0], parts[1]));
    }

    @Override
    public String toString() {
        return Id.text('b', sequence, nonce);
    }
}
