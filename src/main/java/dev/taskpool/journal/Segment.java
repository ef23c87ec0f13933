package dev.taskpool.journal;

/**
 * What is known of one segment while it is held. The appending thread alone writes it, until it seals it; any thread reads.
 */
final class Segment {
    private final String name;
    private volatile long size;
    private final long first;
    private volatile long last;
    private volatile long end;
    private volatile boolean sealed;

    // Up to where the frames are released. Guarded by the lock of Segments.
    private long releasedLast;
    private long releasedEnd;

    /** A new segment, to be appended to. */
    Segment(String name, long size, long first) {
        this(name, size, first, first - 1, SegmentHeader.BYTES, false);
    }

    private Segment(String name, long size, long first, long last, long end, boolean sealed) {
        this.name = name;
        this.size = size;
        this.first = first;
        this.last = last;
        this.end = end;
        this.sealed = sealed;
        this.releasedLast = first - 1;
        this.releasedEnd = SegmentHeader.BYTES;
    }

    /** A segment from before this start. */
    static Segment sealed(String name, long size, long first, long last, long end) {
        return new Segment(name, size, first, last, end, true);
    }

    String name() {
        return name;
    }

    /** {@return the file's length in bytes} */
    long size() {
        return size;
    }

    /** {@return the length that a segment that is not appended to any more needs} */
    long lengthKept() {
        return sealed ? Math.min(size, end) : size;
    }

    void shortened(long length) {
        size = length;
    }

    /** {@return where the next frame would begin} */
    long end() {
        return end;
    }

    boolean isSealed() {
        return sealed;
    }

    boolean isEmpty() {
        return last < first;
    }

    /** {@return the sequence of the first frame, or of the one that would be} */
    long first() {
        return first;
    }

    /** {@return the sequence of the last frame, or {@code first - 1}} */
    long last() {
        return last;
    }

    @SuppressWarnings("NonAtomicVolatileUpdate") // one thread writes
    void appended(long sequence, int bytes) {
        end += bytes;
        last = sequence;
    }

    void seal() {
        sealed = true;
    }

    /** Notes what the database has. The caller holds the lock of {@link Segments}. */
    void released(long upTo) {
        if (upTo > releasedLast) {
            releasedEnd = end - bytesAfter(upTo);
            releasedLast = Math.min(upTo, last);
        }
    }

    /** {@return about how many bytes the frames not released take} The caller holds the lock of {@link Segments}. */
    long bytesHeld() {
        return bytesAfter(releasedLast);
    }

    /** Where frames are released that are not the last, their bytes are reckoned by number, so that no table has to be kept. */
    private long bytesAfter(long sequence) {
        long until = last;
        long bytes = end - releasedEnd;
        if (sequence >= until) {
            return 0;
        }
        return sequence <= releasedLast ? bytes : bytes * (until - sequence) / (until - releasedLast);
    }
}
