package dev.taskpool.process;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** The last bytes of a stream, as evidence of why its writer ended. Safe for all threads. */
public final class Tail {
    /** Guarded by this, and held for the time of a copy only. */
    private final byte[] ring;

    private long written;

    /** @param capacity bytes that are kept */
    public Tail(int capacity) {
        ring = new byte[capacity];
    }

    /** Appends what remains of bytes, and leaves their position where it is. */
    public synchronized void write(ByteBuffer bytes) {
        ByteBuffer last = bytes.slice();
        int skipped = Math.max(0, last.remaining() - ring.length);
        last.position(skipped);
        written += skipped;
        while (last.hasRemaining()) {
            int at = (int) (written % ring.length);
            int n = Math.min(last.remaining(), ring.length - at);
            last.get(ring, at, n);
            written += n;
        }
    }

    /** Returns the last whole lines as text, without the line that begins before them; empty where nothing was written. */
    public synchronized String text() {
        int length = (int) Math.min(written, ring.length);
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) {
            bytes[i] = ring[(int) ((written - length + i) % ring.length)];
        }
        String text = new String(bytes, StandardCharsets.UTF_8);
        int line = text.indexOf('\n');
        boolean cut = written > length && line >= 0 && line < text.length() - 1;
        return (cut ? text.substring(line + 1) : text).strip();
    }
}
