package dev.taskpool.pool;

import dev.taskpool.model.FailureCode;
import dev.taskpool.model.Limits;
import dev.taskpool.process.ResourceLimits;
import org.jspecify.annotations.Nullable;

/** Limits of tasks as limits of processes, and back again where one was the cause of an end. */
final class ProcessLimits {
    private ProcessLimits() {}

    static ResourceLimits of(Limits limits) {
        return new ResourceLimits(
                limits.memoryBytes(),
                limits.cpuMillis(),
                limits.openFiles(),
                limits.processes(),
                limits.fileSizeBytes(),
                0L);
    }

    /** Returns the code of an end that a limit caused; null where there is none. */
    static @Nullable String code(ResourceLimits.@Nullable Kind limit) {
        return switch (limit) {
            case MEMORY -> FailureCode.MEMORY_LIMIT;
            case CPU -> FailureCode.CPU_LIMIT;
            case FILE_SIZE -> FailureCode.FILE_SIZE_LIMIT;
            case PROCESSES -> FailureCode.PROCESS_LIMIT;
            case OPEN_FILES -> null;
            case null -> null;
        };
    }

    /** Says for people that the scratch folder grew too large. */
    static String scratchSentence(Limits limits) {
        return "its scratch folder grew larger than scratch_bytes = " + limits.scratchBytes();
    }

    /** Says for people which limit it was. */
    static String sentence(ResourceLimits.Kind limit, Limits limits) {
        return switch (limit) {
            case MEMORY -> "it used more than memory_bytes = " + limits.memoryBytes();
            case CPU -> "it used more than cpu_ms = " + limits.cpuMillis();
            case FILE_SIZE -> "it wrote a file larger than file_size_bytes = " + limits.fileSizeBytes();
            case PROCESSES -> "it wanted more processes and threads than processes = " + limits.processes();
            case OPEN_FILES -> "it wanted more than open_files = " + limits.openFiles();
        };
    }
}
