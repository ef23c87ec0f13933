package dev.taskpool.output;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The files of one stream: the beginning, and beside it the ring of the end, where the stream is long enough to have one.
 *
 * @param head the file of the beginning
 */
record StreamFiles(Path head) {
    /**
     * Where a stream ends.
     *
     * @param total bytes ever written to it
     * @param position behind its last byte
     * @param millis when that came
     * @param attempt that wrote it
     */
    record End(Cap cap, long total, long position, long millis, int attempt) {}

    /** Returns the file of a segment, which may have that of an earlier one as long as this one does not exist. */
    Path segment(long index) {
        return index == 0 ? head : slot((int) (index % Cap.RING));
    }

    private Path slot(int number) {
        return head.resolveSibling(head.getFileName() + "." + number);
    }

    /** Opens a segment; returns null where it is not there, or no longer. */
    @Nullable
    SegmentReader open(long index) throws IOException {
        SegmentReader segment = SegmentReader.open(segment(index));
        if (segment != null && segment.index() != index) {
            segment.close();
            return null;
        }
        return segment;
    }

    /** Returns the number of the newest segment, or -1 where there is none. */
    long newest() throws IOException {
        long newest = -1;
        try (SegmentReader first = SegmentReader.open(head)) {
            if (first == null) {
                return newest;
            }
            newest = 0;
            // The beginning holds its bytes and more: a file that is smaller is not full, and there is no ring.
            if (Files.size(head) < first.cap().head()) {
                return newest;
            }
        }
        for (int i = 0; i < Cap.RING; i++) {
            try (SegmentReader segment = SegmentReader.open(slot(i))) {
                newest = segment == null ? newest : Math.max(newest, segment.index());
            }
        }
        return newest;
    }

    /** Returns where the stream ends, or null where there is none. */
    @Nullable
    End end() throws IOException {
        try (SegmentReader last = open(newest())) {
            return last == null ? null : end(last);
        }
    }

    private static End end(SegmentReader last) throws IOException {
        last.toEnd();
        return new End(last.cap(), last.offset(), last.position(), last.millis(), last.attempt());
    }

    /**
     * As {@link #end}, and makes the last record whole where a kill or a full disk has cut it: what is there of it stays,
     * since somebody may have read it.
     */
    @Nullable
    End mended() throws IOException {
        long newest = newest();
        try (SegmentReader last = open(newest)) {
            if (last == null) {
                return null;
            }
            int missing = last.toEnd();
            End end = new End(last.cap(), last.offset(), last.position(), last.millis(), last.attempt());
            Path path = segment(newest);
            if (missing > 0 || Files.size(path) > last.at()) {
                try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
                    if (missing > 0) {
                        shorten(file, last.recordAt(), last.length() - missing);
                    } else {
                        file.setLength(last.at());
                    }
                }
            }
            return end;
        }
    }

    /** Writes another length into a record, in as many bytes as the old one has: a varint may have leading zeros. */
    private static void shorten(RandomAccessFile file, long recordAt, int length) throws IOException {
        file.seek(recordAt);
        int first = file.read();
        long value = ((long) length << 1) | (first & 1);
        int old = first;
        long at = recordAt;
        while (true) {
            boolean more = old >= 0x80;
            file.seek(at++);
            file.write((int) (value & 0x7f) | (more ? 0x80 : 0));
            value >>>= 7;
            if (!more) {
                return;
            }
            old = file.read();
        }
    }

    /** Returns the files of a stream of so many bytes. */
    List<Path> present(Cap cap, long total) {
        List<Path> all = new ArrayList<>(List.of(head));
        for (int i = 0; total > cap.head() && i < Cap.RING; i++) {
            if (Files.exists(slot(i))) {
                all.add(slot(i));
            }
        }
        return all;
    }

    /** Removes all; returns whether there was anything. */
    boolean delete() throws IOException {
        // The ring first: what a failure leaves is found again by its beginning.
        boolean ring = Files.exists(head);
        for (int i = 0; ring && i < Cap.RING; i++) {
            Files.deleteIfExists(slot(i));
        }
        return Files.deleteIfExists(head);
    }
}
