package dev.taskpool.journal;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/** Finds the frames of one segment. For one thread; does not own the file. */
final class SegmentReader {
    private static final int WINDOW_BYTES = 1 << 20;

    private final JournalFile file;
    private final long nonce;
    private final long size;
    private final CRC32C crc = new CRC32C();

    // The part of the file in memory: `loaded` bytes from `start` on.
    private ByteBuffer window;
    private long start;
    private int loaded;

    // Of the frame that frameAt found last.
    private long sequence;
    private int payloadAt;
    private int payloadBytes;

    SegmentReader(JournalFile file, SegmentHeader header) throws IOException {
        this.file = file;
        this.nonce = header.nonce();
        this.size = file.size();
        this.window = ByteBuffer.allocateDirect((int) Math.min(size, WINDOW_BYTES));
    }

    /** {@return the bytes of the whole and sound frame of this segment at a position, or 0 if there is none} */
    int frameAt(long position) throws IOException {
        if (position + Frame.HEADER_BYTES > size) {
            return 0;
        }
        int at = load(position, Frame.HEADER_BYTES);
        int length = window.getInt(at + Frame.LENGTH_AT);
        if (length <= 0 || length > Frame.MAX_PAYLOAD_BYTES || window.getLong(at + Frame.NONCE_AT) != nonce) {
            return 0;
        }
        int bytes = Frame.bytes(length);
        if (position + bytes > size) {
            return 0;
        }
        at = load(position, bytes);
        if (window.getInt(at + Frame.CRC_AT) != Frame.checksum(crc, window, at, bytes)) {
            return 0;
        }
        sequence = window.getLong(at + Frame.SEQUENCE_AT);
        payloadAt = at + Frame.HEADER_BYTES;
        payloadBytes = length;
        return bytes;
    }

    /** {@return the sequence of the frame found last} */
    long sequence() {
        return sequence;
    }

    /** {@return the payload of the frame found last, to be read before the next is looked for} */
    ByteBuffer payload() {
        return window.slice(payloadAt, payloadBytes).asReadOnlyBuffer();
    }

    /** {@return how many sound frames begin anywhere from a position on} */
    long countFrom(long position) throws IOException {
        long count = 0;
        long at = position;
        while (at + Frame.HEADER_BYTES <= size) {
            int bytes = frameAt(at);
            count += bytes > 0 ? 1 : 0;
            at += bytes > 0 ? bytes : Frame.ALIGNMENT;
        }
        return count;
    }

    /** {@return whether a frame of this segment was begun at a position: its header is there, whatever the rest is} */
    boolean begunAt(long position) throws IOException {
        return position + Frame.HEADER_BYTES <= size
                && window.getLong(load(position, Frame.HEADER_BYTES) + Frame.NONCE_AT) == nonce;
    }

    /** Brings a range, which must lie inside the file, into the window. Returns where in the window it begins. */
    private int load(long position, int bytes) throws IOException {
        if (position < start || position + bytes > start + loaded) {
            if (bytes > window.capacity()) {
                window = ByteBuffer.allocateDirect(bytes);
            }
            window.clear().limit((int) Math.min(window.capacity(), size - position));
            file.readFully(window, position);
            start = position;
            loaded = window.position();
            window.clear();
            if (loaded < bytes) {
                throw new IOException("the file became shorter while it was read");
            }
        }
        return (int) (position - start);
    }
}
