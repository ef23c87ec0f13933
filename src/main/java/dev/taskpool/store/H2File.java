package dev.taskpool.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.StringJoiner;
import org.h2.mvstore.DataUtils;
import org.h2.store.fs.FileBase;
import org.h2.store.fs.FilePath;
import org.h2.store.fs.FilePathWrapper;
import org.jspecify.annotations.Nullable;

/**
 * A layer of H2's file system that has H2 find the newest state in its file after a kill: {@code jdbc:h2:taskpool:async:...}.
 *
 * <p>H2's file is a set of chunks, each with a version; the newest whose chunks are all there is the state. After a stop
 * that was not clean H2 takes a short cut (2.4.240 and 2.5.252, {@code RandomAccessStore.readStoreHeader}): only the chunk that the
 * header names, those that follow it by each one's guess of where the next will be, and the last in the file are tried. That goes wrong where
 * <ul>
 *   <li>the header names the chunk before the newest, as it does whenever a chunk was not written where it was guessed
 *       ({@code FileStore.storeBuffer}: {@code writeChunk(c); lastChunk = c}),
 *   <li>a new chunk was written over a dead one of that row, and the kill came before the header,
 *   <li>the last in the file is a copy from a compaction that was killed, or just old, but with all of its chunks.
 * </ul>
 * H2 then opens a state that is many checkpoints old, or takes the copy for the chunk, and gives away the place of the chunk itself.
 * Of 92 kills in a test of H2 alone 35 lost some checkpoints.
 *
 * <p>So where the header has no mark of a clean stop, this looks for the newest chunk, and shows a header that names it, and behind the end of
 * the file a chunk that is not valid. That is all that the short cut finds; where the newest lacks something, H2 looks at every block itself, which is right
 * and slow. And this takes the mark of a clean stop away before anything is written, where H2 does so afterwards: a chunk that
 * was not found for that would become a rival to the next of its version.
 */
public final class H2File extends FilePathWrapper {
    static final String SCHEME = "taskpool";

    private static final int BLOCK_BYTES = 4096;
    private static final int HEADER_BYTES = 2 * BLOCK_BYTES;
    private static final int FOOTER_BYTES = 128;
    private static final int MAX_CHUNK_HEADER_BYTES = 1024;
    private static final int PIECE_BYTES = 1 << 20;
    private static final String CLEAN = "clean";
    private static final ByteBuffer INVALID_CHUNK = invalidChunk();

    /** For H2, which makes one for each path. */
    public H2File() {}

    /** Makes the scheme known to H2. */
    static void register() {
        FilePath.register(new H2File());
    }

    @Override
    public String getScheme() {
        return SCHEME;
    }

    @Override
    public FileChannel open(String mode) throws IOException {
        return new Channel(unwrap().open(mode));
    }

    /** Header and footer are in order, with the highest id and the lowest version; its root page is all zeros. */
    private static ByteBuffer invalidChunk() {
        int id = (1 << 26) - 1;
        String start = "chunk:" + Integer.toHexString(id) + ",len:1";
        String version = ",version:0";
        long root = (long) id << 38 | (BLOCK_BYTES / 2) << 6;
        String header =
                start + ",pages:1,max:20,map:1,root:" + Long.toHexString(root) + ",time:0" + version + ",toc:400\n";
        ByteBuffer block = ByteBuffer.allocate(BLOCK_BYTES);
        block.put(0, bytes(header));
        StringBuilder footer = new StringBuilder(checked(start + version));
        while (footer.length() < FOOTER_BYTES - 1) {
            footer.append(' ');
        }
        block.put(BLOCK_BYTES - FOOTER_BYTES, bytes(footer.append('\n').toString()));
        return block;
    }

    /** A chunk in the file. */
    private record Chunk(String id, long version, long block) {}

    /** Returns the newest chunk that is whole; null where there is none. */
    private static @Nullable Chunk newest(FileChannel file) throws IOException {
        Chunk newest = null;
        ByteBuffer piece = ByteBuffer.allocate(PIECE_BYTES);
        for (long at = HEADER_BYTES; at < file.size(); at += PIECE_BYTES) {
            piece.clear();
            long read = at;
            for (int n = file.read(piece, read); n > 0; n = file.read(piece, read)) {
                read += n;
            }
            for (int start = 0; start + BLOCK_BYTES <= piece.position(); start += BLOCK_BYTES) {
                if (piece.get(start) != 'c') {
                    continue;
                }
                Map<String, String> fields = fields(piece.slice(start, MAX_CHUNK_HEADER_BYTES), "chunk:");
                long version = number(fields, "version");
                long block = (at + start) / BLOCK_BYTES;
                // Of two copies H2 takes the first as well.
                if (version > (newest == null ? -1 : newest.version) && isWhole(file, block, fields)) {
                    newest = new Chunk(Objects.requireNonNull(fields.get("chunk")), version, block);
                }
            }
        }
        return newest;
    }

    /** Whether the chunk's footer is where its header says. */
    private static boolean isWhole(FileChannel file, long block, Map<String, String> header) throws IOException {
        long end = (block + number(header, "len")) * BLOCK_BYTES;
        if (end <= block * BLOCK_BYTES || end > file.size()) {
            return false;
        }
        ByteBuffer bytes = ByteBuffer.allocate(FOOTER_BYTES);
        DataUtils.readFully(file, end - FOOTER_BYTES, bytes);
        Map<String, String> footer = fields(bytes, "chunk:");
        for (String name : List.of("chunk", "len", "version")) {
            if (!Objects.equals(header.get(name), footer.get(name))) {
                return false;
            }
        }
        return true;
    }

    /** Reads {@code name:content,...} up to the end of the line; empty where the bytes begin otherwise, or the checksum is wrong. */
    private static Map<String, String> fields(ByteBuffer source, String start) {
        byte[] bytes = new byte[source.remaining()];
        source.get(source.position(), bytes);
        String text = new String(bytes, StandardCharsets.ISO_8859_1);
        int line = text.indexOf('\n');
        if (!text.startsWith(start) || line < 0) {
            return Map.of();
        }
        String content = text.substring(0, line).strip();
        int checksum = content.indexOf(",fletcher:");
        if (checksum >= 0 && !checked(content.substring(0, checksum)).equals(content)) {
            return Map.of();
        }
        Map<String, String> fields = new LinkedHashMap<>();
        for (String field : content.split(",")) {
            int colon = field.indexOf(':');
            if (colon < 0) {
                return Map.of();
            }
            fields.put(field.substring(0, colon), field.substring(colon + 1));
        }
        return fields;
    }

    /** Returns a hexadecimal field, or -1 where there is none. */
    private static long number(Map<String, String> fields, String name) {
        String text = fields.get(name);
        try {
            return text == null ? -1 : Long.parseLong(text, 16);
        } catch (NumberFormatException e) {
            return -1;
        }
    }

    /** Both copies of a header. */
    private static ByteBuffer header(Map<String, String> fields) {
        StringJoiner text = new StringJoiner(",");
        fields.forEach((name, content) -> text.add(name + ":" + content));
        byte[] bytes = bytes(checked(text.toString()) + "\n");
        return ByteBuffer.allocate(HEADER_BYTES).put(0, bytes).put(BLOCK_BYTES, bytes);
    }

    private static String checked(String fields) {
        byte[] bytes = bytes(fields);
        return fields + ",fletcher:" + Integer.toHexString(DataUtils.getFletcher32(bytes, 0, bytes.length));
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    private static final class Channel extends FileBase {
        private final FileChannel file;
        /** What is shown until something is written, since H2 writes nothing while it looks for the newest state; null for the file itself. */
        private volatile @Nullable Shown shown;

        /** Of the file, with the mark of a clean stop; empty where it has none. Guarded by this. */
        private Map<String, String> cleanHeader = Map.of();

        /**
         * What is not in the file.
         *
         * @param header in the place of the file's own
         * @param invalidAt where the chunk is that is not valid
         */
        private record Shown(ByteBuffer header, long invalidAt) {
            byte at(FileChannel file, long position) throws IOException {
                if (position < HEADER_BYTES) {
                    return header.get((int) position);
                }
                if (position >= invalidAt) {
                    return INVALID_CHUNK.get((int) (position - invalidAt));
                }
                // The file may end with a part of a block.
                ByteBuffer one = ByteBuffer.allocate(1);
                return file.read(one, position) == 1 ? one.get(0) : 0;
            }
        }

        Channel(FileChannel file) throws IOException {
            this.file = file;
            if (file.size() < HEADER_BYTES) {
                return;
            }
            ByteBuffer both = ByteBuffer.allocate(HEADER_BYTES);
            DataUtils.readFully(file, 0, both);
            Map<String, String> first = new LinkedHashMap<>(fields(both.slice(0, BLOCK_BYTES), "H:"));
            Map<String, String> second = fields(both.slice(BLOCK_BYTES, BLOCK_BYTES), "H:");
            if (first.containsKey(CLEAN) && first.equals(second)) {
                first.remove("fletcher");
                first.remove(CLEAN);
                cleanHeader = first;
                return;
            }
            Chunk newest = newest(file);
            Map<String, String> header = first.isEmpty() ? new LinkedHashMap<>(second) : first;
            if (newest != null && !header.isEmpty()) {
                header.remove("fletcher");
                header.remove(CLEAN);
                header.put("block", Long.toHexString(newest.block));
                header.put("chunk", newest.id);
                header.put("version", Long.toHexString(newest.version));
                shown = new Shown(header(header), (file.size() + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES);
            }
        }

        private synchronized void changing() throws IOException {
            shown = null;
            if (!cleanHeader.isEmpty()) {
                DataUtils.writeFully(file, 0, header(cleanHeader));
                file.force(false);
                cleanHeader = Map.of();
            }
        }

        @Override
        public synchronized int write(ByteBuffer source, long position) throws IOException {
            changing();
            return file.write(source, position);
        }

        @Override
        public int write(ByteBuffer source) throws IOException {
            changing();
            return file.write(source);
        }

        @Override
        public FileChannel truncate(long size) throws IOException {
            changing();
            file.truncate(size);
            return this;
        }

        @Override
        public int read(ByteBuffer target) throws IOException {
            return file.read(target);
        }

        @Override
        @SuppressWarnings("UnsynchronizedOverridesSynchronized") // the file below takes any number of them
        public int read(ByteBuffer target, long position) throws IOException {
            Shown instead = shown;
            if (instead == null || (position >= HEADER_BYTES && position + target.remaining() <= file.size())) {
                return file.read(target, position);
            }
            long at = position;
            while (target.hasRemaining() && at < instead.invalidAt + BLOCK_BYTES) {
                target.put(instead.at(file, at++));
            }
            return at == position && target.hasRemaining() ? -1 : (int) (at - position);
        }

        @Override
        public long size() throws IOException {
            Shown instead = shown;
            return instead == null ? file.size() : instead.invalidAt + BLOCK_BYTES;
        }

        @Override
        public long position() throws IOException {
            return file.position();
        }

        @Override
        public FileChannel position(long position) throws IOException {
            file.position(position);
            return this;
        }

        @Override
        public void force(boolean metaData) throws IOException {
            file.force(metaData);
        }

        @Override
        public FileLock tryLock(long position, long size, boolean shared) throws IOException {
            return file.tryLock(position, size, shared);
        }

        @Override
        protected void implCloseChannel() throws IOException {
            file.close();
        }
    }
}
