package dev.taskpool.pool;

import dev.taskpool.output.RunOutput;
import dev.taskpool.process.OutputSink;
import dev.taskpool.process.Tail;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;

/** Where a command's output goes: to the task's output, and its beginning and its end to whoever judges the exit. */
final class CommandOutput implements OutputSink {
    private static final int TAIL_BYTES = 2048;

    private final RunOutput output;
    private final long maxResultBytes;
    private final Tail stderr = new Tail(TAIL_BYTES);

    // Written by the thread that reads; read by others after the exit was reported, which orders both.
    private final ByteArrayOutputStream result = new ByteArrayOutputStream(0);
    private long stdoutBytes;

    /** @param maxResultBytes of standard output kept for the result; 0 where it is not part of it */
    CommandOutput(RunOutput output, long maxResultBytes) {
        this.output = output;
        this.maxResultBytes = maxResultBytes;
    }

    @Override
    public void write(boolean isStderr, ByteBuffer bytes) {
        if (isStderr) {
            stderr.write(bytes);
        }
        byte[] copy = new byte[bytes.remaining()];
        bytes.get(copy);
        output.write(isStderr, copy, 0, copy.length);
        if (!isStderr) {
            stdoutBytes += copy.length;
            result.write(copy, 0, (int) Math.min(copy.length, Math.max(0, maxResultBytes - result.size())));
        }
    }

    /** Returns how much was written, which may be more than is kept. */
    long stdoutBytes() {
        return stdoutBytes;
    }

    /** Returns the beginning of standard output. */
    byte[] stdout() {
        return result.toByteArray();
    }

    /** Returns the last lines of standard error. */
    String stderrTail() {
        return stderr.text();
    }
}
