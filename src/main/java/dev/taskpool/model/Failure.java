package dev.taskpool.model;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Why a task is FAILED.
 *
 * @param code one of {@link FailureCode}; open to new values, never renamed
 * @param message for people; may be empty, never null
 * @param exceptionType the class of the exception, where there was one
 * @param trace the stack trace, where the operator allows it
 * @param data what the worker added, returned as it is
 * @param exitCode of the process or worker, where it exited
 * @param signal name of the signal that ended the process or worker, {@code SIGKILL}
 * @param causes what led to the exception, the nearest first; empty where it has none, or the worker does not tell
 */
public record Failure(
        String code,
        String message,
        @Nullable String exceptionType,
        @Nullable String trace,
        @Nullable Json data,
        @Nullable Integer exitCode,
        @Nullable String signal,
        List<Cause> causes) {

    /** More are dropped: a chain that long is a loop in somebody's error handling. */
    public static final int MAX_CAUSES = 20;

    /**
     * One link of the chain of causes.
     *
     * @param exceptionType the class of the exception
     * @param message may be empty, never null
     * @param trace its stack trace, where the operator allows it
     */
    public record Cause(
            @Nullable String exceptionType,
            String message,
            @Nullable String trace) {
        /** The same as clients see it where traces are not shown. */
        public Cause withoutTrace() {
            return new Cause(exceptionType, message, null);
        }
    }

    public Failure {
        causes = List.copyOf(causes.size() > MAX_CAUSES ? causes.subList(0, MAX_CAUSES) : causes);
    }

    /** A failure without causes. */
    public Failure(
            String code,
            String message,
            @Nullable String exceptionType,
            @Nullable String trace,
            @Nullable Json data,
            @Nullable Integer exitCode,
            @Nullable String signal) {
        this(code, message, exceptionType, trace, data, exitCode, signal, List.of());
    }

    /** A failure with nothing but a code and a message. */
    public static Failure of(String code, String message) {
        return new Failure(code, message, null, null, null, null, null);
    }
}
