package dev.taskpool.process;

import org.jspecify.annotations.Nullable;

/**
 * What a process may use. Null is no limit but the inherited one, and a limit is only ever lowered. All are in place before the
 * program's first instruction. Memory, CPU time and the number of processes count for the process with all that it forks, the
 * others for each process of them.
 *
 * @param memoryBytes resident memory and page cache by cgroup (v2 memory.max, v1 memory.limit_in_bytes); where the service may
 *     make no cgroup, the sum of resident sets, looked at every {@link UsageWatch#INTERVAL}. What uses more is killed
 * @param cpuMillis CPU time, looked at as often; RLIMIT_CPU in whole seconds stands behind it. What uses more is killed
 * @param openFiles RLIMIT_NOFILE: more cannot be opened
 * @param processes processes and threads at one time by cgroup (pids.max): more cannot be forked. Without cgroup not possible:
 *     RLIMIT_NPROC counts all processes of a user, and none of root
 * @param fileSizeBytes RLIMIT_FSIZE: SIGXFSZ for a write beyond it
 * @param coreBytes RLIMIT_CORE; 0 for no core dumps
 */
public record ResourceLimits(
        @Nullable Long memoryBytes,
        @Nullable Long cpuMillis,
        @Nullable Long openFiles,
        @Nullable Long processes,
        @Nullable Long fileSizeBytes,
        @Nullable Long coreBytes) {

    /** The limits that can be the cause of an end, or be missing on a machine. */
    public enum Kind {
        MEMORY,
        CPU,
        OPEN_FILES,
        PROCESSES,
        FILE_SIZE
    }

    /** Everything as inherited. */
    public static final ResourceLimits INHERITED = new ResourceLimits(null, null, null, null, null, null);

    /** As inherited, without core dumps. */
    public static final ResourceLimits NO_CORE = new ResourceLimits(null, null, null, null, null, 0L);

    /** @throws IllegalArgumentException if a limit is negative, or zero where zero cannot start a program */
    public ResourceLimits {
        require("memoryBytes", memoryBytes, 1);
        require("cpuMillis", cpuMillis, 1);
        require("openFiles", openFiles, 3);
        require("processes", processes, 1);
        require("fileSizeBytes", fileSizeBytes, 0);
        require("coreBytes", coreBytes, 0);
    }

    private static void require(String name, @Nullable Long value, long least) {
        if (value != null && value < least) {
            throw new IllegalArgumentException(name + " must be at least " + least + ": " + value);
        }
    }

    /** Whether anything has to be set before the program begins. A core dump of its first microseconds does no harm. */
    boolean needsHolding() {
        return memoryBytes != null
                || cpuMillis != null
                || openFiles != null
                || processes != null
                || fileSizeBytes != null;
    }
}
