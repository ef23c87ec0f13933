package dev.taskpool.process;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How a process ended. Once there is one, nothing that the process started runs any more, but for what {@code survivors} counts.
 *
 * @param status the leader's code or signal
 * @param wall from the start to the end of the leader
 * @param usage what it used; null where the system does not tell ({@link PlainSpawner})
 * @param outputComplete whether the output was read to its end; false if something that could not be found, or that belongs to
 *     others, held a pipe open beyond the linger
 * @param strays how many descendants outlived the leader and were killed
 * @param survivors how many of them could not be killed within seconds (of another user, or stuck in the kernel)
 * @param limit the limit that ended it, or stood in its way (forks that were refused, a process of it that was killed for memory);
 *     null where none did, or where that cannot be known: a file that could not be opened or written is the program's secret
 */
public record Exit(
        Status status,
        Duration wall,
        @Nullable Usage usage,
        boolean outputComplete,
        int strays,
        int survivors,
        ResourceLimits.@Nullable Kind limit) {

    /** No limit had to do with it. */
    public Exit(
            Status status, Duration wall, @Nullable Usage usage, boolean outputComplete, int strays, int survivors) {
        this(status, wall, usage, outputComplete, strays, survivors, null);
    }

    /** A code or a signal, which shells and {@link Process#exitValue()} mix up. */
    public sealed interface Status {
        /**
         * The leader called exit.
         *
         * @param code 0 to 255
         */
        record Exited(int code) implements Status {}

        /**
         * A signal killed the leader.
         *
         * @param signal its number
         * @param coreDumped whether it left a core
         */
        record Signalled(int signal, boolean coreDumped) implements Status {
            /** Such as {@code SIGKILL}, by the numbers of Linux on x86-64 and AArch64. */
            public String signalName() {
                return Signals.name(signal);
            }
        }
    }

    /** Whether the leader ended by itself with code 0. */
    public boolean isSuccess() {
        return status instanceof Status.Exited(int code) && code == 0;
    }

    /**
     * What the leader and those of its descendants that it had waited for used; see getrusage(2).
     *
     * @param userCpu CPU time in user mode
     * @param systemCpu CPU time in the kernel
     * @param peakResidentBytes with a limit of memory that the kernel keeps, the most that all of them had together; otherwise the
     *     highest resident set of the largest of them; null if unknown: the kernel counts the memory of this JVM into that of a child started by vfork (measured on Linux 6.18), so the figure is only known for a process that
     *     grew larger than this JVM, or that lived long enough (a second) to be sampled, which gives a lower bound
     */
    public record Usage(
            Duration userCpu, Duration systemCpu, @Nullable Long peakResidentBytes) {}
}
