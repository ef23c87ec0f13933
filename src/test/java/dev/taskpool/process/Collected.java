package dev.taskpool.process;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** A sink that keeps the first bytes of each stream and counts the others. */
final class Collected implements OutputSink {
    private static final int MOST = 1 << 16;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();
    private long outBytes;
    private long errBytes;
    private int closes;

    @Override
    public synchronized void write(boolean stderr, ByteBuffer bytes) {
        ByteArrayOutputStream to = stderr ? err : out;
        if (stderr) {
            errBytes += bytes.remaining();
        } else {
            outBytes += bytes.remaining();
        }
        byte[] copy = new byte[Math.min(bytes.remaining(), MOST - to.size())];
        bytes.get(copy);
        to.writeBytes(copy);
    }

    @Override
    public synchronized void close() {
        closes++;
    }

    synchronized String stdout() {
        return out.toString(StandardCharsets.UTF_8);
    }

    synchronized String stderr() {
        return err.toString(StandardCharsets.UTF_8);
    }

    synchronized long stdoutBytes() {
        return outBytes;
    }

    synchronized long stderrBytes() {
        return errBytes;
    }

    synchronized int closes() {
        return closes;
    }
}
