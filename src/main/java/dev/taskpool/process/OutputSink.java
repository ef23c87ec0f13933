package dev.taskpool.process;

import java.nio.ByteBuffer;

/**
 * Where a process's output goes. Called by the one thread that reads for all processes, in the order in which the bytes came
 * (each stream's order is exact; between the two it is that of reading), so a sink must not block and must be quick. A sink
 * that has enough ignores the rest: the reader keeps reading, and the process is never stopped for what it prints. A sink that
 * throws is not called again, but is still closed.
 */
public interface OutputSink {
    /** A sink that drops everything. */
    OutputSink DISCARD = (stderr, bytes) -> {};

    /**
     * Some bytes.
     *
     * @param stderr whether they come from standard error
     * @param bytes at least one byte, read-only, valid only during the call
     */
    void write(boolean stderr, ByteBuffer bytes);

    /** No more comes. Called once, before the exit is reported. */
    default void close() {}
}
