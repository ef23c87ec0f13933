package dev.taskpool.output;

import java.io.FileOutputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Writes one stream of one run behind what earlier runs wrote. Guarded by the lock of its {@link RunOutput}. Writes by
 * {@link FileOutputStream}, which an interrupt of the run cannot close.
 */
final class StreamWriter {
    /** A record's head at its longest, and a segment's before it. */
    private static final int HEADS_BYTES = 96;

    private static final int RECORD_BYTES = 64 * 1024;

    private final StreamFiles files;
    private Cap cap;
    private long total;
    private @Nullable FileOutputStream file;
    private long index = -1;

    // Of the last byte in the present segment: the next record tells only what is different.
    private long position;
    private long millis;
    private int attempt;

    private boolean wrote;
    private boolean failed;
    private long lost;

    /** @param cap of a stream that nothing has been written to */
    StreamWriter(StreamFiles files, Cap cap) {
        this.files = files;
        this.cap = cap;
    }

    /** Goes on behind what is there; returns the position behind that. */
    long resume() throws IOException {
        StreamFiles.End end = files.mended();
        if (end == null) {
            return 0;
        }
        cap = end.cap();
        total = end.total();
        position = end.position();
        millis = end.millis();
        attempt = end.attempt();
        index = total == 0 ? -1 : cap.segment(total - 1);
        return position;
    }

    Extent extent() {
        return new Extent(total, cap);
    }

    /** Returns how many bytes are not kept: those of the middle, and those that the disk refused. */
    long dropped() {
        return cap.dropped(total) + lost;
    }

    /** Returns how many bytes are kept. */
    long kept() {
        return total - cap.dropped(total);
    }

    /**
     * Appends.
     *
     * @param at position of the first byte
     * @return how many bytes count: all, unless the disk refuses
     */
    int write(byte[] bytes, int from, int length, long at, long now, int by) {
        int done = 0;
        try {
            while (done < length && !failed) {
                if (total >= cap.head() && cap.tail() == 0) {
                    total += length - done;
                    return length;
                }
                long segment = cap.segment(total);
                int fits = (int) Math.min(Math.min(length - done, RECORD_BYTES), cap.end(segment) - total);
                record(segment, bytes, from + done, fits, at + done, now, by);
                total += fits;
                done += fits;
            }
        } catch (IOException e) {
            // The rest of this run is dropped: what came later would stand where this should be.
            failed = true;
            cutOff();
        }
        lost += length - done;
        return done;
    }

    private void record(long segment, byte[] bytes, int from, int length, long at, long now, int by)
            throws IOException {
        byte[] out = new byte[HEADS_BYTES + length];
        int end = 0;
        FileOutputStream to = file;
        if (segment != index) {
            to = begin(segment);
            out[end++] = SegmentReader.VERSION;
            end = varint(cap.maxBytes(), out, end);
            end = varint(segment, out, end);
            end = varint(at, out, end);
            end = varint(now, out, end);
            end = varint(by, out, end);
            position = at;
            millis = now;
            attempt = by;
        } else if (to == null) {
            to = new FileOutputStream(files.segment(segment).toFile(), true);
            file = to;
        }
        end = varint(((long) length << 1) | (attempt == by ? 0 : 1), out, end);
        if (attempt != by) {
            end = varint(by, out, end);
        }
        end = varint(at - position, out, end);
        long pause = now - millis;
        end = varint((pause << 1) ^ (pause >> 63), out, end);
        System.arraycopy(bytes, from, out, end, length);
        // In one call: a kill leaves a whole record, or one that is short.
        java.util.Objects.requireNonNull(to).write(out, 0, end + length);
        index = segment;
        position = at + length;
        millis = now;
        attempt = by;
        wrote = true;
    }

    /** Makes the file of a segment in place of that of an earlier one, which who reads it may read to its end. */
    private FileOutputStream begin(long segment) throws IOException {
        closeFile();
        Path path = files.segment(segment);
        Path folder = path.getParent();
        if (segment == 0 && folder != null) {
            Files.createDirectories(folder);
        }
        Files.deleteIfExists(path);
        FileOutputStream to = new FileOutputStream(path.toFile(), false);
        file = to;
        return to;
    }

    /** Takes back what a failed write has left. */
    private void cutOff() {
        try {
            closeFile();
            files.mended();
        } catch (IOException e) {
            // The disk refuses that as well; readers take what is there as far as it goes.
            wrote = true;
        }
    }

    /** Ends it, and makes it survive the loss of power where that is wanted. */
    void close(boolean sync) {
        try {
            closeFile();
            if (sync && wrote) {
                for (Path path : files.present(cap, total)) {
                    try (RandomAccessFile each = new RandomAccessFile(path.toFile(), "rw")) {
                        each.getFD().sync();
                    }
                }
            }
        } catch (IOException e) {
            failed = true;
        }
    }

    /** Lets it take no more. */
    void refuse() {
        failed = true;
    }

    /** Returns whether it could not be written as it should. */
    boolean failed() {
        return failed;
    }

    private void closeFile() throws IOException {
        FileOutputStream open = file;
        file = null;
        if (open != null) {
            open.close();
        }
    }

    private static int varint(long value, byte[] out, int at) {
        long rest = value;
        int next = at;
        while ((rest & ~0x7fL) != 0) {
            out[next++] = (byte) ((rest & 0x7f) | 0x80);
            rest >>>= 7;
        }
        out[next++] = (byte) rest;
        return next;
    }
}
