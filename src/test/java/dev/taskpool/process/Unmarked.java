package dev.taskpool.process;

import java.io.IOException;

/**
 * Starts processes in a JVM in which a test of another class may be starting some by a {@link PosixSpawner}: they would inherit its mark,
 * which this JVM bears for that moment, and be ended as what such a process has left.
 */
public final class Unmarked {
    private Unmarked() {}

    public static Process start(ProcessBuilder builder) throws IOException {
        Orphans.STARTING.lock();
        try {
            return builder.start();
        } finally {
            Orphans.STARTING.unlock();
        }
    }
}
