package dev.taskpool.output;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Reads one segment, which may be growing: what ends in the middle of a record is there as far as it goes. For one thread.
 *
 * <p>A segment is a version (one byte), then as varints the cap, its number, the position and Unix milliseconds of its
 * beginning and the attempt; then records. A record is, as varints, its length in bytes times two (plus one if an attempt
 * follows), the attempt, the bytes of the other stream that came since the record before, the milliseconds since then
 * (zigzag); then its bytes. A length of zero is where a lost write has left zeros, and counts as the end.
 */
final class SegmentReader implements AutoCloseable {
    static final int VERSION = 1;
    private static final int BUFFER_BYTES = 16 * 1024;
    /** More often in a row than this it is not missed by chance. */
    private static final int MOST_TRIES = 100;

    private static final long END = -1;

    private final RandomAccessFile file;
    private byte[] buffer = new byte[BUFFER_BYTES];
    private long bufferAt;
    private int buffered;
    /** Place in the file of what is read next. */
    private long at;

    private Cap cap = new Cap(0);
    private long index;
    private long firstPosition;

    // Of the next byte.
    private long offset;
    private long position;
    private long millis;
    private int attempt;

    // Of the record that is being read.
    private long recordAt;
    private long payloadAt;
    private int length;
    private int left;

    private SegmentReader(RandomAccessFile file) {
        this.file = file;
    }

    /** Opens a segment; returns null where there is none, or not yet its first bytes. */
    static @Nullable SegmentReader open(Path path) throws IOException {
        RandomAccessFile file = null;
        for (int tries = 1; file == null; tries++) {
            if (!Files.exists(path)) {
                return null;
            }
            try {
                file = new RandomAccessFile(path.toFile(), "r");
            } catch (FileNotFoundException e) {
                // The names of the ring are used again: it may have been looked for between the end of one and the
                // beginning of the next.
                if (tries == MOST_TRIES) {
                    throw e;
                }
            }
        }
        SegmentReader reader = new SegmentReader(file);
        try {
            if (reader.head()) {
                return reader;
            }
        } catch (IOException | RuntimeException e) {
            file.close();
            throw e;
        }
        file.close();
        return null;
    }

    private boolean head() throws IOException {
        int version = next();
        if (version < 0) {
            return false;
        }
        if (version != VERSION) {
            throw new IOException("an output of an unknown version: " + version);
        }
        cap = new Cap(Math.max(0, varint()));
        index = varint();
        firstPosition = varint();
        millis = varint();
        long writer = varint();
        if (writer == END) {
            return false;
        }
        attempt = (int) writer;
        position = firstPosition;
        offset = cap.first(index);
        recordAt = at;
        return true;
    }

    Cap cap() {
        return cap;
    }

    long index() {
        return index;
    }

    long firstPosition() {
        return firstPosition;
    }

    long offset() {
        return offset;
    }

    long position() {
        return position;
    }

    long millis() {
        return millis;
    }

    int attempt() {
        return attempt;
    }

    /** Returns how many bytes of the record are still to be read. */
    int left() {
        return left;
    }

    /** Goes to the next record once the present one is read; returns whether there is one yet. */
    boolean record() throws IOException {
        if (left > 0) {
            return true;
        }
        long begin = at;
        long size = varint();
        long writer = size != END && (size & 1) == 1 ? varint() : attempt;
        long others = writer == END || size <= 1 ? END : varint();
        long pause = others == END ? END : varint();
        if (pause == END) {
            at = begin;
            return false;
        }
        recordAt = begin;
        payloadAt = at;
        length = (int) (size >>> 1);
        left = length;
        attempt = (int) writer;
        position += others;
        millis += (pause >>> 1) ^ -(pause & 1);
        return true;
    }

    /** Reads bytes of the record; returns how many, 0 where there is no more yet. */
    int read(byte[] to, int from, int most) throws IOException {
        int wanted = Math.min(most, left);
        if (wanted == 0 || !fill()) {
            return 0;
        }
        int have = (int) Math.min(wanted, bufferAt + buffered - at);
        System.arraycopy(buffer, (int) (at - bufferAt), to, from, have);
        skip(have);
        return have;
    }

    /** Goes over bytes of the record. */
    void skip(int bytes) {
        at += bytes;
        left -= bytes;
        offset += bytes;
        position += bytes;
    }

    /** Goes to the end, and returns how many bytes of the last record are missing there. One that has none does not count. */
    int toEnd() throws IOException {
        long size = file.length();
        while (true) {
            long position0 = position;
            long millis0 = millis;
            int attempt0 = attempt;
            if (!record()) {
                return 0;
            }
            if (payloadAt >= size) {
                at = recordAt;
                left = 0;
                position = position0;
                millis = millis0;
                attempt = attempt0;
                return 0;
            }
            skip((int) Math.min(left, size - at));
            if (left > 0) {
                return left;
            }
        }
    }

    /** Returns the place in the file where the last record begins. */
    long recordAt() {
        return recordAt;
    }

    /** Returns the place in the file behind what was read. */
    long at() {
        return at;
    }

    /** Returns the length of the last record. */
    int length() {
        return length;
    }

    private long varint() throws IOException {
        long value = 0;
        for (int shift = 0; shift < Long.SIZE; shift += 7) {
            int b = next();
            if (b < 0) {
                return END;
            }
            value |= (long) (b & 0x7f) << shift;
            if (b < 0x80) {
                return value;
            }
        }
        throw new IOException("an output that is no output");
    }

    private int next() throws IOException {
        if (!fill()) {
            return -1;
        }
        return buffer[(int) (at++ - bufferAt)] & 0xff;
    }

    /** Has the byte that is next in the buffer; returns whether there is one. */
    private boolean fill() throws IOException {
        if (at >= bufferAt && at < bufferAt + buffered) {
            return true;
        }
        if (buffer.length == 0) {
            buffer = new byte[BUFFER_BYTES];
        }
        file.seek(at);
        bufferAt = at;
        buffered = Math.max(0, file.read(buffer, 0, BUFFER_BYTES));
        return buffered > 0;
    }

    /** Gives the buffer back until there is something to read. */
    void pause() {
        buffer = new byte[0];
        buffered = 0;
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
