package dev.taskpool.journal;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The segment files from their making to their removal. The appending thread takes new ones; any other thread releases
 * old ones and has the next one ready before it is needed, so that the appending thread seldom waits for 16 MiB of
 * zeros.
 */
final class Segments {
    private static final Logger LOG = LoggerFactory.getLogger(Segments.class);
    private static final int MAX_SPARES = 2;
    private static final int ZEROS_BYTES = 1 << 20;
    private static final int SECTOR_BYTES = 512;

    /** A segment open for appending; confined to the appending thread. */
    record Active(Segment segment, JournalFile file, long nonce) {}

    private final JournalFiles files;
    private final int segmentBytes;
    private final long keptBytes;
    private final boolean fsync;
    private final AtomicLong lastId;
    private final LongSupplier nonces;

    // Guards the four below, never held during I/O.
    private final ReentrantLock lock = new ReentrantLock();
    private final Deque<Segment> held; // oldest first
    private final Deque<String> spares;
    private final Deque<String> doomed; // to be deleted, or to be tried again
    private long released;

    // One release at a time. The appending thread never takes it.
    private final ReentrantLock housekeeping = new ReentrantLock();
    private boolean housekeepingFailed; // guarded by housekeeping

    Segments(JournalFiles files, Journal.Options options, LongSupplier nonces, Recovery.Found found, long after) {
        this.files = files;
        this.segmentBytes = options.segmentBytes();
        this.keptBytes = options.keptBytes();
        this.fsync = options.durability() == Durability.FSYNC;
        this.nonces = nonces;
        this.lastId = new AtomicLong(found.lastId());
        this.held = new ArrayDeque<>(found.segments());
        this.spares = new ArrayDeque<>(found.spares());
        this.doomed = new ArrayDeque<>(found.useless());
        this.released = after;
    }

    /**
     * Takes or makes a file that has room for a frame. When it throws, nothing has changed.
     *
     * @return the file's name, for {@link #activate}
     */
    String blank(int frameBytes) throws IOException {
        long needed = (SegmentHeader.BYTES + (long) frameBytes + SECTOR_BYTES - 1) & -SECTOR_BYTES;
        if (needed > segmentBytes) {
            return create(needed);
        }
        String spare = takeSpare();
        return spare != null ? spare : create(segmentBytes);
    }

    /**
     * Makes a blank file the newest segment, which voids whatever older segments hold from {@code first} on. When it
     * throws, that may have happened or not: nothing may be appended to an older segment any more.
     */
    Active activate(String blank, long first) throws IOException {
        SegmentHeader header = new SegmentHeader(lastId.incrementAndGet(), nonces.getAsLong(), first);
        String name = FileName.of(header.id(), FileName.Kind.SEGMENT);
        String current = blank;
        JournalFile file = null;
        try {
            file = files.open(blank);
            file.writeFully(header.encode(), 0);
            // The header must be on the disk before the name says that it is there, and the name before a frame relies
            // on it.
            if (fsync) {
                file.force();
            }
            files.rename(blank, name);
            current = name;
            if (fsync) {
                files.forceDirectory();
            }
            Segment segment = new Segment(name, file.size(), first);
            hold(segment);
            return new Active(segment, file, header.nonce());
        } catch (Throwable e) {
            closeAfter(file, e);
            deleteAfter(current, e);
            throw e;
        }
    }

    /**
     * Recycles or removes the segments that hold nothing after {@code upTo}, except that those with something after
     * {@code keepAfter} stay, the newest of them, while they are not too many. What fails is tried again the next time.
     */
    void release(long upTo, long keepAfter) {
        housekeeping.lock();
        try {
            List<Segment> done = new ArrayList<>();
            List<Segment> kept = new ArrayList<>();
            List<String> useless = new ArrayList<>();
            IOException failure = null;
            long allowed = keptBytes;
            try {
                // On a disk that is all but full, what is needed goes before what is only kept.
                allowed = keptBytes == 0 || files.usableSpace() < 4L * segmentBytes ? 0 : keptBytes;
            } catch (IOException e) {
                failure = e;
            }
            collect(upTo, keepAfter, allowed, done, kept, useless);
            for (String name : useless) {
                failure = first(failure, () -> delete(name));
            }
            for (Segment segment : done) {
                failure = first(failure, () -> recycle(segment));
            }
            for (Segment segment : kept) {
                failure = first(failure, () -> shorten(segment));
            }
            failure = first(failure, this::prepareAhead);
            if (failure != null && !housekeepingFailed) {
                LOG.warn("The journal could not recycle or prepare a file; it tries again with each release", failure);
            }
            housekeepingFailed = failure != null;
        } finally {
            housekeeping.unlock();
        }
    }

    long bytesHeld() {
        lock.lock();
        try {
            long bytes = 0;
            for (Segment segment : held) {
                bytes += segment.bytesHeld();
            }
            return bytes;
        } finally {
            lock.unlock();
        }
    }

    /** {@return the segments whose frames follow each other up to the last, oldest first; those that are only kept, too} */
    List<Segment> readable() {
        lock.lock();
        try {
            ArrayDeque<Segment> all = new ArrayDeque<>();
            for (Iterator<Segment> each = held.descendingIterator(); each.hasNext(); ) {
                Segment segment = each.next();
                Segment next = all.peekFirst();
                if (segment.isEmpty()) {
                    continue;
                }
                if (next != null && segment.last() + 1 != next.first()) {
                    break;
                }
                all.addFirst(segment);
            }
            return List.copyOf(all);
        } finally {
            lock.unlock();
        }
    }

    JournalFile open(Segment segment) throws IOException {
        return files.open(segment.name());
    }

    private void collect(
            long upTo, long keepAfter, long allowed, List<Segment> done, List<Segment> kept, List<String> useless) {
        lock.lock();
        try {
            released = Math.max(released, upTo);
            Segment newest = held.peekLast();
            boolean anyBefore = false;
            for (Iterator<Segment> each = held.iterator(); each.hasNext(); ) {
                Segment segment = each.next();
                segment.released(released);
                // An empty segment may be what voids a frame in one before it, until a newer one does so as well.
                boolean needed = segment.isEmpty() ? anyBefore && segment == newest : segment.last() > released;
                if (!segment.isSealed() || needed) {
                    anyBefore = true;
                } else if (segment.last() > keepAfter && !segment.isEmpty()) {
                    kept.add(segment);
                    anyBefore = true;
                } else {
                    each.remove();
                    done.add(segment);
                }
            }
            long bytes = kept.stream().mapToLong(Segment::lengthKept).sum();
            while (bytes > allowed) {
                Segment oldest = kept.removeFirst();
                bytes -= oldest.lengthKept();
                held.remove(oldest);
                done.add(oldest);
            }
            useless.addAll(doomed);
            doomed.clear();
        } finally {
            lock.unlock();
        }
    }

    /** Cuts off the rest of a segment that is only kept, which may be almost all of it. */
    private void shorten(Segment segment) throws IOException {
        long length = segment.lengthKept();
        if (length <= segment.size() / 2) {
            try (JournalFile file = files.open(segment.name())) {
                file.truncate(length);
            }
            segment.shortened(length);
        }
    }

    private void recycle(Segment segment) throws IOException {
        if (segment.size() != segmentBytes || countSpares() >= MAX_SPARES) {
            delete(segment.name());
            return;
        }
        String spare = FileName.of(lastId.incrementAndGet(), FileName.Kind.SPARE);
        String current = segment.name();
        try {
            files.rename(current, spare);
            current = spare;
            // Or else the next header could reach the disk under the old name.
            if (fsync) {
                files.forceDirectory();
            }
        } catch (Throwable e) {
            deleteAfter(current, e);
            throw e;
        }
        keepSpare(spare);
    }

    /** The first spare is made while the segment in use has still half its room. Later ones come from recycling. */
    private void prepareAhead() throws IOException {
        lock.lock();
        try {
            Segment newest = held.peekLast();
            if (!spares.isEmpty() || newest == null || newest.isSealed() || newest.end() < newest.size() / 2) {
                return;
            }
        } finally {
            lock.unlock();
        }
        keepSpare(create(segmentBytes));
    }

    /** Makes a file of zeros that are really written, so that a later fdatasync has no metadata to write. */
    private String create(long size) throws IOException {
        // Asked first, so that a refused append on a full disk does not eat up the last of it for a moment.
        long usable = files.usableSpace();
        if (usable < size) {
            throw new IOException("No space left for the journal: a segment takes %d bytes, and %d can be written"
                    .formatted(size, usable));
        }
        long id = lastId.incrementAndGet();
        String temporary = FileName.of(id, FileName.Kind.TEMPORARY);
        String spare = FileName.of(id, FileName.Kind.SPARE);
        try {
            try (JournalFile file = files.create(temporary)) {
                ByteBuffer zeros = ByteBuffer.allocateDirect((int) Math.min(size, ZEROS_BYTES));
                for (long at = 0; at < size; at += zeros.limit()) {
                    zeros.clear().limit((int) Math.min(zeros.capacity(), size - at));
                    file.writeFully(zeros, at);
                }
                if (fsync) {
                    file.force();
                }
            }
            files.rename(temporary, spare);
            return spare;
        } catch (Throwable e) {
            deleteAfter(temporary, e);
            throw e;
        }
    }

    /** Removes a file that nothing depends on, now or, when this throws, with a later release. */
    private void delete(String name) throws IOException {
        try {
            files.delete(name);
        } catch (Throwable e) {
            doom(name);
            throw e;
        }
    }

    private void deleteAfter(String name, Throwable cause) {
        try {
            delete(name);
        } catch (IOException e) {
            cause.addSuppressed(e);
        }
    }

    @FunctionalInterface
    private interface Step {
        void run() throws IOException;
    }

    /** Runs a step whatever became of those before it, and keeps the first failure. */
    private static @Nullable IOException first(@Nullable IOException failure, Step step) {
        try {
            step.run();
            return failure;
        } catch (IOException e) {
            return failure == null ? e : failure;
        }
    }

    private static void closeAfter(@Nullable JournalFile file, Throwable cause) {
        if (file == null) {
            return;
        }
        try {
            file.close();
        } catch (IOException e) {
            cause.addSuppressed(e);
        }
    }

    private void hold(Segment segment) {
        lock.lock();
        try {
            held.addLast(segment);
        } finally {
            lock.unlock();
        }
    }

    private void doom(String name) {
        lock.lock();
        try {
            doomed.addLast(name);
        } finally {
            lock.unlock();
        }
    }

    private @Nullable String takeSpare() {
        lock.lock();
        try {
            return spares.pollFirst();
        } finally {
            lock.unlock();
        }
    }

    private void keepSpare(String name) {
        lock.lock();
        try {
            spares.addLast(name);
        } finally {
            lock.unlock();
        }
    }

    private int countSpares() {
        lock.lock();
        try {
            return spares.size();
        } finally {
            lock.unlock();
        }
    }
}
