package dev.taskpool.output;

/** A piece of a task's output. */
public sealed interface Entry {
    /** Returns its stream. */
    boolean stderr();

    /** Returns the offset of its first byte in its stream. */
    long offset();

    /** Returns the position of its first byte in both streams together. */
    long position();

    /**
     * Bytes that came without a pause and without bytes of the other stream in between.
     *
     * @param millis when they came, in Unix milliseconds
     * @param attempt that wrote them, from 1
     * @param bytes at least one; not copied
     */
    @SuppressWarnings("ArrayRecordComponent") // handed on once, compared never
    record Chunk(boolean stderr, long offset, long position, long millis, int attempt, byte[] bytes) implements Entry {
        /** Returns the position behind its last byte. */
        public long end() {
            return position + bytes.length;
        }
    }

    /**
     * Bytes of the stream that are not kept. Comes at the place of the first one; those of the other stream that came
     * meanwhile follow.
     *
     * @param bytes how many
     */
    record Dropped(boolean stderr, long offset, long position, long bytes) implements Entry {}
}
