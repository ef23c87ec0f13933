package dev.taskpool.process;

import java.io.IOException;

/** A program could not be started; nothing of it runs. The message names the program or directory, and the system's reason. */
public final class SpawnException extends IOException {
    static final int UNKNOWN = 0;
    static final int ENOENT = 2;
    static final int E2BIG = 7;
    static final int EAGAIN = 11;
    static final int ENOMEM = 12;
    static final int EACCES = 13;
    static final int ENOTDIR = 20;
    static final int ENFILE = 23;
    static final int EMFILE = 24;

    private final int errno;

    SpawnException(String message, int errno) {
        super(errno == UNKNOWN ? message : message + " (errno " + errno + ")");
        this.errno = errno;
    }

    /** The error number of errno(3) on Linux, or 0 if it is not known. */
    public int errno() {
        return errno;
    }

    /** Whether the machine was short of something (processes, memory, descriptors), so that a later try may succeed. */
    public boolean isShortage() {
        return errno == EAGAIN || errno == ENOMEM || errno == ENFILE || errno == EMFILE;
    }
}
