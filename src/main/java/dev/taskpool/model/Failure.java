package dev.taskpool.model;

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
 */
public record Failure(
        String code,
        String message,
        @Nullable String exceptionType,
        @Nullable String trace,
        @Nullable Json data,
        @Nullable Integer exitCode,
        @Nullable String signal) {

    /** A failure with nothing but a code and a message. */
    public static Failure of(String code, String message) {
        return new Failure(code, message, null, null, null, null, null);
    }
}
