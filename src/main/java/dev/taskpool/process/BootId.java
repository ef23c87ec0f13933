package dev.taskpool.process;

import java.util.random.RandomGenerator;

/**
 * The mark that every process of one spawner carries, whatever it does to leave its session: as {@code TASKPOOL_BOOT} in its
 * environment, and as the soft limit of {@code RLIMIT_LOCKS}. The kernel has ignored that limit since Linux 2.4.25, hands it down at each
 * fork and exec, and shows it to everyone in /proc/PID/limits, for zombies too (measured); so a program that scrubs or overwrites its
 * environment is still known. The hard limit holds a number of the single process.
 *
 * @param value at least 2^30, so that nobody has it as a limit by accident
 */
public record BootId(long value) {
    static final String BOOT_VARIABLE = "TASKPOOL_BOOT";
    static final String PROCESS_VARIABLE = "TASKPOOL_PROCESS";
    private static final long CEILING = 1L << 62;
    private static final long LEAST = 1L << 30;

    /** @throws IllegalArgumentException if the value is below 2^30 or not below 2^61 */
    public BootId {
        if (value < LEAST || value >= CEILING / 2) {
            throw new IllegalArgumentException("not a boot id: " + value);
        }
    }

    static BootId random(RandomGenerator random, long hardLimit) {
        long ceiling = ceiling(hardLimit);
        return new BootId(random.nextLong(ceiling / 4, ceiling / 2));
    }

    /** A number for one process: above every boot id's, because a hard limit cannot be below the soft one. */
    static long processId(RandomGenerator random, long hardLimit) {
        long ceiling = ceiling(hardLimit);
        return random.nextLong(ceiling / 2, ceiling);
    }

    /** Below the hard limit of this JVM, which only root could raise: this JVM may itself be a marked process. */
    private static long ceiling(long hardLimit) {
        return hardLimit < LEAST * 4 ? CEILING : Math.min(hardLimit, CEILING);
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
