package dev.taskpool.process;

import org.jspecify.annotations.Nullable;

/**
 * Kernel limits of one process and what it forks, each counted per process; see setrlimit(2). Null leaves a limit as it is
 * inherited. A limit is only ever lowered: where the inherited one is lower, that one stays.
 *
 * <p>They are set with prlimit(2) right after the program was started, so its first microseconds run without them.
 *
 * @param cpuSeconds RLIMIT_CPU; SIGXCPU at the limit and SIGKILL a second later
 * @param openFiles RLIMIT_NOFILE
 * @param fileSizeBytes RLIMIT_FSIZE; SIGXFSZ for a write beyond it
 * @param addressSpaceBytes RLIMIT_AS; programs that reserve much and use little (Java, Go, Node) need a high one
 * @param coreBytes RLIMIT_CORE; 0 for no core dumps
 */
public record ResourceLimits(
        @Nullable Long cpuSeconds,
        @Nullable Long openFiles,
        @Nullable Long fileSizeBytes,
        @Nullable Long addressSpaceBytes,
        @Nullable Long coreBytes) {

    /** Everything as inherited. */
    public static final ResourceLimits INHERITED = new ResourceLimits(null, null, null, null, null);

    /** As inherited, without core dumps. */
    public static final ResourceLimits NO_CORE = new ResourceLimits(null, null, null, null, 0L);

    /** @throws IllegalArgumentException if a limit is negative, or zero where zero cannot start a program */
    public ResourceLimits {
        require("cpuSeconds", cpuSeconds, 1);
        require("openFiles", openFiles, 3);
        require("fileSizeBytes", fileSizeBytes, 0);
        require("addressSpaceBytes", addressSpaceBytes, 1);
        require("coreBytes", coreBytes, 0);
    }

    private static void require(String name, @Nullable Long value, long least) {
        if (value != null && value < least) {
            throw new IllegalArgumentException(name + " must be at least " + least + ": " + value);
        }
    }
}
