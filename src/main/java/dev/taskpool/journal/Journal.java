package dev.taskpool.journal;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.List;
import java.util.function.LongSupplier;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An append-only journal of numbered frames in one directory. One thread appends; another tells what is no longer
 * needed; after a crash the rest is replayed.
 *
 * <p>A frame is whole or not there. After {@link #append} has returned, it is there. After append has thrown, and
 * {@link #failed()} says {@code false}, it is not there and never comes back. It is <em>unknown</em> whether a frame
 * comes back in two cases only: the process (or the power) ended before append returned or threw; or append threw,
 * {@code failed()} said {@code true}, and the end came before it said {@code false} again. "There" holds for what the
 * {@link Durability} survives.
 *
 * <p>One process at a time may have a directory open. The journal does not see to that; the database's lock does.
 *
 * <p>Threads: {@link #append} and {@link #close} belong to one thread, the others to any. The appending thread should not be
 * interrupted: an interrupt closes the file under it ({@link java.nio.channels.ClosedByInterruptException}), and the
 * append fails like any other, and goes on failing while the thread's interrupt flag is set.
 */
public final class Journal implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Journal.class);
    private static final int USUAL_BUFFER_BYTES = 64 << 10;
    private static final int MAX_KEPT_BUFFER_BYTES = 8 << 20;

    /**
     * How to keep the journal.
     *
     * @param segmentBytes length of a segment file, 512 bytes to 1 GiB, a multiple of 512; a frame that needs more gets
     *     a file of its own length
     * @param keptBytes how much of the files whose frames are all released is kept, at most, for a database that turns out
     *     to be older than it said; 0 keeps none
     */
    public record Options(Durability durability, int segmentBytes, Repair repair, long keptBytes) {
        /** 16 MiB. */
        public static final int DEFAULT_SEGMENT_BYTES = 16 << 20;

        /** Keeps nothing that is released. */
        public Options(Durability durability, int segmentBytes, Repair repair) {
            this(durability, segmentBytes, repair, 0);
        }

        /** @throws IllegalArgumentException if {@code segmentBytes} is out of range */
        public Options {
            if (segmentBytes < 512 || segmentBytes > 1 << 30 || segmentBytes % 512 != 0) {
                throw new IllegalArgumentException(
                        "segmentBytes must be a multiple of 512 from 512 to 1 GiB, not " + segmentBytes);
            }
        }

        /** {@return segments of 16 MiB, and no repair without being told} */
        public static Options of(Durability durability) {
            return new Options(durability, DEFAULT_SEGMENT_BYTES, Repair.REFUSE);
        }
    }

    /** Receives the frames that the database may not have yet. */
    @FunctionalInterface
    public interface Replay {
        /**
         * Called in order, without gaps.
         *
         * @param payload read-only, valid during the call
         * @throws IOException to give up; the opening fails with it
         */
        void frame(long sequence, ByteBuffer payload) throws IOException;
    }

    private final Segments segments;
    private final boolean fsync;
    private volatile long lastSequence; // written by the appending thread
    private volatile boolean failed; // written by the appending thread

    // Confined to the appending thread.
    private Segments.@Nullable Active active;
    private ByteBuffer buffer = ByteBuffer.allocateDirect(USUAL_BUFFER_BYTES);
    private final CRC32C crc = new CRC32C();
    private final ByteBuffer zeros = ByteBuffer.allocateDirect(Frame.HEADER_BYTES);
    private boolean closed;

    private Journal(Segments segments, Options options, long lastSequence) {
        this.segments = segments;
        this.fsync = options.durability() == Durability.FSYNC;
        this.lastSequence = lastSequence;
    }

    /**
     * Opens a journal, or begins one, and replays it. Everything is checked before the first frame is delivered. If the
     * disk is too full for a new segment the journal opens nevertheless, {@link #failed()}, and appends succeed when
     * there is room.
     *
     * @param directory created if it does not exist
     * <p>What is released and still kept (see {@link Options#keptBytes}) stays until the next {@link #release(long, long)}:
     * a database that is older than it was is brought up to date by it.
     *
     * @param after the last sequence that the database has durably, 0 at first. Should the journal end before it,
     *     because files were lost, sequences go on after it
     * @param replay gets the frames after {@code after}, on this thread
     * @throws JournalCorruptException if frames after {@code after} are damaged or missing that no crash can have cost,
     *     and the options say {@link Repair#REFUSE}
     * @throws JournalVersionException if a segment has another format
     * @throws IOException if a file cannot be read or written
     */
    public static Journal open(Path directory, Options options, long after, Replay replay)
            throws IOException, JournalCorruptException {
        return open(JournalFiles.in(directory), options, after, replay, new SecureRandom()::nextLong);
    }

    /** As {@link #open(Path, Options, long, Replay)}, on other files, and with the source of the segments' nonces. */
    public static Journal open(JournalFiles files, Options options, long after, Replay replay, LongSupplier nonces)
            throws IOException, JournalCorruptException {
        if (after < 0) {
            throw new IllegalArgumentException("after must not be negative: " + after);
        }
        Recovery.Found found = new Recovery(files, options, after).run(replay);
        Segments segments = new Segments(files, options, nonces, found, after);
        Journal journal = new Journal(segments, options, found.lastSequence());
        segments.release(
                after,
                options.keptBytes() == 0 ? after : 0); // first, for on a full disk the new segment is a recycled one
        try {
            journal.begin(segments.blank(0));
        } catch (IOException e) {
            if (files.usableSpace() >= options.segmentBytes()) {
                throw e;
            }
            LOG.warn("The disk is too full for a new journal segment: nothing can be appended until there is room", e);
            journal.failed = true;
        }
        return journal;
    }

    /**
     * Appends one frame. When this returns it is durable as configured. When it throws, the sequence is used again for
     * the next, and so may the same payload be. Takes one write and, with {@link Durability#FSYNC}, one fdatasync;
     * allocates nothing, unless the payload is larger than any before.
     *
     * @param payload 1 byte to 1 GiB; its position is left as it is
     * @return the frame's sequence: one more than that of the last that was appended
     * @throws IOException if the frame could not be made durable; {@link #failed()} then says what is known of it.
     *     Later appends repair what can be repaired, and succeed as soon as the disk does
     * @throws IllegalStateException if the journal is closed
     */
    public long append(ByteBuffer payload) throws IOException {
        int length = payload.remaining();
        if (length < 1 || length > Frame.MAX_PAYLOAD_BYTES) {
            throw new IllegalArgumentException("a payload has 1 byte to 1 GiB, not " + length);
        }
        if (closed) {
            throw new IllegalStateException("the journal is closed");
        }
        long sequence = lastSequence + 1;
        int bytes = Frame.bytes(length);
        ByteBuffer frame = bufferFor(bytes);
        Segments.Active target = activeFor(bytes);
        Frame.encode(frame, crc, target.nonce(), sequence, payload);
        long position = target.segment().end();
        boolean written = false;
        try {
            target.file().writeFully(frame, position);
            written = true;
            if (fsync) {
                target.file().force();
            }
        } catch (Throwable e) {
            cutBack(target, position, written, e);
            throw e;
        }
        target.segment().appended(sequence, bytes);
        lastSequence = sequence;
        return sequence;
    }

    /**
     * {@return the sequence of the oldest frame that {@link #read} still finds; one more than the last where none is kept}
     */
    public long oldest() {
        List<Segment> readable = segments.readable();
        return readable.isEmpty() ? lastSequence + 1 : readable.getFirst().first();
    }

    /**
     * Reads frames again, whether they are released or not: those behind a sequence up to another one, in order. What is
     * appended or released meanwhile does not disturb it, except that frames may go before it comes to them.
     *
     * @param upTo at most {@link #lastSequence()}, as it was before the call
     * @throws FramesGoneException where one of them is not kept any more; those before it were delivered
     * @throws IOException where a file cannot be read, or {@code to} gave up
     */
    public void read(long after, long upTo, Replay to) throws IOException {
        long at = after;
        while (at < upTo) {
            long next = at + 1;
            Segment segment = segments.readable().stream()
                    .filter(s -> s.first() <= next && next <= s.last())
                    .findFirst()
                    .orElseThrow(() -> new FramesGoneException(next));
            at = read(segment, at, Math.min(upTo, segment.last()), to);
        }
    }

    private long read(Segment segment, long after, long upTo, Replay to) throws IOException {
        try (JournalFile file = segments.open(segment)) {
            long id = FileName.parse(segment.name()).orElseThrow().id();
            SegmentHeader header = SegmentHeader.read(file, segment.name(), id)
                    .filter(h -> h.first() == segment.first())
                    .orElseThrow(() -> new FramesGoneException(after + 1));
            SegmentReader reader = new SegmentReader(file, header);
            long at = SegmentHeader.BYTES;
            for (long sequence = segment.first(); sequence <= upTo; sequence++) {
                int bytes = reader.frameAt(at);
                // The file may have been taken for a new segment: its frames carry another nonce.
                if (bytes == 0 || reader.sequence() != sequence) {
                    throw new FramesGoneException(sequence);
                }
                if (sequence > after) {
                    to.frame(sequence, reader.payload());
                }
                at += bytes;
            }
            return upTo;
        } catch (NoSuchFileException e) {
            throw new FramesGoneException(after + 1);
        }
    }

    /** {@return the sequence of the last frame that was appended or replayed; 0 if there never was one} */
    public long lastSequence() {
        return lastSequence;
    }

    /**
     * Tells that the database has, durably, everything up to a sequence, so that it need not be replayed, and that what
     * comes after another one is to be kept all the same, as far as {@link Options#keptBytes} goes. Recycles or
     * removes the segments that are not needed any more, and prepares the next, on this thread, with file access. What
     * fails is logged once and tried again with the next call.
     *
     * @param upTo a lower one than before changes nothing
     * @param keepAfter up to {@code upTo}; segments that hold a later frame are kept
     * @throws IllegalArgumentException if nothing was appended under {@code upTo} yet
     */
    public void release(long upTo, long keepAfter) {
        if (upTo > lastSequence) {
            throw new IllegalArgumentException(
                    "frame %d is not there yet, the last is %d".formatted(upTo, lastSequence));
        }
        segments.release(upTo, keepAfter);
    }

    /** As {@link #release(long, long)}, and nothing is kept. */
    public void release(long upTo) {
        release(upTo, upTo);
    }

    /**
     * {@return the bytes that the frames not released take} Exact when all frames of a segment are released, or none;
     * in between, and for frames just being appended, an estimate by their number. Never negative.
     */
    public long bytesHeld() {
        return segments.bytesHeld();
    }

    /**
     * {@return whether a frame whose append threw could not be taken back, so that it may come back if the process or
     * the power ends now. The next append tries again, and clears this when it returns}
     */
    public boolean failed() {
        return failed;
    }

    /** Ends appending. Everything appended stays for the next open. Calling it again does nothing. */
    @Override
    public void close() {
        closed = true;
        Segments.Active last = active;
        active = null;
        if (last != null) {
            last.segment().seal();
            // With PROCESS nothing has been forced yet; a clean stop is the moment for it.
            try (JournalFile file = last.file()) {
                file.force();
            } catch (IOException e) {
                LOG.warn("The journal was closed, but its last writes may not be on the disk", e);
            }
        }
    }

    private ByteBuffer bufferFor(int bytes) {
        if (buffer.capacity() < bytes || buffer.capacity() > MAX_KEPT_BUFFER_BYTES) {
            buffer = ByteBuffer.allocateDirect(bytes > MAX_KEPT_BUFFER_BYTES ? bytes : roundUp(bytes));
        }
        return buffer;
    }

    private static int roundUp(int bytes) {
        return Math.max(USUAL_BUFFER_BYTES, Integer.highestOneBit(bytes - 1) << 1);
    }

    /** The segment for the next frame: the present one if there is one and it has room, a new one otherwise. */
    private Segments.Active activeFor(int bytes) throws IOException {
        Segments.Active present = active;
        if (present != null
                && present.segment().end() + bytes <= present.segment().size()) {
            return present;
        }
        return begin(segments.blank(bytes)); // if there is none to be had, the present one still takes smaller frames
    }

    /**
     * Goes on in a blank file. Its header voids whatever an older segment holds after the last sequence, so the older
     * one must not be written to again, whether this succeeds or not.
     */
    private Segments.Active begin(String blank) throws IOException {
        retire();
        Segments.Active fresh = segments.activate(blank, lastSequence + 1);
        active = fresh;
        failed = false;
        return fresh;
    }

    /**
     * Takes back a frame that is written in part, or wholly but perhaps not durable: by zeros over its header, or else
     * by a new segment. After a failed fdatasync the file is left alone, for what the kernel then keeps of it is not
     * known, and a second fdatasync may succeed without having written anything.
     */
    private void cutBack(Segments.Active target, long position, boolean written, Throwable cause) {
        failed = true;
        try {
            target.file().writeFully(zeros.clear(), position);
            if (fsync) {
                target.file().force();
            }
            failed = false;
            if (!written) {
                return;
            }
        } catch (IOException | RuntimeException e) {
            cause.addSuppressed(e);
        }
        retire();
        try {
            begin(segments.blank(0));
        } catch (IOException | RuntimeException e) {
            cause.addSuppressed(e);
        }
    }

    private void retire() {
        Segments.Active old = active;
        active = null;
        if (old == null) {
            return;
        }
        old.segment().seal();
        try {
            old.file().close();
        } catch (IOException e) {
            LOG.warn("{} could not be closed", old.segment().name(), e);
        }
    }
}
