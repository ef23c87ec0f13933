package dev.taskpool.journal;

/** What to do about a journal that is damaged in its middle. A torn last frame is not damage: it is cut off in either case. */
public enum Repair {
    /** Change nothing and throw {@link JournalCorruptException}. */
    REFUSE,

    /**
     * Give up the damaged frame and everything behind it: end the journal before it, rename the later segments to
     * {@code *.corrupt}, and log a warning that says what was given up.
     */
    TRUNCATE
}
