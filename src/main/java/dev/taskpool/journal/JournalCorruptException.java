package dev.taskpool.journal;

import java.io.IOException;

/**
 * Frames that were acknowledged are damaged or missing, and others behind them are not, so that no crash can have done it.
 * Nothing has been changed on disk. The message says where, what is left, and what an operator can do.
 */
public final class JournalCorruptException extends IOException {
    private static final long serialVersionUID = 1L;

    private final String file;
    private final long offset;
    private final long lastGoodSequence;
    private final long followingFrames;

    JournalCorruptException(String file, long offset, long lastGoodSequence, long followingFrames, String what) {
        super(("%s is damaged at offset %d: %s. The last good frame is %d; %d valid frames follow the damage. "
                        + "Nothing was changed. Restore the journal's directory from a copy, or set store.journal_repair: "
                        + "truncate to give up everything after frame %d.")
                .formatted(file, offset, what, lastGoodSequence, followingFrames, lastGoodSequence));
        this.file = file;
        this.offset = offset;
        this.lastGoodSequence = lastGoodSequence;
        this.followingFrames = followingFrames;
    }

    /** {@return the name of the damaged file, in the journal's directory} */
    public String file() {
        return file;
    }

    /** {@return where in the file the damage begins, in bytes; 0 for its header} */
    public long offset() {
        return offset;
    }

    /** {@return the sequence of the last frame before the damage; what the database already had counts as good} */
    public long lastGoodSequence() {
        return lastGoodSequence;
    }

    /** {@return how many valid frames lie behind the damage, in this file and in later ones} */
    public long followingFrames() {
        return followingFrames;
    }
}
