package dev.taskpool.output;

/**
 * What is kept of a stream: its first half and its last, in bytes. The first is in one segment (a file), number 0. The last
 * is in segments 1, 2, … of equal size, of which only so many exist at once that they hold it: a ring. Which segment has an
 * offset is arithmetic, so there is no index to keep.
 *
 * @param maxBytes of the stream; 0 keeps nothing
 */
record Cap(long maxBytes) {
    /** Segments of the end that exist at once: four hold it, and one more while the newest fills. */
    static final int RING = 5;

    long head() {
        return maxBytes - tail();
    }

    long tail() {
        return maxBytes / 2;
    }

    private long segmentBytes() {
        return (tail() + RING - 2) / (RING - 1);
    }

    /** Returns how many of so many bytes are dropped: those from {@link #head} on. */
    long dropped(long total) {
        return Math.max(0, total - maxBytes);
    }

    /** Returns the first offset from this one on that is not dropped, of so many bytes. */
    long kept(long offset, long total) {
        return offset >= head() && offset < total - tail() ? total - tail() : offset;
    }

    /** Returns the number of the segment that has an offset; only where there is an end to keep, or it is of the beginning. */
    long segment(long offset) {
        return offset < head() ? 0 : (offset - head()) / segmentBytes() + 1;
    }

    /** Returns the offset of a segment's first byte. */
    long first(long segment) {
        return segment == 0 ? 0 : head() + (segment - 1) * segmentBytes();
    }

    /** Returns the offset behind the last byte that a segment takes. */
    long end(long segment) {
        return first(segment + 1);
    }
}
