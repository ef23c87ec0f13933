package dev.taskpool.model;

import java.util.Optional;

/**
 * The id of a task, {@code t_} and 26 characters. Opaque to clients; sorts by creation.
 *
 * @param sequence unique within a store and ascending in the order of acceptance; not negative
 * @param nonce random, so that ids cannot be guessed
 */
public record TaskId(long sequence, long nonce) implements CallbackSubject, Comparable<TaskId> {
    /** Returns the id that the text stands for, or nothing where it is no task id. */
    public static Optional<TaskId> parse(String text) {
        long[] parts = Id.parse('t', text);
        return parts == null ? Optional.empty() : Optional.of(new TaskId(parts[0], parts[1]));
    }

    @Override
    public int compareTo(TaskId other) {
        return Long.compare(sequence, other.sequence);
    }

    @Override
    public String toString() {
        return Id.text('t', sequence, nonce);
    }
}
