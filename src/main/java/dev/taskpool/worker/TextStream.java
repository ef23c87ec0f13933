package dev.taskpool.worker;

import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

/** Bytes that were printed, as text: a character is never cut in two, malformed bytes are replaced. Safe for all threads. */
final class TextStream extends OutputStream {
    private static final int BUFFER_BYTES = 8192;

    private final Consumer<String> sink;

    /** Guards what follows. */
    private final ReentrantLock lock = new ReentrantLock();

    private final ByteBuffer bytes = ByteBuffer.allocate(BUFFER_BYTES);
    private final CharBuffer chars = CharBuffer.allocate(BUFFER_BYTES);
    private final CharsetDecoder decoder = StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPLACE)
            .onUnmappableCharacter(CodingErrorAction.REPLACE);

    TextStream(Consumer<String> sink) {
        this.sink = sink;
    }

    @Override
    public void write(int b) {
        write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] more, int offset, int length) {
        lock.lock();
        try {
            int at = offset;
            while (at < offset + length) {
                int n = Math.min(bytes.remaining(), offset + length - at);
                bytes.put(more, at, n);
                at += n;
                if (!bytes.hasRemaining()) {
                    flush();
                }
            }
        } finally {
            lock.unlock();
        }
    }

    /** Hands over what is whole; the beginning of a character waits for its end. */
    @Override
    public void flush() {
        lock.lock();
        try {
            bytes.flip();
            decoder.decode(bytes, chars, false);
            bytes.compact();
            chars.flip();
            if (chars.hasRemaining()) {
                sink.accept(chars.toString());
            }
            chars.clear();
        } finally {
            lock.unlock();
        }
    }

    /** Hands over everything, as the end of what one task wrote. */
    void end() {
        lock.lock();
        try {
            flush();
            if (bytes.position() > 0) {
                bytes.clear();
                sink.accept("\uFFFD");
            }
            decoder.reset();
        } finally {
            lock.unlock();
        }
    }
}
