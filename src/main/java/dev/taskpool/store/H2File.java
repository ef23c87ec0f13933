package dev.taskpool.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import org.h2.mvstore.DataUtils;
import org.h2.store.fs.FilePath;
import org.h2.store.fs.FilePathWrapper;
import org.jspecify.annotations.Nullable;

/**
 * A layer of H2's file system that has H2 find the newest state in its file after a kill: {@code jdbc:h2:taskpool:async:...}.
 *
 * <p>H2's file is a set of chunks, each with a version; the newest whose chunks are all there is the state. H2 looks at no more than the first
 * and last line of a chunk, and so takes one for whole whose middle a loss of power kept from the disk, and data of a client that looks like a
 * chunk for one. A {@link ChunkLog} knows better, and says which is the newest. What is written and not yet sure to be on the disk counts only where all of
 * it is as it was written.
 *
 * <p>So where the header has no mark of a clean stop, this shows H2 a header that names that chunk, and behind the end of the file a chunk that is
 * not valid: that, and what follows the named one, is all that H2 tries after a stop that was not clean ({@code RandomAccessStore.readStoreHeader}). Where the
 * chunk lacks something, H2 looks at every block itself, which is right and slow; and without a log of this file it is left to its own ways. And this takes the
 * mark of a clean stop away before anything is written, where H2 does so afterwards.
 */
public final class H2File extends FilePathWrapper {
    static final String SCHEME = "taskpool";

    private static final int BLOCK_BYTES = 4096;
    private static final int HEADER_BYTES = 2 * BLOCK_BYTES;
    private static final int FOOTER_BYTES = 128;
    private static final int MAX_CHUNK_HEADER_BYTES = 1024;
    private static final String CLEAN = "clean";

    /** How the names of H2's files end, and what that of the log has behind it. */
    private static final String DATABASE = ".mv.db";

    private static final String LOG = ".chunks";
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
        FilePath path = unwrap();
        boolean logged = path.getName().endsWith(DATABASE) && !mode.equals("r");
        return new Channel(path.open(mode), logged ? new ChunkLog(FilePath.get(path + LOG)) : null);
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

    /** Returns the newest chunk that is on the disk as it was written, with all that were written before; null where that is not known. */
    private static @Nullable Chunk logged(FileChannel file, List<ChunkLog.Chunk> candidates) throws IOException {
        ChunkLog.Chunk newest = null;
        for (ChunkLog.Chunk each : candidates) {
            if (ChunkLog.checksum(file, each.start(), each.length()) != each.checksum()) {
                break;
            }
            // A copy that a compaction made is no newer.
            if (newest == null || each.version() > newest.version()) {
                newest = each;
            }
        }
        return newest == null
                ? null
                : new Chunk(Long.toHexString(newest.id()), newest.version(), newest.start() / BLOCK_BYTES);
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

    private static final class Channel extends FileLayer {
        private final @Nullable ChunkLog log;

        /** The newest chunk in the file that is not only a guess; null where it has none. Guarded by this. */
        private ChunkLog.@Nullable Chunk newest;

        /** Whether the log speaks of this file as it is. Guarded by this. */
        private boolean logging;

        /** What is shown until something is written, since H2 writes nothing while it looks for the newest state; null for the file itself. */
        private volatile @Nullable Shown shown;

        /** Of the file, with the mark of a clean stop; empty where it has none. Guarded by this. */
        private Map<String, String> cleanHeader = Map.of();

        /**
         * What is not in the file.
         *
         * @param size of the file as it is shown, in bytes
         * @param instead of what is in the file, by position
         */
        private record Shown(long size, Map<Long, ByteBuffer> instead) {
            int read(FileChannel file, ByteBuffer target, long position) throws IOException {
                int wanted = (int) Math.min(target.remaining(), size - position);
                if (wanted <= 0) {
                    return target.hasRemaining() ? -1 : 0;
                }
                ByteBuffer part = target.slice(target.position(), wanted);
                part.put(0, new byte[wanted]); // the file may end before
                long at = position;
                for (int n = file.read(part, at); n > 0; n = file.read(part, at)) {
                    at += n;
                }
                instead.forEach((start, bytes) -> {
                    long from = Math.max(start, position);
                    long length = Math.min(start + bytes.capacity(), position + wanted) - from;
                    if (length > 0) {
                        part.put((int) (from - position), bytes, (int) (from - start), (int) length);
                    }
                });
                target.position(target.position() + wanted);
                return wanted;
            }
        }

        /** @param log null where none is kept */
        Channel(FileChannel file, @Nullable ChunkLog log) throws IOException {
            super(file);
            this.log = log;
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
                note(first);
                return;
            }
            List<ChunkLog.Chunk> candidates = log == null ? List.of() : log.candidates();
            Chunk found = logged(file, candidates);
            Map<String, String> header = first.isEmpty() ? new LinkedHashMap<>(second) : first;
            if (found != null && !header.isEmpty()) {
                header.remove("fletcher");
                header.remove(CLEAN);
                header.put("block", Long.toHexString(found.block));
                header.put("chunk", found.id);
                header.put("version", Long.toHexString(found.version));
                note(header);
                Map<Long, ByteBuffer> instead = new HashMap<>();
                // Where H2 looks for what follows, and what may be there and is not whole; a copy of an older one
                // may be there too.
                instead.put(next(found), ByteBuffer.allocate(BLOCK_BYTES));
                for (ChunkLog.Chunk each : candidates) {
                    if (each.version() > found.version) {
                        instead.put(each.start(), ByteBuffer.allocate(BLOCK_BYTES));
                    } else {
                        instead.remove(each.start());
                    }
                }
                long end = (file.size() + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
                instead.put(0L, header(header));
                instead.put(end, INVALID_CHUNK);
                shown = new Shown(end + BLOCK_BYTES, instead);
            }
        }

        /** Returns where a chunk expects its successor; behind all where it does not say. */
        private long next(Chunk chunk) throws IOException {
            ByteBuffer line = ByteBuffer.allocate(MAX_CHUNK_HEADER_BYTES);
            DataUtils.readFully(file, chunk.block * BLOCK_BYTES, line);
            long next = number(fields(line, "chunk:"), "next");
            return next < 0 ? file.size() : next * BLOCK_BYTES;
        }

        /** Remembers the chunk that a header names. */
        private void note(Map<String, String> header) throws IOException {
            long start = number(header, "block") * BLOCK_BYTES;
            if (log == null || start < HEADER_BYTES || start + MAX_CHUNK_HEADER_BYTES > file.size()) {
                return;
            }
            ByteBuffer line = ByteBuffer.allocate(MAX_CHUNK_HEADER_BYTES);
            DataUtils.readFully(file, start, line);
            Map<String, String> fields = fields(line, "chunk:");
            long length = number(fields, "len") * BLOCK_BYTES;
            long checksum = ChunkLog.checksum(file, start, length);
            if (checksum == (int) checksum && length > 0) {
                newest = new ChunkLog.Chunk(
                        number(fields, "chunk"), number(fields, "version"), start, length, (int) checksum);
            }
        }

        /** Writes, and notes it where it is a chunk: H2 writes each at once. */
        private void put(ByteBuffer source, long position) throws IOException {
            ByteBuffer all = source.duplicate();
            while (source.hasRemaining()) {
                file.write(source, position + source.position() - all.position());
            }
            if (log == null || position < HEADER_BYTES || all.remaining() < BLOCK_BYTES) {
                return;
            }
            Map<String, String> fields = fields(all.slice(all.position(), MAX_CHUNK_HEADER_BYTES), "chunk:");
            long length = number(fields, "len") * BLOCK_BYTES;
            if (length == all.remaining()) {
                ChunkLog.Chunk chunk = new ChunkLog.Chunk(
                        number(fields, "chunk"), number(fields, "version"), position, length, ChunkLog.checksum(all));
                log.written(chunk);
                if (newest == null || chunk.version() > newest.version()) {
                    newest = chunk;
                }
            }
        }

        private synchronized void changing() throws IOException {
            shown = null;
            if (!cleanHeader.isEmpty()) {
                DataUtils.writeFully(file, 0, header(cleanHeader));
                file.force(false);
                cleanHeader = Map.of();
            }
            if (log != null && !logging) {
                file.force(false);
                log.restart(newest);
                logging = true;
            }
        }

        @Override
        public synchronized int write(ByteBuffer source, long position) throws IOException {
            changing();
            int length = source.remaining();
            put(source, position);
            return length;
        }

        @Override
        public int write(ByteBuffer source) throws IOException {
            changing();
            return super.write(source);
        }

        @Override
        public FileChannel truncate(long size) throws IOException {
            changing();
            return super.truncate(size);
        }

        @Override
        @SuppressWarnings("UnsynchronizedOverridesSynchronized") // the file below takes any number of them
        public int read(ByteBuffer target, long position) throws IOException {
            Shown instead = shown;
            return instead == null ? super.read(target, position) : instead.read(file, target, position);
        }

        @Override
        public long size() throws IOException {
            Shown instead = shown;
            return instead == null ? super.size() : instead.size;
        }

        @Override
        public void force(boolean metaData) throws IOException {
            ChunkLog.Chunk before = newest();
            file.force(metaData);
            if (before != null) {
                synced(before);
            }
        }

        private synchronized ChunkLog.@Nullable Chunk newest() {
            return newest;
        }

        private synchronized void synced(ChunkLog.Chunk chunk) throws IOException {
            if (log != null && logging) {
                log.synced(chunk);
            }
        }

        @Override
        protected void implCloseChannel() throws IOException {
            if (log != null) {
                log.close();
            }
            super.implCloseChannel();
        }
    }
}
