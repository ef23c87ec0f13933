package dev.taskpool.model;

import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What the process of a task may use. Null is no limit. Memory, CPU time and processes count for the process with all that it
 * starts, the others for each process of them.
 *
 * @param memoryBytes memory; what uses more is killed, and its task FAILED {@code memory_limit}
 * @param cpuMillis CPU time; what uses more is killed, and its task FAILED {@code cpu_limit}
 * @param openFiles files that can be open at one time in one process
 * @param processes processes and threads at one time
 * @param fileSizeBytes size of a file that can be written
 * @param scratchBytes size of the scratch folder with all that is in it; what uses more is killed, and its task FAILED
 *     {@code scratch_limit}; of commands only, as no other process has such a folder
 */
public record Limits(
        @Nullable Long memoryBytes,
        @Nullable Long cpuMillis,
        @Nullable Long openFiles,
        @Nullable Long processes,
        @Nullable Long fileSizeBytes,
        @Nullable Long scratchBytes) {

    /** No limit at all. */
    public static final Limits NONE = new Limits(null, null, null, null, null);

    /** Of the process alone, and not of its scratch folder. */
    public Limits(
            @Nullable Long memoryBytes,
            @Nullable Long cpuMillis,
            @Nullable Long openFiles,
            @Nullable Long processes,
            @Nullable Long fileSizeBytes) {
        this(memoryBytes, cpuMillis, openFiles, processes, fileSizeBytes, null);
    }

    /** Below it no program starts. */
    public static final long LEAST_MEMORY_BYTES = 1 << 20;
    /** Below it no program starts. */
    public static final long LEAST_OPEN_FILES = 8;
    /** Each file and each folder counts as so much at least. */
    public static final long LEAST_SCRATCH_BYTES = 4096;
    /** Beyond it, arithmetic and kernels give up. */
    public static final long MOST = 1L << 50;

    public Limits {
        require("memory_bytes", memoryBytes, LEAST_MEMORY_BYTES);
        require("cpu_ms", cpuMillis, 1);
        require("open_files", openFiles, LEAST_OPEN_FILES);
        require("processes", processes, 1);
        require("file_size_bytes", fileSizeBytes, 0);
        require("scratch_bytes", scratchBytes, LEAST_SCRATCH_BYTES);
    }

    private static void require(String name, @Nullable Long value, long least) {
        if (value != null && (value < least || value > MOST)) {
            throw new IllegalArgumentException(name + " must be from " + least + " to " + MOST + ": " + value);
        }
    }

    /** Returns whether nothing is limited. */
    public boolean isNone() {
        return equals(NONE);
    }

    /** Returns these, and those of others where these say nothing. */
    public Limits or(Limits others) {
        return new Limits(
                or(memoryBytes, others.memoryBytes),
                or(cpuMillis, others.cpuMillis),
                or(openFiles, others.openFiles),
                or(processes, others.processes),
                or(fileSizeBytes, others.fileSizeBytes),
                or(scratchBytes, others.scratchBytes));
    }

    private static @Nullable Long or(@Nullable Long mine, @Nullable Long other) {
        return mine == null ? other : mine;
    }

    /** Returns the lower of each. */
    public Limits atMost(Limits maximum) {
        return new Limits(
                lower(memoryBytes, maximum.memoryBytes),
                lower(cpuMillis, maximum.cpuMillis),
                lower(openFiles, maximum.openFiles),
                lower(processes, maximum.processes),
                lower(fileSizeBytes, maximum.fileSizeBytes),
                lower(scratchBytes, maximum.scratchBytes));
    }

    /** Returns the lower of two limits, null where there is none. */
    public static @Nullable Long lower(@Nullable Long one, @Nullable Long other) {
        return one == null ? other : other == null ? one : Long.valueOf(Math.min(one, other));
    }

    /** Returns the limits that there are, by the names that they have in JSON. */
    public Map<String, Long> byName() {
        Map<String, Long> all = new LinkedHashMap<>();
        put(all, "memory_bytes", memoryBytes);
        put(all, "cpu_ms", cpuMillis);
        put(all, "open_files", openFiles);
        put(all, "processes", processes);
        put(all, "file_size_bytes", fileSizeBytes);
        put(all, "scratch_bytes", scratchBytes);
        return all;
    }

    private static void put(Map<String, Long> all, String name, @Nullable Long value) {
        if (value != null) {
            all.put(name, value);
        }
    }
}
