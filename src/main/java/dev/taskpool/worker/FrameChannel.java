package dev.taskpool.worker;

import java.io.EOFException;
import java.io.IOException;
import java.net.ProtocolException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Frames over a connected socket: four bytes of length, most significant first, and a JSON object. One thread reads; any may
 * write. An interrupt of a reading or writing thread closes the channel, as NIO has it.
 */
public final class FrameChannel implements AutoCloseable {
    /** The largest frame, in bytes: a value of 64 MiB and what goes around it. */
    public static final int MAX_FRAME = (64 << 20) + (1 << 20);

    /** No frame is empty, so this can stand for one that was skipped. */
    private static final byte[] OVERSIZED = new byte[0];

    private static final int BUFFER_BYTES = 64 * 1024;

    private final SocketChannel channel;

    /** Confined to the reading thread; what is between position and limit was received and not yet read. */
    private final ByteBuffer in = ByteBuffer.allocateDirect(BUFFER_BYTES).limit(0);

    /** When something was received last, in nanoTime: part of a large frame, too. Written by the reading thread. */
    private volatile long receivedNanos = System.nanoTime();

    private final ReentrantLock writing = new ReentrantLock();

    /** Guarded by {@code writing}. */
    private final ByteBuffer out = ByteBuffer.allocateDirect(BUFFER_BYTES);

    /** @param channel connected and blocking; owned from now on */
    public FrameChannel(SocketChannel channel) {
        this.channel = channel;
    }

    /**
     * Waits for the next frame.
     *
     * @return its body, one that {@link #isOversized}, or null where the other side has closed
     * @throws ProtocolException where no frame begins like that: without a look at its beginning, four bytes of garbage would be a
     *     length that is waited for until somebody gives up
     * @throws IOException where the connection broke
     */
    public byte @Nullable [] read() throws IOException {
        if (!fill(4)) {
            return null;
        }
        int length = in.getInt();
        if (length <= 0) {
            throw new ProtocolException("not a length of a frame: " + length);
        }
        requireObject(length);
        if (length > MAX_FRAME) {
            body(length, null);
            return OVERSIZED;
        }
        byte[] body = new byte[length];
        body(length, body);
        return body;
    }

    /** Returns whether {@link #read} returned this for a frame that was too large, and was skipped. */
    public static boolean isOversized(byte[] frame) {
        return frame.length == 0;
    }

    private void requireObject(int length) throws IOException {
        if (!fill(Math.min(2, length))) {
            throw new EOFException("the connection ended within a frame");
        }
        char second = length == 1 ? 0 : (char) in.get(in.position() + 1);
        if (in.get(in.position()) != '{' || "\"} \t\r\n".indexOf(second) < 0) {
            throw new ProtocolException("a frame does not begin like a JSON object");
        }
    }

    /** Receives so many bytes; false at a clean end. */
    private boolean fill(int bytes) throws IOException {
        while (in.remaining() < bytes) {
            in.compact();
            int n = receive();
            if (n < 0) {
                if (in.hasRemaining()) {
                    throw new EOFException("the connection ended within a frame");
                }
                return false;
            }
        }
        return true;
    }

    private int receive() throws IOException {
        try {
            return channel.read(in);
        } finally {
            in.flip();
            receivedNanos = System.nanoTime();
        }
    }

    /** Returns how long nothing was received, in nanoseconds. Safe for all threads. */
    public long silentNanos() {
        return System.nanoTime() - receivedNanos;
    }

    private void body(int length, byte @Nullable [] into) throws IOException {
        int done = 0;
        while (true) {
            int n = Math.min(in.remaining(), length - done);
            if (into == null) {
                in.position(in.position() + n);
            } else {
                in.get(into, done, n);
            }
            done += n;
            if (done == length) {
                return;
            }
            in.clear();
            int received = receive();
            if (received < 0) {
                throw new EOFException("the connection ended within a frame");
            }
        }
    }

    /** Writes a frame; waits where the other side does not read. */
    public void write(Frame frame) throws IOException {
        writing.lock();
        try {
            put(frame);
        } finally {
            writing.unlock();
        }
    }

    /**
     * Writes a frame unless another thread is at it.
     *
     * @return whether it was written
     */
    public boolean tryWrite(Frame frame) throws IOException {
        if (!writing.tryLock()) {
            return false;
        }
        try {
            put(frame);
            return true;
        } finally {
            writing.unlock();
        }
    }

    /** Writes bytes that are no frame, or part of one, as the conformance suite does. */
    void writeBytes(ByteBuffer bytes) throws IOException {
        writing.lock();
        try {
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
        } finally {
            writing.unlock();
        }
    }

    /** One system call for a frame that fits the buffer. */
    private void put(Frame frame) throws IOException {
        out.clear();
        out.putInt(frame.length());
        for (byte[] part : frame.parts()) {
            int done = 0;
            while (done < part.length) {
                int n = Math.min(out.remaining(), part.length - done);
                out.put(part, done, n);
                done += n;
                if (!out.hasRemaining()) {
                    flush();
                }
            }
        }
        flush();
    }

    private void flush() throws IOException {
        out.flip();
        while (out.hasRemaining()) {
            channel.write(out);
        }
        out.clear();
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
