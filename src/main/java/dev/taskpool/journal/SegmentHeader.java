package dev.taskpool.journal;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * The first 64 bytes of a segment, big-endian. Magic, version and checksum keep their places in every later version.
 *
 * <pre>
 *  0  long  magic
 *  8  int   version
 * 12  int   0
 * 16  long  id, the same as in the file's name
 * 24  long  nonce
 * 32  long  first: the sequence of the first frame here
 * 40        zeros
 * 60  int   CRC-32C of the 60 bytes before
 * </pre>
 *
 * @param id orders the segments; never used twice
 * @param nonce random, repeated in each frame: a payload cannot pretend to hold frames, nor can an older use of the
 *     file
 * @param first the sequence that comes first in this segment. It also ends the segment before: whatever that one holds
 *     from this sequence on is void. So a new segment takes back a frame whose append failed, without a write to the
 *     file that failed.
 */
record SegmentHeader(long id, long nonce, long first) {
    static final int BYTES = 64;
    static final int VERSION = 1;

    private static final long MAGIC = 0x5450_4A4F_5552_4E4CL; // "TPJOURNL"
    private static final int VERSION_AT = 8;
    private static final int ID_AT = 16;
    private static final int NONCE_AT = 24;
    private static final int FIRST_AT = 32;
    private static final int CRC_AT = 60;

    ByteBuffer encode() {
        ByteBuffer buffer = ByteBuffer.allocateDirect(BYTES);
        buffer.putLong(0, MAGIC)
                .putInt(VERSION_AT, VERSION)
                .putLong(ID_AT, id)
                .putLong(NONCE_AT, nonce)
                .putLong(FIRST_AT, first);
        return buffer.putInt(CRC_AT, checksum(buffer));
    }

    /**
     * Reads the header of the file called {@code name}.
     *
     * @return empty if it is damaged or another file's
     * @throws JournalVersionException if it is sound, and of another version
     */
    static Optional<SegmentHeader> read(JournalFile file, String name, long id) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocateDirect(BYTES);
        file.readFully(buffer, 0);
        if (buffer.hasRemaining() || buffer.getLong(0) != MAGIC || buffer.getInt(CRC_AT) != checksum(buffer)) {
            return Optional.empty();
        }
        if (buffer.getInt(VERSION_AT) != VERSION) {
            throw new JournalVersionException(name, buffer.getInt(VERSION_AT));
        }
        SegmentHeader header =
                new SegmentHeader(buffer.getLong(ID_AT), buffer.getLong(NONCE_AT), buffer.getLong(FIRST_AT));
        return header.id == id && header.first > 0 ? Optional.of(header) : Optional.empty();
    }

    private static int checksum(ByteBuffer buffer) {
        CRC32C crc = new CRC32C();
        crc.update(buffer.duplicate().position(0).limit(CRC_AT));
        return (int) crc.getValue();
    }
}
