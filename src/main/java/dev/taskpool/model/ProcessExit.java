package dev.taskpool.model;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How the process of a run ended: of a command, or of a worker that died with the task. What it used is that of the process
 * and of those descendants that it had waited for (getrusage(2)), of a worker since its start.
 *
 * @param code its exit code, 0 to 255; null where a signal ended it
 * @param signal name of the signal that ended it, {@code SIGKILL}; null where it exited
 * @param cause why it ended, one of the constants; open to new values
 * @param wallMillis from its start to its end
 * @param userCpuMillis CPU time in user mode; null where the system does not tell
 * @param systemCpuMillis CPU time in the kernel; null where the system does not tell
 * @param peakMemoryBytes the highest resident set of the largest process; null where it is not known
 */
public record ProcessExit(
        @Nullable Integer code,
        @Nullable String signal,
        String cause,
        long wallMillis,
        @Nullable Long userCpuMillis,
        @Nullable Long systemCpuMillis,
        @Nullable Long peakMemoryBytes) {

    /** It ended by itself. */
    public static final String EXITED = "exited";
    /** A signal ended it that this service did not send. */
    public static final String SIGNALLED = "signalled";
    /** It ran longer than {@code timeout_ms}. */
    public static final String TIMEOUT = "timeout";
    /** The task was to be done by now. */
    public static final String DEADLINE = "deadline";
    /** The task was cancelled. */
    public static final String CANCELLED = "cancelled";
    /** The service was about to stop. */
    public static final String DRAIN = "drain";
    /** Its pool broke. */
    public static final String POOL_BROKEN = "pool_broken";

    /** The same, because of something else. */
    public ProcessExit because(String other) {
        return new ProcessExit(code, signal, other, wallMillis, userCpuMillis, systemCpuMillis, peakMemoryBytes);
    }

    /** Returns a time in whole milliseconds, rounded up: what took any time took more than none. */
    public static long millis(Duration time) {
        return (time.toNanos() + 999_999) / 1_000_000;
    }
}
