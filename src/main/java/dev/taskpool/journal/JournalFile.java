package dev.taskpool.journal;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;

/** An open file of {@link JournalFiles}, for one thread at a time. */
public interface JournalFile extends Closeable {

    /**
     * Writes at a position, perhaps not everything (pwrite(2)).
     *
     * @return how many bytes of {@code source} were taken; its position has moved as far
     */
    int write(ByteBuffer source, long position) throws IOException;

    /**
     * Reads at a position, perhaps less than there is room for (pread(2)).
     *
     * @return how many bytes were read, or -1 at the end of the file
     */
    int read(ByteBuffer target, long position) throws IOException;

    /** Returns when everything written to this file is on the disk, with what is needed to read it back (fdatasync(2)). */
    void force() throws IOException;

    /** {@return the file's length in bytes} */
    long size() throws IOException;

    /** Cuts the file off (ftruncate(2)). */
    void truncate(long size) throws IOException;

    /** Writes all that remains in {@code source}. When it throws, any part of it may have been written. */
    default void writeFully(ByteBuffer source, long position) throws IOException {
        long at = position;
        while (source.hasRemaining()) {
            int written = write(source, at);
            if (written <= 0) {
                throw new IOException("the file took no more bytes at " + at);
            }
            at += written;
        }
    }

    /** Reads until {@code target} is full or the file ends. */
    default void readFully(ByteBuffer target, long position) throws IOException {
        long at = position;
        while (target.hasRemaining()) {
            int read = read(target, at);
            if (read < 0) {
                return;
            }
            at += read;
        }
    }
}
