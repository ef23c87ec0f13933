package dev.taskpool.process;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * This side of a process: the ends of its three pipes and its pidfd, and until the start the child's ends too. A descriptor that
 * is closed, or was never there, is -1. Owned by the starting thread up to the registration with the loop, then by the loop's.
 */
final class StandardStreams {
    private static final int NONE = -1;
    /** What a fresh pipe takes without a reader; pipe(7). */
    private static final int PIPE_BYTES = 64 * 1024;

    private final int[] child;
    private final boolean[] childOwned = new boolean[3];
    private int input = NONE;
    private int stdout = NONE;
    private int stderr = NONE;
    private int pidfd = NONE;

    private StandardStreams(int devNull) {
        child = new int[] {devNull, devNull, devNull};
    }

    /**
     * Makes the pipes that a spec asks for, none where /dev/null will do.
     *
     * @throws SpawnException if descriptors are short; then none is left open
     */
    static StandardStreams open(Posix os, ProcessSpec spec, int devNull) throws SpawnException {
        StandardStreams streams = new StandardStreams(devNull);
        int[] ends = new int[2];
        boolean needsInput = switch (spec.stdin()) {
            case Stdin.None _ -> false;
            case Stdin.Bytes(byte[] bytes) -> bytes.length > 0;
            case Stdin.Pipe _ -> true;
        };
        if (needsInput) {
            streams.require(os, os.pipe(ends));
            streams.adopt(0, ends[0]);
            streams.input = ends[1];
            // A pipe that is full must not stop the thread that serves all.
            streams.require(os, os.setNonBlocking(ends[1]));
        }
        if (spec.captureStdout()) {
            streams.require(os, os.pipe(ends));
            streams.stdout = ends[0];
            streams.adopt(1, ends[1]);
        }
        if (spec.captureStderr()) {
            streams.require(os, os.pipe(ends));
            streams.stderr = ends[0];
            streams.adopt(2, ends[1]);
        }
        return streams;
    }

    private void adopt(int target, int fd) {
        child[target] = fd;
        childOwned[target] = true;
    }

    private void require(Posix os, int result) throws SpawnException {
        if (result < 0) {
            closeAll(os);
            throw new SpawnException("cannot make a pipe: " + Posix.describe(result), -result);
        }
    }

    /**
     * Fills the input pipe before there is a reader: most inputs fit, and need no further care.
     *
     * @return how many of the bytes it took
     */
    int fillInput(Posix os, Arena arena, byte[] bytes) {
        int length = Math.min(bytes.length, PIPE_BYTES);
        MemorySegment buffer = arena.allocate(length);
        MemorySegment.copy(bytes, 0, buffer, ValueLayout.JAVA_BYTE, 0, length);
        int taken = (int) Math.max(0, os.write(input, buffer));
        if (taken == bytes.length) {
            closeInput(os);
        }
        return taken;
    }

    int[] childEnds() {
        return child;
    }

    void closeChildEnds(Posix os) {
        for (int i = 0; i < 3; i++) {
            if (childOwned[i]) {
                childOwned[i] = false;
                os.close(child[i]);
            }
        }
    }

    void setPidfd(int fd) {
        pidfd = fd;
    }

    int pidfd() {
        return pidfd;
    }

    int input() {
        return input;
    }

    int output(boolean ofStderr) {
        return ofStderr ? stderr : stdout;
    }

    boolean hasOutput() {
        return stdout != NONE || stderr != NONE;
    }

    void closeInput(Posix os) {
        input = close(os, input);
    }

    void closeOutput(Posix os, boolean ofStderr) {
        if (ofStderr) {
            stderr = close(os, stderr);
        } else {
            stdout = close(os, stdout);
        }
    }

    /** What an ended leader needs no more: the output may still hold bytes. */
    void closeEnded(Posix os) {
        pidfd = close(os, pidfd);
        closeInput(os);
    }

    void closeAll(Posix os) {
        closeChildEnds(os);
        closeEnded(os);
        closeOutput(os, false);
        closeOutput(os, true);
    }

    private static int close(Posix os, int fd) {
        if (fd != NONE) {
            os.close(fd);
        }
        return NONE;
    }
}
