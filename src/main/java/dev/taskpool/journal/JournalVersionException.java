package dev.taskpool.journal;

import java.io.IOException;

/** A segment was written in a format that this version does not know. Nothing has been changed, whatever {@link Repair} says. */
public final class JournalVersionException extends IOException {
    private static final long serialVersionUID = 1L;

    JournalVersionException(String file, int version) {
        super(
                ("%s has journal format %d, and this version reads only format %d. It was probably written by a newer version of "
                                + "taskpool: start that one again, or let it drain and stop before going back.")
                        .formatted(file, version, SegmentHeader.VERSION));
    }
}
