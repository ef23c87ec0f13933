package dev.taskpool.output;

/**
 * How much both streams of a task have, at one moment.
 *
 * @param position behind the last byte of both
 */
public record Extents(Extent stdout, Extent stderr, long position) {
    static final Extents NONE = new Extents(Extent.NONE, Extent.NONE, 0);

    /** Returns that of one stream. */
    public Extent of(boolean isStderr) {
        return isStderr ? stderr : stdout;
    }
}
