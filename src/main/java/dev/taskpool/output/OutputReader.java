package dev.taskpool.output;

import java.io.IOException;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Reads both streams of a task in the order in which they were written, also while they are. For one thread. */
public final class OutputReader implements AutoCloseable {
    /** A longer pause is seen in the times of the pieces. */
    private static final long PAUSE_MILLIS = 100;

    /** Says how much there is now. */
    interface Source {
        Extents extents() throws IOException;
    }

    private final Source source;
    private final StreamReader stdout;
    private final StreamReader stderr;
    private Extents there;
    private long position;

    /** The beginning of a character whose rest is to come. */
    private Entry.@Nullable Chunk held;

    OutputReader(Source source, StreamReader stdout, StreamReader stderr) throws IOException {
        this.source = source;
        this.stdout = stdout;
        this.stderr = stderr;
        this.there = source.extents();
        upTo(there);
    }

    private void upTo(Extents extents) {
        there = extents;
        stdout.upTo(extents.stdout());
        stderr.upTo(extents.stderr());
    }

    /** Goes to a position: what is told next begins there or, where that is dropped, behind it. */
    public void seek(long to) throws IOException {
        position = to;
        held = null;
        stdout.seekPosition(to);
        stderr.seekPosition(to);
    }

    /** Goes to where the last lines begin that are there now; 0 is the end. A line end counts whichever stream has it. */
    public void seekLines(int lines) throws IOException {
        long end = there.position();
        seek(end);
        if (lines == 0) {
            return;
        }
        for (long window = StreamReader.SCAN_BYTES; ; window *= 8) {
            long from = Math.max(0, end - window);
            seek(from);
            LastLines last = new LastLines(lines);
            Entry seen = next(StreamReader.SCAN_BYTES, true);
            while (seen != null && position <= end) {
                if (seen instanceof Entry.Chunk chunk) {
                    last.see(chunk.bytes(), chunk.bytes().length, chunk.position());
                }
                seen = position < end ? next(StreamReader.SCAN_BYTES, true) : null;
            }
            long begin = last.begin(end);
            if (begin >= 0 || from == 0) {
                seek(Math.max(0, begin));
                return;
            }
        }
    }

    /** Returns the position behind what was told. */
    public long position() {
        return position;
    }

    /** Returns the position behind the last byte that there was when last looked. */
    public long end() {
        return there.position();
    }

    /**
     * Returns the next piece. Does not break UTF-8 characters, where the output is UTF-8.
     *
     * @param most bytes of it, at least 8
     * @param last whether no more will be written: then a broken character is told too
     * @return null where there is no more now
     */
    public @Nullable Entry next(int most, boolean last) throws IOException {
        Entry next = known(most, last);
        if (next == null) {
            upTo(source.extents());
            next = known(most, last);
        }
        if (next instanceof Entry.Chunk chunk) {
            position = chunk.end();
        }
        return next;
    }

    private @Nullable Entry known(int most, boolean last) throws IOException {
        Entry.Chunk begun = held;
        if (begun != null) {
            StreamReader own = begun.stderr() ? stderr : stdout;
            StreamReader other = begun.stderr() ? stdout : stderr;
            boolean goesOn = own.dropped() == 0 && own.ready() && own.position() == begun.end();
            if (goesOn) {
                Entry.Chunk rest = own.chunk(most - begun.bytes().length, PAUSE_MILLIS);
                if (rest != null) {
                    held = null;
                    return whole(joined(begun, rest), last);
                }
            }
            if (own.dropped() > 0 || own.ready() || other.ready() || last) {
                held = null;
                return begun;
            }
            return null;
        }
        Entry.Dropped dropped = dropped(stdout, false);
        if (dropped == null) {
            dropped = dropped(stderr, true);
        }
        if (dropped != null) {
            return dropped;
        }
        boolean out = stdout.ready();
        boolean err = stderr.ready();
        if (!out && !err) {
            return null;
        }
        StreamReader next = out && (!err || stdout.position() < stderr.position()) ? stdout : stderr;
        Entry.Chunk chunk = next.chunk(most, PAUSE_MILLIS);
        return chunk == null ? null : whole(chunk, last);
    }

    private Entry.@Nullable Dropped dropped(StreamReader stream, boolean isStderr) throws IOException {
        long bytes = stream.dropped();
        if (bytes <= 0) {
            return null;
        }
        Entry.Dropped dropped = new Entry.Dropped(isStderr, stream.offset(), position, bytes);
        stream.seek(stream.offset() + bytes);
        return dropped;
    }

    /** Holds back the beginning of a character at the end of a piece. */
    private @Nullable Entry whole(Entry.Chunk chunk, boolean last) throws IOException {
        byte[] bytes = chunk.bytes();
        int begun = begun(bytes);
        if (begun == 0) {
            return chunk;
        }
        int whole = bytes.length - begun;
        held = new Entry.Chunk(
                chunk.stderr(),
                chunk.offset() + whole,
                chunk.position() + whole,
                chunk.millis(),
                chunk.attempt(),
                Arrays.copyOfRange(bytes, whole, bytes.length));
        return whole == 0
                ? known(8, last)
                : new Entry.Chunk(
                        chunk.stderr(),
                        chunk.offset(),
                        chunk.position(),
                        chunk.millis(),
                        chunk.attempt(),
                        Arrays.copyOf(bytes, whole));
    }

    private static Entry.Chunk joined(Entry.Chunk first, Entry.Chunk second) {
        byte[] bytes = Arrays.copyOf(first.bytes(), first.bytes().length + second.bytes().length);
        System.arraycopy(second.bytes(), 0, bytes, first.bytes().length, second.bytes().length);
        return new Entry.Chunk(
                first.stderr(), first.offset(), first.position(), first.millis(), first.attempt(), bytes);
    }

    /** Returns how many bytes at the end are the beginning of a UTF-8 character (RFC 3629) whose rest is missing. */
    private static int begun(byte[] bytes) {
        for (int back = 1; back <= Math.min(3, bytes.length); back++) {
            int b = bytes[bytes.length - back] & 0xff;
            if (b >= 0xc2 && b <= 0xf4) {
                int needs = b >= 0xf0 ? 4 : b >= 0xe0 ? 3 : 2;
                return back < needs ? back : 0;
            }
            if (b < 0x80 || b >= 0xc0) {
                return 0;
            }
        }
        return 0;
    }

    /** Takes no memory until it is read from again. */
    public void pause() {
        stdout.pause();
        stderr.pause();
    }

    @Override
    public void close() throws IOException {
        try (stdout) {
            stderr.close();
        }
    }
}
