package dev.taskpool.output;

/**
 * How much of a stream there is. Immutable: a stream that is being written has another a moment later.
 *
 * @param total bytes ever written to it
 * @param cap which of them are kept
 */
public record Extent(long total, Cap cap) {
    static final Extent NONE = new Extent(0, new Cap(0));

    /** Returns the offset of the first byte that is dropped, where any is. */
    public long droppedFrom() {
        return cap.head();
    }

    /** Returns how many bytes are dropped. */
    public long dropped() {
        return cap.dropped(total);
    }

    /** Returns the first offset from this one on that is not dropped. */
    public long kept(long offset) {
        return cap.kept(offset, total);
    }
}
