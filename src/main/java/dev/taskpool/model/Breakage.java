package dev.taskpool.model;

/**
 * Why a pool broke.
 *
 * @param code as of a task's error, such as {@code worker_died}
 * @param message what happened, in a sentence
 * @param cause the evidence, which may have several lines; may be empty
 */
public record Breakage(String code, String message, String cause) {
    /** Returns all of it for people. */
    public String text() {
        return cause.isEmpty() ? message : message + ": " + cause;
    }
}
