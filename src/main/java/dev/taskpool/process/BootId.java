package dev.taskpool.process;

import java.util.random.RandomGenerator;

/**
 * The mark that every process of one spawner carries, whatever it does to leave its session: as {@code TASKPOOL_BOOT} in its
 * environment, and in the soft limit of {@code RLIMIT_LOCKS}, together with a number of the single process. The kernel has ignored that limit
 * since Linux 2.4.25, hands it down at each fork and exec, and shows it to everyone in /proc/PID/limits, for zombies too (measured); so a
 * program that scrubs or overwrites its environment is still known.
 *
 * @param value ten decimal digits, 1,000,000,000 to 3,999,999,999: nobody has as a limit what is made of it by accident
 */
public record BootId(long value) {
    static final String BOOT_VARIABLE = "TASKPOOL_BOOT";
    static final String PROCESS_VARIABLE = "TASKPOOL_PROCESS";
    private static final long LEAST = 1_000_000_000L;
    private static final long MOST = 3_999_999_999L;

    /** Decimal, so that a shell can tell the two parts of a mark apart. */
    private static final long PROCESSES = 1_000_000_000L;

    /** @throws IllegalArgumentException if the value has not ten digits, or begins with more than 3 */
    public BootId {
        if (value < LEAST || value > MOST) {
            throw new IllegalArgumentException("not a boot id: " + value);
        }
    }

    static BootId random(RandomGenerator random) {
        return new BootId(random.nextLong(LEAST, MOST + 1));
    }

    /** The mark of the n-th process: this boot's ten digits, and nine of its own. */
    long mark(long n) {
        return value * PROCESSES + n % PROCESSES;
    }

    /** Whether a limit is a mark of this boot. */
    boolean isIn(long limit) {
        return limit / PROCESSES == value;
    }

    /**
     * Reads what {@link #toString} wrote.
     *
     * @throws IllegalArgumentException if it is not that
     */
    public static BootId parse(String text) {
        return new BootId(Long.parseLong(text));
    }

    @Override
    public String toString() {
        return Long.toString(value);
    }
}
