package dev.taskpool.output;

/** Finds where the last lines begin, as {@code tail -n} counts them: a last line without an end is one as well. */
final class LastLines {
    private final int lines;
    /** A ring of the places behind the last line ends. */
    private final long[] behind;

    private long ends;

    /** @param lines at least 1 */
    LastLines(int lines) {
        this.lines = lines;
        this.behind = new long[lines + 1];
    }

    /** Sees bytes; to be called in their order. */
    void see(byte[] bytes, int length, long at) {
        for (int i = 0; i < length; i++) {
            if (bytes[i] == '\n') {
                behind[(int) (ends++ % behind.length)] = at + i + 1;
            }
        }
    }

    /** Returns where the last lines begin, or -1 where fewer were seen. */
    long begin(long end) {
        boolean whole = ends > 0 && behind[(int) ((ends - 1) % behind.length)] == end;
        long wanted = whole ? ends - 1 - lines : ends - lines;
        return wanted < 0 ? -1 : behind[(int) (wanted % behind.length)];
    }
}
