package dev.taskpool.process;

/** What a program finds on its standard input. */
public sealed interface Stdin {
    /** {@code /dev/null}: the program reads end of file at once. */
    record None() implements Stdin {}

    /**
     * These bytes, then end of file. They are handed over as the program reads them; one that never reads blocks nobody.
     *
     * @param bytes not copied: the caller must not change them until the process has ended
     */
    @SuppressWarnings("ArrayRecordComponent") // large, and never compared
    record Bytes(byte[] bytes) implements Stdin {}

    /** A pipe that stays open, fed by {@link ChildProcess#send} and ended by {@link ChildProcess#closeInput}. */
    record Pipe() implements Stdin {}

    /** {@code /dev/null}. */
    Stdin NONE = new None();

    /** An open pipe. */
    Stdin PIPE = new Pipe();
}
