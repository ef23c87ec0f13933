package dev.taskpool.store;

import dev.taskpool.journal.Journal;
import dev.taskpool.model.HeapShare;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import dev.taskpool.model.Ticker;
import java.io.IOException;
import java.sql.SQLException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings H2 up to what the journal has: a few large transactions a second, each with the number of the last frame that it
 * holds, then {@code CHECKPOINT SYNC}, then the journal may drop those frames. Several changes of one task become one row
 * write. Owns the only connection that writes. When H2 fails it tries again for as long as it takes: the journal has
 * everything.
 */
final class Applier implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Applier.class);
    private static final int CLEAN_AT_ONCE = 1_000;

    /** Changes that memory holds for H2; the writer waits when there are more. */
    static final long MAX_WEIGHT = HeapShare.of(48L << 20);

    /**
     * How long frames that H2 has said to have are kept in the journal. H2 has been found to go back by several stops
     * (see {@link H2File}); what it lost is replayed then.
     */
    private static final long KEPT_NANOS = TimeUnit.MINUTES.toNanos(5);

    private static final long COMPACT_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final long MARK_NANOS = TimeUnit.SECONDS.toNanos(10);

    /** Frames that the journal holds for H2; the writer waits when there are more. */
    private static final long MAX_JOURNAL = 256L << 20;

    private final H2 h2;
    private final Journal journal;
    private final long intervalNanos;
    private final Ticker ticker;
    private final Thread thread;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition work = lock.newCondition();
    private final Condition room = lock.newCondition();
    // Guarded by the lock.
    private Pending pending = new Pending();
    /** What {@code unsettled} weighs. */
    private long taken;

    private long appliedFrame;
    private boolean hurry;
    private boolean closing;
    private final List<Waiter> waiters = new ArrayList<>();

    // Set once before the thread starts.
    private Consumer<List<Task>> onApplied = tasks -> {};
    private Consumer<List<TaskId>> onForgotten = ids -> {};
    private volatile boolean healthy = true;
    private final Recent recent = new Recent();

    // Confined to the applier's thread.
    private final H2Writer writer;
    private long checkpointFrame;
    /** What was behind a checkpoint at which time, oldest first; the journal keeps what comes after the first. */
    private final Deque<Mark> marks = new ArrayDeque<>();

    /**
     * Taken to be written to H2, in order, and not yet safe there: a failing disk can take H2 back to its last checkpoint, and may
     * have kept what it said to have lost. So each is written by itself, under its own frame, until all are behind a checkpoint.
     */
    private final Deque<Pending> unsettled = new ArrayDeque<>();

    private final Compaction compaction = new Compaction();
    private long lastCompaction;
    private long kept;
    private long lastApply;
    private long lastClean;

    private record Mark(long frame, long nanos) {}

    private record Waiter(long frame, CompletableFuture<Void> done) {}

    /** @param appliedFrame H2 has everything up to here, behind a checkpoint */
    Applier(H2 h2, H2Writer writer, Journal journal, long appliedFrame, long intervalNanos, Ticker ticker) {
        this.h2 = h2;
        this.writer = writer;
        this.journal = journal;
        this.intervalNanos = intervalNanos;
        this.ticker = ticker;
        this.appliedFrame = appliedFrame;
        this.checkpointFrame = appliedFrame;
        this.thread = Thread.ofPlatform().name("store-applier").unstarted(this::run);
    }

    void start(Consumer<List<Task>> applied, Consumer<List<TaskId>> forgotten) {
        this.onApplied = applied;
        this.onForgotten = forgotten;
        marks.addLast(new Mark(appliedFrame, ticker.nanos()));
        release();
        thread.start();
    }

    /** Returns whether the last try to write H2 went well. */
    boolean healthy() {
        return healthy;
    }

    /** Waits until there is room for more changes. Called by the writer before it writes. */
    void awaitRoom() {
        lock.lock();
        try {
            while ((pending.weight() > MAX_WEIGHT
                            || pending.weight() + taken > 2 * MAX_WEIGHT
                            || journal.bytesHeld() > MAX_JOURNAL)
                    && !closing) {
                if (!healthy) {
                    throw new StorageException("the database cannot be written and the journal is full");
                }
                hurry = true;
                work.signal();
                room.await(1, TimeUnit.SECONDS);
            }
        } catch (InterruptedException e) {
            throw new IllegalStateException("the writer is not interrupted", e);
        } finally {
            lock.unlock();
        }
    }

    /** Takes over the changes of one durable frame. Called by the writer, frame by frame. */
    void offer(long frame, List<Change> changes) {
        lock.lock();
        try {
            boolean first = pending.isEmpty();
            for (Change change : changes) {
                recent.add(change);
                pending.add(change);
            }
            pending.reached(frame);
            boolean much = pending.weight() > MAX_WEIGHT / 2;
            if (first || much) {
                hurry |= much;
                work.signal();
            }
        } finally {
            lock.unlock();
        }
    }

    /** Returns what H2 may not have yet. */
    Recent recent() {
        return recent;
    }

    /** Completes when H2 has everything up to a frame. */
    CompletableFuture<Void> caughtUp(long frame) {
        lock.lock();
        try {
            if (appliedFrame >= frame) {
                return CompletableFuture.completedFuture(null);
            }
            CompletableFuture<Void> done = new CompletableFuture<>();
            if (!healthy) {
                done.completeExceptionally(behind());
                return done;
            }
            waiters.add(new Waiter(frame, done));
            hurry = true;
            work.signal();
            return done;
        } finally {
            lock.unlock();
        }
    }

    private void run() {
        boolean last = false;
        while (!last) {
            lock.lock();
            try {
                last = awaitWork();
                if (!pending.isEmpty()) {
                    unsettled.addLast(pending);
                    taken += pending.weight();
                    pending = new Pending();
                }
                hurry = false;
            } finally {
                lock.unlock();
            }
            try {
                for (Pending each : unsettled) {
                    lastApply = ticker.nanos();
                    writer.apply(each);
                    onForgotten.accept(each.forgotten());
                    applied(each.lastFrame());
                }
                checkpoint();
                expire();
                clean();
                compact();
                if (!healthy) {
                    LOG.info("the database can be written again");
                    healthy = true;
                }
            } catch (SQLException | IOException | RuntimeException e) {
                if (healthy || !H2.closed(e)) {
                    LOG.error("the database cannot be written; trying again, the journal keeps what is new", e);
                }
                healthy = false;
                writer.close();
                failed();
                release(); // on a full disk what is only kept makes room
            }
        }
        writer.close();
    }

    /** Waits for something to do; returns whether it is the last time. Under the lock. */
    private boolean awaitWork() {
        long cleanNanos = TimeUnit.SECONDS.toNanos(1);
        boolean retry = !unsettled.isEmpty() || !healthy;
        try {
            while (!closing) {
                long now = ticker.nanos();
                if (retry) {
                    work.awaitNanos(TimeUnit.MILLISECONDS.toNanos(300));
                    return closing;
                }
                boolean any = !pending.isEmpty();
                if (any && (hurry || now - lastApply >= intervalNanos)) {
                    return false;
                }
                long untilClean = cleanNanos - (now - lastClean);
                if (!any && untilClean <= 0) {
                    return false;
                }
                hurry &= any;
                work.awaitNanos(any ? intervalNanos - (now - lastApply) : untilClean);
            }
        } catch (InterruptedException e) {
            throw new IllegalStateException("the applier is not interrupted", e);
        }
        return true;
    }

    /** H2 may be back at its last checkpoint: nobody is told that it has more, until it has. */
    private void failed() {
        List<CompletableFuture<Void>> all = new ArrayList<>();
        lock.lock();
        try {
            appliedFrame = checkpointFrame;
            waiters.forEach(w -> all.add(w.done));
            waiters.clear();
        } finally {
            lock.unlock();
        }
        all.forEach(w -> w.completeExceptionally(behind()));
    }

    private static StorageException behind() {
        return new StorageException("the database cannot be written, and does not have everything");
    }

    private void applied(long frame) {
        List<CompletableFuture<Void>> ready = new ArrayList<>();
        lock.lock();
        try {
            appliedFrame = frame;
            waiters.removeIf(w -> w.frame <= frame && ready.add(w.done));
            room.signalAll();
        } finally {
            lock.unlock();
        }
        ready.forEach(w -> w.complete(null));
    }

    /** Makes what was applied survive without the journal, and lets the journal go. */
    private void checkpoint() throws SQLException {
        long frame;
        lock.lock();
        try {
            frame = appliedFrame;
        } finally {
            lock.unlock();
        }
        if (frame == checkpointFrame) {
            return;
        }
        writer.checkpoint();
        checkpointFrame = frame;
        release();
        List<Task> safe = new ArrayList<>();
        for (Pending each : unsettled) {
            for (Pending.Latest latest : each.tasks.values()) {
                if (latest.task() != null) {
                    safe.add(latest.task());
                }
            }
            recent.settled(each.forgotten(), each.batches, each.parts);
        }
        unsettled.clear();
        // Only now may memory forget them: H2 is sure to have them.
        onApplied.accept(safe);
        lock.lock();
        try {
            taken = 0;
            room.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Lets the journal drop what H2 has for sure, which takes more than having said so once. */
    private void release() {
        long now = ticker.nanos();
        if (marks.isEmpty() || now - marks.getLast().nanos >= MARK_NANOS) {
            marks.addLast(new Mark(checkpointFrame, now));
        }
        while (!marks.isEmpty() && now - marks.element().nanos > KEPT_NANOS) {
            kept = marks.remove().frame;
        }
        journal.release(checkpointFrame, Math.min(kept, checkpointFrame));
    }

    private void expire() {
        if (!marks.isEmpty() && ticker.nanos() - marks.element().nanos > KEPT_NANOS) {
            release();
        }
    }

    /** Forgets tasks whose retention is over, a small batch each time round while there are any. */
    private void clean() throws SQLException {
        lastClean = ticker.nanos();
        while (true) {
            List<TaskId> gone = writer.clean(ticker.millis(), CLEAN_AT_ONCE);
            if (gone == null) {
                return;
            }
            onForgotten.accept(gone);
            lock.lock();
            try {
                if (gone.size() < CLEAN_AT_ONCE || !pending.isEmpty()) {
                    // Let what is new go first; the rest is for the next time round.
                    if (gone.size() == CLEAN_AT_ONCE) {
                        lastClean = ticker.nanos() - TimeUnit.SECONDS.toNanos(1);
                    }
                    return;
                }
            } finally {
                lock.unlock();
            }
        }
    }

    private void compact() throws SQLException, IOException {
        long now = ticker.nanos();
        if (now - lastCompaction >= COMPACT_NANOS) {
            boolean inVain = compaction.step(writer.connection());
            if (inVain) {
                writer.close();
                h2.rewrite();
                LOG.info("the database's file was written anew, in {} ms", (ticker.nanos() - now) / 1_000_000);
            }
            lastCompaction = ticker.nanos();
        }
    }

    /** Applies what is left and ends the thread. */
    @Override
    public void close() {
        lock.lock();
        try {
            closing = true;
            work.signalAll();
            room.signalAll();
        } finally {
            lock.unlock();
        }
        boolean interrupted = false;
        while (true) {
            try {
                thread.join();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        lock.lock();
        try {
            waiters.forEach(w -> w.done.completeExceptionally(new StorageException("the store is closed")));
            waiters.clear();
        } finally {
            lock.unlock();
        }
    }
}
