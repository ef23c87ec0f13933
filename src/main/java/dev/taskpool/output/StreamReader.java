package dev.taskpool.output;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * Reads one stream from the files, also while it is written. Holds one file and a small buffer, however much there is.
 * For one thread.
 */
public final class StreamReader implements AutoCloseable {
    /** What the search for lines begins with. */
    static final int SCAN_BYTES = 64 * 1024;

    private final StreamFiles files;
    private final boolean stderr;
    private Extent extent = Extent.NONE;
    private long offset;
    private @Nullable SegmentReader segment;
    private boolean gone;

    StreamReader(StreamFiles files, boolean stderr) {
        this.files = files;
        this.stderr = stderr;
    }

    /** Lets it read as far as this; to be given again when there is more. */
    public void upTo(Extent there) {
        extent = there;
        gone = false;
    }

    /** Goes to an offset. */
    public void seek(long to) throws IOException {
        offset = to;
        leave();
    }

    /** Goes to where the last lines begin that are there now; 0 is the end. */
    public void seekLines(int lines) throws IOException {
        seek(extent.total());
        if (lines == 0) {
            return;
        }
        byte[] some = new byte[SCAN_BYTES];
        for (long window = SCAN_BYTES; ; window *= 8) {
            long from = Math.max(0, extent.total() - window);
            seek(from);
            LastLines last = new LastLines(lines);
            for (int n = read(some, 0, some.length); n > 0; n = read(some, 0, some.length)) {
                last.see(some, n, offset - n);
            }
            long begin = last.begin(extent.total());
            if (begin >= 0 || from == 0) {
                seek(Math.max(0, begin));
                return;
            }
        }
    }

    /**
     * Goes to the first byte at or behind a position. What is dropped behind it is told of, what is dropped before it is not.
     */
    void seekPosition(long position) throws IOException {
        leave();
        offset = 0;
        if (position == 0) {
            return;
        }
        long newest = files.newest();
        for (long index = newest; index > Math.max(0, newest - Cap.RING); index--) {
            if (seekIn(index, position)) {
                offset = extent.kept(offset);
                return;
            }
        }
        if (seekIn(0, position) && position() < position) {
            offset = extent.kept(offset);
        }
    }

    /** Goes to a position in a segment, or to its end; returns false where it is not there or begins later. */
    private boolean seekIn(long index, long position) throws IOException {
        SegmentReader candidate = files.open(index);
        if (candidate == null) {
            return false;
        }
        if (index > 0 && candidate.firstPosition() > position) {
            candidate.close();
            return false;
        }
        segment = candidate;
        while (candidate.record() && candidate.position() + candidate.left() <= position) {
            candidate.skip(candidate.left());
        }
        candidate.skip((int) Math.min(candidate.left(), Math.max(0, position - candidate.position())));
        offset = candidate.offset();
        return true;
    }

    /** Returns the offset of what is read next. */
    public long offset() {
        return offset;
    }

    /** Returns how many bytes at the offset are dropped. */
    long dropped() {
        return Math.min(extent.kept(offset), extent.total()) - offset;
    }

    /**
     * Returns whether nothing came because a file is not there any more: it was replaced by a later one, which is known once
     * the extent is asked for again, or the task is forgotten.
     */
    public boolean gone() {
        return gone;
    }

    /** Goes over what is dropped, and returns whether there is anything to read now. */
    boolean ready() throws IOException {
        offset = extent.kept(offset);
        while (offset < extent.total()) {
            SegmentReader present = segment;
            if (present == null || present.index() != extent.cap().segment(offset)) {
                leave();
                present = files.open(extent.cap().segment(offset));
                segment = present;
                if (present == null) {
                    gone = true;
                    return false;
                }
            }
            if (!present.record()) {
                gone = true;
                return false;
            }
            if (present.offset() == offset) {
                return true;
            }
            if (present.offset() > offset) {
                leave();
            } else {
                present.skip((int) Math.min(present.left(), offset - present.offset()));
            }
        }
        return false;
    }

    /** Returns the position of what is read next; only where it is ready. */
    long position() {
        SegmentReader present = segment;
        return present == null ? 0 : present.position();
    }

    /**
     * Reads bytes, and goes over what is dropped.
     *
     * @return how many; 0 where there are none now
     */
    public int read(byte[] to, int from, int most) throws IOException {
        if (!ready()) {
            return 0;
        }
        SegmentReader present = segment;
        if (present == null) {
            return 0;
        }
        int read = present.read(to, from, (int) Math.min(most, extent.total() - offset));
        offset += read;
        return read;
    }

    /**
     * Reads a piece: as many records as follow each other closely.
     *
     * @param most bytes
     * @param pauseMillis a longer pause ends the piece
     */
    Entry.@Nullable Chunk chunk(int most, long pauseMillis) throws IOException {
        if (!ready()) {
            return null;
        }
        long first = offset;
        long begin = position();
        SegmentReader present = segment;
        if (present == null) {
            return null;
        }
        long millis = present.millis();
        int attempt = present.attempt();
        byte[] bytes = new byte[(int) Math.min(most, extent.total() - offset)];
        int length = 0;
        while (length < bytes.length) {
            int read = read(bytes, length, bytes.length - length);
            length += read;
            if (read == 0
                    || extent.kept(offset) != offset
                    || !ready()
                    || position() != begin + length
                    || !follows(millis, attempt, pauseMillis)) {
                break;
            }
        }
        return length == 0
                ? null
                : new Entry.Chunk(
                        stderr,
                        first,
                        begin,
                        millis,
                        attempt,
                        length == bytes.length ? bytes : java.util.Arrays.copyOf(bytes, length));
    }

    private boolean follows(long millis, int attempt, long pauseMillis) {
        SegmentReader next = segment;
        return next != null && next.attempt() == attempt && next.millis() - millis <= pauseMillis;
    }

    /** Takes no memory until it is read from again: for those who wait, of whom there may be thousands. */
    public void pause() {
        SegmentReader present = segment;
        if (present != null) {
            present.pause();
        }
    }

    private void leave() throws IOException {
        if (segment != null) {
            segment.close();
            segment = null;
        }
    }

    @Override
    public void close() throws IOException {
        leave();
    }
}
