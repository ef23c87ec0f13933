package dev.taskpool.store;

import dev.taskpool.journal.Durability;
import dev.taskpool.journal.FramesGoneException;
import dev.taskpool.journal.Journal;
import dev.taskpool.journal.JournalCorruptException;
import dev.taskpool.journal.Repair;
import dev.taskpool.model.Batch;
import dev.taskpool.model.BatchId;
import dev.taskpool.model.BatchPart;
import dev.taskpool.model.CallbackDue;
import dev.taskpool.model.IdempotencyKey;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import dev.taskpool.model.TaskSpec;
import dev.taskpool.model.Ticker;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The durable state of one service: one writer, one door.
 *
 * <p>{@link #commit} appends to the journal and hands the changes to H2 behind it. Reads come from H2; those that must see
 * everything that was committed before them wait until H2 has caught up. One thread commits; all threads may read.
 */
public final class Store implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Store.class);

    /** How much of the journal stays although H2 has it; see {@link Applier}. */
    private static final long KEPT_BYTES = 64L << 20;

    private final Path directory;
    private final long minFree;
    private final FileChannel lockFile;
    private final H2 h2;
    private final Journal journal;
    private final Applier applier;
    private final Readers readers;
    private final Ticker ticker;

    /** Confined to the committing thread. */
    private final Bytes buffer = new Bytes(64 << 10);

    private volatile long committed;
    private volatile long freeCheckedAt;
    private volatile long free = Long.MAX_VALUE;

    /**
     * How a store is kept.
     *
     * @param directory the data folder; made where it is missing
     * @param durability what a commit survives
     * @param applyInterval how long H2 may be behind the journal
     * @param segmentBytes size of the journal's files
     * @param repair what to do with a damaged journal
     * @param minFreeBytes intake stops below this much free disk
     * @param ageing waiting this long is worth one point of priority
     */
    public record Options(
            Path directory,
            Durability durability,
            Duration applyInterval,
            int segmentBytes,
            Repair repair,
            long minFreeBytes,
            Duration ageing) {}

    /**
     * Opens the store and brings H2 up to the journal's end, so that afterwards H2 alone tells everything.
     *
     * @throws StorageException with a sentence for the operator: in use by another process, damaged, not writable
     */
    public static Store open(Options options, Ticker ticker) {
        FileChannel lock = lock(options.directory());
        try {
            return new Store(options, ticker, lock);
        } catch (JournalCorruptException e) {
            close(lock);
            throw new StorageException(String.valueOf(e.getMessage()), e);
        } catch (IOException e) {
            close(lock);
            throw new StorageException("cannot open the store in " + options.directory() + ": " + e, e);
        } catch (RuntimeException e) {
            close(lock);
            throw new StorageException("cannot open the database in " + options.directory() + ": " + rootMessage(e), e);
        }
    }

    private Store(Options options, Ticker ticker, FileChannel lockFile) throws IOException, JournalCorruptException {
        this.directory = options.directory();
        this.minFree = options.minFreeBytes();
        this.lockFile = lockFile;
        this.ticker = ticker;
        this.h2 = new H2(directory);
        h2.migrate();
        try (Handle handle = Jdbi.open(h2.connect())) {
            Places.settle(handle, options.ageing().toMillis());
        } catch (SQLException e) {
            throw new StorageException("the database cannot be written", e);
        }
        this.readers = new Readers(h2);
        long applied = readers.run(Queries::appliedFrame).join();
        H2Writer writer = new H2Writer(h2, options.ageing().toMillis());
        Replay replay = new Replay(
                sequence -> readers.run(q -> q.task(sequence)).join(),
                id -> readers.run(q -> q.batch(id)).join(),
                writer);
        this.journal = Journal.open(
                directory.resolve("journal"),
                new Journal.Options(options.durability(), options.segmentBytes(), options.repair(), KEPT_BYTES),
                applied,
                replay::frame);
        replay.finish();
        if (replay.changes() > 0) {
            LOG.info("replayed {} changes of the journal", replay.changes());
        }
        this.committed = Math.max(applied, replay.lastFrame());
        this.applier = new Applier(
                h2, writer, journal, committed, options.applyInterval().toNanos(), ticker);
    }

    /**
     * Begins to write H2. Nothing is told to the listeners before this.
     *
     * @param applied gets tasks that H2 has now, on the applier's thread
     * @param forgotten gets ids of tasks that are gone
     */
    public void start(Consumer<List<Task>> applied, Consumer<List<TaskId>> forgotten) {
        applier.start(applied, forgotten);
    }

    /**
     * Makes changes durable, all or none. Returns when they are. For one thread.
     *
     * @return the number of the frame that holds them, higher than all before
     * @throws StorageException when they are not, and never will be
     */
    public long commit(List<Change> changes) {
        applier.awaitRoom();
        buffer.clear();
        for (Change change : changes) {
            Codec.write(change, buffer);
        }
        return append(changes);
    }

    private long append(List<Change> changes) {
        long frame;
        try {
            frame = journal.append(buffer.view());
        } catch (IOException e) {
            throw new StorageException("the journal cannot be written: " + e.getMessage(), e);
        }
        committed = frame;
        applier.offer(frame, changes);
        return frame;
    }

    /** Returns the number of the last frame that was written. */
    public long lastFrame() {
        return committed;
    }

    /** Returns the number of the oldest frame that {@link #reread} still has. */
    public long oldestFrame() {
        return journal.oldest();
    }

    /** Gets changes that were made durable earlier, in their order. */
    @FunctionalInterface
    public interface Reread {
        /**
         * One change.
         *
         * @param index its place in its frame, which never changes
         * @throws IOException to give up
         */
        void change(long frame, int index, Change change) throws IOException;
    }

    /**
     * Reads changes again from the journal's frames behind one up to another. A change of a task that is forgotten since is
     * left out. For any thread, which may block.
     *
     * @param specs what is known of tasks of which a change is there and not their creation
     * @return false where the journal does not keep all of them any more; {@code to} has got those before
     * @throws IOException where the journal cannot be read, or {@code to} gave up
     */
    public boolean reread(long after, long upTo, Function<Set<TaskId>, Map<TaskId, TaskSpec>> specs, Reread to)
            throws IOException {
        Rereading rereading = new Rereading(specs, to);
        try {
            journal.read(after, upTo, rereading::frame);
            return true;
        } catch (FramesGoneException e) {
            LOG.debug("asked for frames behind {}: {}", after, e.getMessage());
            return false;
        }
    }

    /** Writes a frame that says nothing, to see whether the journal takes writes again. For the committing thread. */
    public void probe() {
        buffer.clear();
        buffer.putByte(Codec.NOTHING);
        append(List.of());
    }

    /** Returns whether there is room on the disk for new tasks. Looks at most once a second. */
    public boolean hasRoom() {
        long now = ticker.nanos();
        if (free == Long.MAX_VALUE || now - freeCheckedAt > 1_000_000_000L) {
            freeCheckedAt = now;
            try {
                free = Files.getFileStore(directory).getUsableSpace();
            } catch (IOException e) {
                free = 0;
            }
        }
        return free >= minFree;
    }

    /** Returns whether H2 could be written when it was last tried. */
    public boolean healthy() {
        return applier.healthy();
    }

    /** Returns bytes of the journal that H2 does not have yet. */
    public long journalBytes() {
        return journal.bytesHeld();
    }

    /** Returns the task with that sequence as H2 has it, which may be behind, but not where the task was deleted. */
    public CompletableFuture<Optional<Task>> find(long sequence) {
        return applier.recent().deleted(sequence)
                ? CompletableFuture.completedFuture(Optional.empty())
                : readers.run(q -> q.task(sequence));
    }

    /** As {@link #find(long)} of each, in no order, without arguments, result, and what an error has that may be long. */
    public CompletableFuture<List<Task>> find(List<Long> sequences) {
        List<Long> there = there(sequences);
        return readers.run(q -> q.brief(there));
    }

    /**
     * As {@link #find(long)} of each, in the order asked for. Where they are large it may be some of the first only, but
     * one at least.
     */
    public CompletableFuture<List<Task>> whole(List<Long> sequences) {
        List<Long> there = there(sequences);
        return readers.run(q -> q.inOrder(there));
    }

    private List<Long> there(List<Long> sequences) {
        return sequences.stream().filter(s -> !applier.recent().deleted(s)).toList();
    }

    /**
     * Returns the tasks of a range of sequences as H2 has them, in order, without arguments, result, and what an error
     * has that may be long.
     */
    public CompletableFuture<List<Task>> range(long from, long to) {
        Set<Long> deleted = applier.recent().deleted(from, to);
        return readers.run(q -> q.range(from, to))
                .thenApply(found -> found.stream()
                        .filter(t -> !deleted.contains(t.id().sequence()))
                        .toList());
    }

    /**
     * Returns tasks, newest first, with everything that was committed before the call, without arguments, result, and
     * what an error has that may be long.
     */
    public CompletableFuture<List<Task>> list(TaskQuery query) {
        return caughtUp(q -> q.list(query));
    }

    /** Returns a batch, with everything that was committed before the call. */
    public CompletableFuture<Optional<Batch>> batch(BatchId id) {
        Batch recent = applier.recent().batch(id);
        return recent != null || applier.recent().deleted(id)
                ? CompletableFuture.completedFuture(Optional.ofNullable(recent))
                : readers.run(q -> q.batch(id));
    }

    /** Returns the parts of a batch from an index on, so many at most, with everything that was committed before the call. */
    public CompletableFuture<List<BatchPart>> parts(BatchId batch, long from, int limit) {
        if (applier.recent().deleted(batch)) {
            return CompletableFuture.completedFuture(List.of());
        }
        List<BatchPart> recent = applier.recent().parts(batch);
        return readers.run(q -> q.parts(batch, from, limit)).thenApply(stored -> {
            Map<Long, BatchPart> all = new TreeMap<>();
            stored.forEach(part -> all.put(part.index(), part));
            recent.stream()
                    .filter(part -> part.index() + part.count() > from)
                    .forEach(part -> all.put(part.index(), part));
            return all.values().stream().limit(limit).toList();
        });
    }

    /** Returns tasks of a batch that are not done, from behind a sequence on, with everything that was committed before. */
    public CompletableFuture<Page> openOf(BatchId batch, long after, int limit) {
        return caughtUp(q -> q.openOf(batch, after, limit));
    }

    /**
     * Returns tasks of a batch from behind a sequence on, in order, with everything that was committed before the call,
     * without arguments, result, and what an error has that may be long. A few more than the limit it may be.
     */
    public CompletableFuture<List<Task>> tasksOf(BatchId batch, long after, int limit) {
        return caughtUp(q -> q.tasksOf(batch, after, limit))
                .thenApply(found -> found.stream()
                        .filter(t -> !applier.recent().deleted(t.id().sequence()))
                        .toList());
    }

    /** Returns the task that was accepted under a key, as H2 has it, but not where it was deleted. */
    public CompletableFuture<Optional<Task>> keyed(IdempotencyKey key) {
        // In two steps, for what is deleted has to be asked before the task is read.
        return readers.run(q -> q.keyed(key))
                .thenCompose(found ->
                        found.isEmpty() ? CompletableFuture.completedFuture(Optional.empty()) : find(found.get()));
    }

    /**
     * Some tasks of many.
     *
     * @param complete whether there are no more
     */
    public record Page(List<Task> tasks, boolean complete) {}

    /** Returns pending tasks of a pool that are ready to start, or are delayed, in their order, from behind a place on. */
    public CompletableFuture<Page> pending(String pool, boolean delayed, long place, long sequence, int limit) {
        return caughtUp(q -> q.pending(pool, delayed, place, sequence, limit));
    }

    /**
     * Returns tasks whose delay or queue timeout ends up to an instant, the earliest first, from behind a place on.
     *
     * @param after an instant
     * @param sequence of the last task that ends just then and is known
     */
    public CompletableFuture<Page> due(long after, long sequence, long until, int limit) {
        return caughtUp(q -> q.due(after, sequence, until, limit));
    }

    /** Returns destinations of callbacks that are due or will be, in order, behind one of them; {@code ""} for the first. */
    public CompletableFuture<List<String>> callbackDestinations(String after, int limit) {
        return caughtUp(q -> q.callbackDestinations(after, limit));
    }

    /** Returns the callbacks for a destination that are due first, with everything that was committed before the call. */
    public CompletableFuture<List<CallbackDue>> callbacksDue(String destination, int limit) {
        return caughtUp(q -> q.callbacksDue(destination, limit));
    }

    /** What there was when the service stopped. */
    public record Left(
            List<Task> running,
            Map<String, long[]> pendingByPool,
            List<Change.StoredPool> pools,
            List<Batch> batches,
            long lastSequence,
            long lastFinishedMicros) {}

    /** Returns what there was when the service stopped. For the start. */
    public Left left() {
        return caughtUp(q -> new Left(
                        q.running(),
                        q.pendingCounts(),
                        q.pools(),
                        q.unfinishedBatches(),
                        q.lastSequence(),
                        q.lastFinishedMicros()))
                .join();
    }

    private <T> CompletableFuture<T> caughtUp(Function<Queries, T> read) {
        return applier.caughtUp(committed).thenCompose(done -> readers.run(read));
    }

    /** Brings H2 up to date, and closes everything. No commit may be under way. */
    @Override
    public void close() {
        applier.close();
        readers.close();
        journal.close();
        h2.shutdown();
        close(lockFile);
    }

    private static FileChannel lock(Path directory) {
        try {
            Files.createDirectories(directory);
            Path file = directory.resolve("taskpool.lock");
            FileChannel channel = FileChannel.open(
                    file, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.READ);
            FileLock held = null;
            try {
                held = channel.tryLock();
            } catch (OverlappingFileLockException e) {
                LOG.debug("held by this very process", e);
            }
            if (held == null) {
                byte[] holder = Files.readAllBytes(file);
                channel.close();
                throw new StorageException("the data folder " + directory.toAbsolutePath()
                        + " is in use by another taskpool process (pid "
                        + new String(holder, java.nio.charset.StandardCharsets.UTF_8).strip()
                        + "): stop that one, or set store.directory to another folder");
            }
            channel.truncate(0);
            channel.write(java.nio.ByteBuffer.wrap(
                    (ProcessHandle.current().pid() + "\n").getBytes(java.nio.charset.StandardCharsets.UTF_8)));
            return channel;
        } catch (IOException e) {
            throw new StorageException("the data folder " + directory.toAbsolutePath() + " cannot be used: " + e, e);
        }
    }

    private static void close(@Nullable FileChannel channel) {
        if (channel != null) {
            try {
                channel.close();
            } catch (IOException e) {
                LOG.debug("closing the lock file failed", e);
            }
        }
    }

    private static String rootMessage(Throwable error) {
        Throwable t = error;
        while (t.getCause() != null) {
            t = t.getCause();
        }
        return t.toString();
    }
}
