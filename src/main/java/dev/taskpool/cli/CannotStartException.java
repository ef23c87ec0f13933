package dev.taskpool.cli;

import org.jspecify.annotations.Nullable;

/** The service cannot start, for a reason that the operator can mend. The message says which. */
public final class CannotStartException extends RuntimeException {
    private static final long serialVersionUID = 1;

    CannotStartException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
