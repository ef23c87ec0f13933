package dev.taskpool.journal;

/** What an acknowledged frame survives. */
public enum Durability {
    /**
     * The frame is in the operating system's page cache: it survives the death of the process ({@code kill -9}), not a
     * loss of power. After a loss of power the journal may also refuse to open, since the cache reaches the disk in no
     * particular order.
     */
    PROCESS,

    /**
     * The frame is on the disk (fdatasync(2), {@code FileChannel.force(false)}): it survives a loss of power, as far as
     * the disk tells the truth about its flushes and a power cut does not tear or wipe a sector that was not being
     * written.
     */
    FSYNC
}
