package dev.taskpool.journal;

/**
 * What is known of one segment while it is held. The appending thread alone writes it, until it seals it; any thread reads.
 */
final class Segment {
    private final String name;
    private final long size;
    private final long first;
    private volatile long last;
    private volatile long end;
    private volatile boolean sealed;

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

    /**
     * {@return the bytes of the frames after {@code released}; where only some of the frames are, their share by number, so that
     * no table of frames has to be kept}
     */
    long bytesAfter(long released) {
        long until = last;
        long bytes = end - SegmentHeader.BYTES;
        if (until <= released || until < first) {
            return 0;
        }
        return released < first ? bytes : bytes * (until - released) / (until - first + 1);
    }
}
