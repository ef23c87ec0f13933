package dev.taskpool.journal;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads a journal at its opening: which segments count, how far each is sound, and whether what is missing can have
 * been a crash. Everything is checked before the first frame is delivered.
 *
 * <p>The frames of a segment count from its header's first sequence up to the first sequence of the segment after it.
 * Segments that end before {@code after + 1} are not looked into. Nothing is written into an old segment: the next one
 * to be appended to is always a new one, whose header cuts off a torn frame.
 */
final class Recovery {
    private static final Logger LOG = LoggerFactory.getLogger(Recovery.class);
    private static final int MAX_SPARES = 2;

    private final JournalFiles files;
    private final Journal.Options options;
    private final boolean fsync;
    private final long after;

    private long lastId;
    private final List<Candidate> candidates = new ArrayList<>();
    private final List<String> spares = new ArrayList<>();
    private final List<String> useless = new ArrayList<>();

    /** A segment file as found; its header is null if it is damaged. */
    private record Candidate(
            String name, long size, @Nullable SegmentHeader header) {}

    /** The sound frames of a segment: up to sequence {@code last}, which begins at {@code lastAt} and stops at {@code end}. */
    private record Extent(Candidate candidate, SegmentHeader header, long last, long lastAt, long end) {
        long first() {
            return header.first();
        }
    }

    /** Where the frames after {@code last} ought to be, and are not. */
    private record Damage(int index, long offset, long last, String what) {}

    /**
     * What was found.
     *
     * @param segments oldest first, all sealed
     * @param spares files of the right length that hold nothing
     * @param useless files to be deleted
     * @param lastSequence of the last sound frame, or {@code after} if that is greater
     * @param lastId the greatest id of any file, 0 without one
     */
    record Found(List<Segment> segments, List<String> spares, List<String> useless, long lastSequence, long lastId) {}

    Recovery(JournalFiles files, Journal.Options options, long after) {
        this.files = files;
        this.options = options;
        this.fsync = options.durability() == Durability.FSYNC;
        this.after = after;
    }

    Found run(Journal.Replay replay) throws IOException {
        list();
        int start = firstNeeded();
        List<Segment> segments = new ArrayList<>();
        for (int i = 0; i < start; i++) {
            segments.add(unneeded(candidates.get(i), candidates.get(i + 1).header));
        }
        List<Extent> extents = new ArrayList<>();
        Damage damage = check(start, extents);
        if (damage != null) {
            repair(damage);
        }
        if (fsync) {
            force(extents);
        }
        for (Extent extent : extents) {
            deliver(extent, replay);
            segments.add(Segment.sealed(
                    extent.candidate.name, extent.candidate.size, extent.first(), extent.last, extent.end));
        }
        long last = extents.isEmpty() ? after : Math.max(after, extents.getLast().last);
        return new Found(segments, spares, useless, last, lastId);
    }

    /** A segment that is not looked into: its frames end where those of the next begin, as far as that can be told. */
    private static Segment unneeded(Candidate candidate, @Nullable SegmentHeader next) {
        SegmentHeader header = candidate.header;
        if (header == null || next == null || next.first() <= header.first()) {
            return Segment.sealed(candidate.name, candidate.size, 1, 0, candidate.size);
        }
        return Segment.sealed(candidate.name, candidate.size, header.first(), next.first() - 1, candidate.size);
    }

    private void list() throws IOException {
        List<FileName> names = files.list().stream()
                .flatMap(name -> FileName.parse(name).stream())
                .sorted(Comparator.comparingLong(FileName::id))
                .toList();
        for (FileName name : names) {
            lastId = Math.max(lastId, name.id());
            switch (name.kind()) {
                case SEGMENT -> candidates.add(candidate(name));
                case SPARE -> (spares.size() < MAX_SPARES && isSpare(name) ? spares : useless).add(name.toString());
                case TEMPORARY -> useless.add(name.toString());
                case CORRUPT -> {} // kept for the operator
            }
        }
    }

    private Candidate candidate(FileName name) throws IOException {
        try (JournalFile file = files.open(name.toString())) {
            Optional<SegmentHeader> header = SegmentHeader.read(file, name.toString(), name.id());
            return new Candidate(name.toString(), file.size(), header.orElse(null));
        }
    }

    private boolean isSpare(FileName name) throws IOException {
        try (JournalFile file = files.open(name.toString())) {
            return file.size() == options.segmentBytes();
        }
    }

    /** The last segment that begins at {@code after + 1} or before: those before it end where it begins. */
    private int firstNeeded() {
        for (int i = candidates.size() - 1; i > 0; i--) {
            SegmentHeader header = candidates.get(i).header;
            if (header != null && header.first() <= after + 1) {
                return i;
            }
        }
        return 0;
    }

    /** Fills {@code extents} up to the first damage, and returns that. */
    private @Nullable Damage check(int start, List<Extent> extents) throws IOException {
        for (int i = start; i < candidates.size(); i++) {
            Candidate candidate = candidates.get(i);
            SegmentHeader header = candidate.header;
            long expected = extents.isEmpty() ? after + 1 : extents.getLast().last + 1;
            if (header == null) {
                return new Damage(i, 0, expected - 1, "its header is damaged");
            }
            if (header.first() > expected) { // only the oldest: of the others it is seen in the segment before
                return new Damage(
                        i,
                        0,
                        after,
                        "it begins with frame %d, and those after %d are in no file (is the database older?)"
                                .formatted(header.first(), after));
            }
            if (!extents.isEmpty() && header.first() < extents.getLast().first()) {
                return new Damage(i, 0, expected - 1, "its frames begin before those of the segment before it");
            }
            SegmentHeader next = i + 1 < candidates.size() ? candidates.get(i + 1).header : null;
            Extent extent = measure(
                    candidate, header, next == null || next.first() < header.first() ? Long.MAX_VALUE : next.first());
            extents.add(extent);
            boolean complete = next == null ? countBehind(extent) == 0 : next.first() <= extent.last + 1;
            if (!complete) {
                String what = "frame %d is missing or does not match its checksum".formatted(extent.last + 1);
                return new Damage(i, extent.end, extent.last, what);
            }
        }
        return null;
    }

    private Extent measure(Candidate candidate, SegmentHeader header, long limit) throws IOException {
        try (JournalFile file = files.open(candidate.name)) {
            SegmentReader reader = new SegmentReader(file, header);
            long at = SegmentHeader.BYTES;
            long lastAt = 0;
            long next = header.first();
            while (next < limit) {
                int bytes = reader.frameAt(at);
                if (bytes == 0 || reader.sequence() != next) {
                    if (limit == Long.MAX_VALUE && reader.begunAt(at)) {
                        LOG.info(
                                "{} ends with a torn frame at offset {}; it is cut off. The last is {}",
                                candidate.name,
                                at,
                                next - 1);
                    }
                    break;
                }
                lastAt = at;
                at += bytes;
                next++;
            }
            return new Extent(candidate, header, next - 1, lastAt, at);
        }
    }

    private long countBehind(Extent extent) throws IOException {
        try (JournalFile file = files.open(extent.candidate.name)) {
            return new SegmentReader(file, extent.header).countFrom(extent.end);
        }
    }

    private long countFollowing(Damage damage) throws IOException {
        long count = 0;
        for (int i = damage.index; i < candidates.size(); i++) {
            Candidate candidate = candidates.get(i);
            if (candidate.header != null) {
                try (JournalFile file = files.open(candidate.name)) {
                    long from = i == damage.index ? Math.max(damage.offset, SegmentHeader.BYTES) : SegmentHeader.BYTES;
                    count += new SegmentReader(file, candidate.header).countFrom(from);
                }
            }
        }
        return count;
    }

    /** Ends the journal before the damage, or refuses. Of the damaged segment the part before the damage stays in use. */
    private void repair(Damage damage) throws IOException {
        Candidate damaged = candidates.get(damage.index);
        long following = countFollowing(damage);
        if (options.repair() == Repair.REFUSE) {
            throw new JournalCorruptException(damaged.name, damage.offset, damage.last, following, damage.what);
        }
        int firstAside = damage.offset == 0 ? damage.index : damage.index + 1;
        List<String> aside = new ArrayList<>();
        // From the newest to the oldest, so that a crash in between leaves a journal with the same verdict.
        for (int i = candidates.size() - 1; i >= firstAside; i--) {
            String name = candidates.get(i).name;
            FileName corrupt = new FileName(FileName.parse(name).orElseThrow().id(), FileName.Kind.CORRUPT);
            files.rename(name, corrupt.toString());
            aside.add(corrupt.toString());
        }
        LOG.warn(
                "{} was damaged at offset {}: {}. As store.journal_repair says, the journal now ends with frame {}; {} valid "
                        + "frames behind it were given up. Set aside: {}",
                damaged.name,
                damage.offset,
                damage.what,
                damage.last,
                following,
                aside);
    }

    /**
     * Puts on the disk what will be delivered, and the renamings of a repair, before anyone is told of it: the process
     * may have been killed before its fdatasync, or have run without. The last frame is written once more, since after
     * a failed fdatasync the kernel may take its pages for clean though the disk does not have them (LWN 752063,
     * "PostgreSQL's fsync() surprise").
     */
    private void force(List<Extent> extents) throws IOException {
        for (Extent extent : extents) {
            try (JournalFile file = files.open(extent.candidate.name)) {
                if (extent.equals(extents.getLast()) && extent.lastAt > 0) {
                    ByteBuffer frame = ByteBuffer.allocateDirect((int) (extent.end - extent.lastAt));
                    file.readFully(frame, extent.lastAt);
                    file.writeFully(frame.flip(), extent.lastAt);
                }
                file.force();
            }
        }
        files.forceDirectory();
    }

    private void deliver(Extent extent, Journal.Replay replay) throws IOException {
        if (extent.last <= after) {
            return;
        }
        try (JournalFile file = files.open(extent.candidate.name)) {
            SegmentReader reader = new SegmentReader(file, extent.header);
            long at = SegmentHeader.BYTES;
            for (long sequence = extent.first(); sequence <= extent.last; sequence++) {
                int bytes = reader.frameAt(at);
                if (bytes == 0) {
                    throw new IOException(
                            "%s changed at offset %d while it was read".formatted(extent.candidate.name, at));
                }
                if (sequence > after) {
                    replay.frame(sequence, reader.payload());
                }
                at += bytes;
            }
        }
    }
}
