package dev.taskpool.journal;

import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/**
 * The layout of one frame, big-endian, at a multiple of 8 in its segment:
 *
 * <pre>
 *  0  int   CRC-32C of everything from offset 4 to the end of the padding
 *  4  int   payload length in bytes, at least 1; 0 means that no frame begins here
 *  8  long  the segment's nonce, which tells this segment's frames from what a recycled file held before
 * 16  long  sequence
 * 24        payload, then zeros up to a multiple of 8
 * </pre>
 */
final class Frame {
    static final int HEADER_BYTES = 24;
    static final int ALIGNMENT = 8;
    static final int MAX_PAYLOAD_BYTES = 1 << 30;

    static final int CRC_AT = 0;
    static final int LENGTH_AT = 4;
    static final int NONCE_AT = 8;
    static final int SEQUENCE_AT = 16;

    private Frame() {}

    /** {@return the bytes that a frame takes, header and padding included} */
    static int bytes(int payloadBytes) {
        return (HEADER_BYTES + payloadBytes + ALIGNMENT - 1) & -ALIGNMENT;
    }

    /** Fills {@code target} from 0 to its new limit with a frame. Leaves the payload's position as it is; allocates nothing. */
    static void encode(ByteBuffer target, CRC32C crc, long nonce, long sequence, ByteBuffer payload) {
        int length = payload.remaining();
        int bytes = bytes(length);
        target.clear();
        target.putLong(bytes - ALIGNMENT, 0L); // the padding, before the payload overwrites its part of these 8 bytes
        target.putInt(LENGTH_AT, length);
        target.putLong(NONCE_AT, nonce);
        target.putLong(SEQUENCE_AT, sequence);
        target.put(HEADER_BYTES, payload, payload.position(), length);
        target.putInt(CRC_AT, checksum(crc, target, 0, bytes));
        target.limit(bytes).position(0);
    }

    /** Computes the checksum that belongs into the frame at {@code at}; leaves the buffer cleared. */
    static int checksum(CRC32C crc, ByteBuffer buffer, int at, int bytes) {
        crc.reset();
        buffer.limit(at + bytes).position(at + LENGTH_AT);
        crc.update(buffer);
        buffer.clear();
        return (int) crc.getValue();
    }
}
