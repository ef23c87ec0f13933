package dev.taskpool.store;

/** The store cannot do what it was asked: the disk is full, a file is damaged, the database is closed. */
public final class StorageException extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** @param message what could not be done, for the log */
    public StorageException(String message, Throwable cause) {
        super(message, cause);
    }

    /** @param message what could not be done, for the log */
    public StorageException(String message) {
        super(message);
    }
}
