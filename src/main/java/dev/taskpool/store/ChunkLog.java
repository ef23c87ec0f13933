package dev.taskpool.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32C;
import org.h2.mvstore.DataUtils;
import org.h2.store.fs.FilePath;
import org.jspecify.annotations.Nullable;

/**
 * Which chunks H2 wrote into its file, with a checksum of each, and which of them are sure to be on the disk; a file beside
 * H2's. H2 checks no more of a chunk than its first and last line: it believes one whose middle a loss of power kept from the
 * disk, and bytes of a client that look like one. For one thread at a time.
 */
final class ChunkLog implements AutoCloseable {
    private static final int RECORD_BYTES = 48;
    private static final int CHECKED_BYTES = RECORD_BYTES - Integer.BYTES;
    private static final int MAX_BYTES = 1 << 20;
    private static final int PIECE_BYTES = 1 << 20;
    private static final int WRITTEN = 0x7a6b0001;
    private static final int SYNCED = 0x7a6b0002;

    /**
     * A chunk in H2's file.
     *
     * @param id its number, as H2 gave it
     * @param version of the state that it ends
     * @param start where it begins, in bytes
     * @param length in bytes
     * @param checksum CRC-32C of all of it
     */
    record Chunk(long id, long version, long start, long length, int checksum) {
        private boolean overlaps(Chunk other) {
            return start < other.start + other.length && other.start < start + length;
        }
    }

    private final FilePath path;
    private @Nullable FileChannel file;
    private long end;

    /** @param path of the log; opened when something is written */
    ChunkLog(FilePath path) {
        this.path = path;
    }

    /**
     * Returns the chunks that may be the newest: the last that is sure to be on the disk, and those written since, in order and
     * without those that another was written over; empty where nothing is known.
     */
    List<Chunk> candidates() throws IOException {
        if (!path.exists()) {
            return List.of();
        }
        List<Chunk> found = new ArrayList<>();
        boolean based = false;
        try (FileChannel in = path.open("r")) {
            long size = in.size() / RECORD_BYTES * RECORD_BYTES;
            ByteBuffer record = ByteBuffer.allocate(RECORD_BYTES);
            for (long at = 0; at < size; at += RECORD_BYTES) {
                record.clear();
                DataUtils.readFully(in, at, record);
                int kind = record.getInt(0);
                if (record.getInt(CHECKED_BYTES) != checksum(record.slice(0, CHECKED_BYTES))
                        || (kind != WRITTEN && kind != SYNCED)) {
                    break; // what a kill cut off is the last
                }
                if (kind == SYNCED) {
                    found.clear();
                    based = true;
                }
                Chunk chunk = new Chunk(
                        record.getLong(8),
                        record.getLong(16),
                        record.getLong(24),
                        record.getLong(32),
                        record.getInt(40));
                found.removeIf(chunk::overlaps);
                found.add(chunk);
            }
        }
        return based ? found : List.of();
    }

    /** Begins anew, from what is on the disk: at every moment the old log or the new one is there. */
    void restart(@Nullable Chunk synced) throws IOException {
        close();
        FilePath next = FilePath.get(path + ".new");
        try (FileChannel out = next.open("rw")) {
            out.truncate(0);
            end = 0;
            if (synced != null) {
                add(out, SYNCED, synced);
            }
            out.force(true);
        }
        next.moveTo(path, true);
        // What is written from now on counts only if the new one is found after a loss of power.
        try (FileChannel folder =
                FileChannel.open(Path.of(path.unwrap().getParent().toString()), StandardOpenOption.READ)) {
            folder.force(true);
        }
    }

    /** A chunk was written. */
    void written(Chunk chunk) throws IOException {
        add(opened(), WRITTEN, chunk);
    }

    /** All that was written up to a chunk is on the disk. */
    void synced(Chunk newest) throws IOException {
        if (end > MAX_BYTES) {
            restart(newest);
        } else {
            FileChannel out = opened();
            add(out, SYNCED, newest);
            out.force(false);
        }
    }

    private void add(FileChannel out, int kind, Chunk chunk) throws IOException {
        ByteBuffer record = ByteBuffer.allocate(RECORD_BYTES)
                .putInt(0, kind)
                .putLong(8, chunk.id)
                .putLong(16, chunk.version)
                .putLong(24, chunk.start)
                .putLong(32, chunk.length)
                .putInt(40, chunk.checksum);
        record.putInt(CHECKED_BYTES, checksum(record.slice(0, CHECKED_BYTES)));
        DataUtils.writeFully(out, end, record);
        end += RECORD_BYTES;
    }

    private FileChannel opened() throws IOException {
        FileChannel out = file;
        if (out == null) {
            out = path.open("rw");
            file = out;
        }
        return out;
    }

    /** Returns the checksum of some bytes, which are read to their end. */
    static int checksum(ByteBuffer bytes) {
        CRC32C crc = new CRC32C();
        crc.update(bytes);
        return (int) crc.getValue();
    }

    /** Returns the checksum of a part of a file; nothing that any part has, where it ends before. */
    static long checksum(FileChannel in, long start, long length) throws IOException {
        if (start < 0 || length < 0 || start + length > in.size()) {
            return Long.MIN_VALUE;
        }
        CRC32C crc = new CRC32C();
        ByteBuffer piece = ByteBuffer.allocate((int) Math.min(length, PIECE_BYTES));
        for (long at = 0; at < length; at += piece.capacity()) {
            piece.clear().limit((int) Math.min(piece.capacity(), length - at));
            DataUtils.readFully(in, start + at, piece);
            crc.update(piece);
        }
        return (int) crc.getValue();
    }

    @Override
    public void close() throws IOException {
        FileChannel out = file;
        if (out != null) {
            file = null;
            out.close();
        }
    }
}
