package dev.taskpool.cli;

/** The service cannot start, for a reason that the operator can mend. The message says which. */
public final class CannotStartException extends RuntimeException {
    private static final long serialVersionUID = 1;

    CannotStartException(String message) {
        super(message);
    }

    CannotStartException(String message, Throwable cause) {
        super(message, cause);
    }
}
