package dev.taskpool.engine;

import dev.taskpool.model.Batch;
import dev.taskpool.model.BatchId;
import dev.taskpool.model.HeapShare;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskState;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/**
 * The batches that are not done: a record of counts each, and who is to be told of its end, which moves with the tasks, in
 * the same transaction. Only those that are done leave memory: what they take of it has a limit, beyond which no batch is
 * taken. Confined to the engine's thread, but for looking and watching.
 */
final class BatchBook {
    private static final long MAX_BYTES = HeapShare.of(64L << 20);
    private static final int RETRY_AFTER_SECONDS = 5;

    private final Live live;

    /** What all take, with those that are decided on. */
    private long bytes;

    private final Map<Long, Entry> open = new ConcurrentHashMap<>();

    /** A batch that is not done. */
    private static final class Entry {
        /** The last durable record. Written by the engine's thread, read by all. */
        volatile Batch now;

        /** Few are watched. Made under the lock of this. */
        volatile @Nullable List<BatchWatcher> watchers;

        /** Whether the rest of it is being cancelled by its rules. Confined to the engine's thread. */
        boolean stopping;

        Entry(Batch now) {
            this.now = now;
        }
    }

    /** What a transaction does to a batch. */
    private static final class Tally {
        Batch batch;
        long pending;
        long running;
        long succeeded;
        long failed;
        long cancelled;
        long lastMicros;

        Tally(Batch batch) {
            this.batch = batch;
            pending = batch.pending();
            running = batch.running();
            succeeded = batch.succeeded();
            failed = batch.failed();
            cancelled = batch.cancelled();
            lastMicros = batch.finishedMicros();
        }

        void add(Task task, int n) {
            switch (task.state()) {
                case PENDING -> pending += n;
                case RUNNING -> running += n;
                case SUCCEEDED -> succeeded += n;
                case FAILED -> failed += n;
                case CANCELLED -> cancelled += n;
            }
            lastMicros = Math.max(lastMicros, task.finishedMicros());
        }
    }

    BatchBook(Live live) {
        this.live = live;
    }

    /** Brings back what the last run left. */
    void restore(List<Batch> batches) {
        for (Batch batch : batches) {
            open.put(batch.id().sequence(), new Entry(batch));
            bytes += batch.weight();
        }
    }

    /**
     * Takes the memory for a new batch, or for more callbacks of one.
     *
     * @param before null where it is new
     * @throws Problem where those that are not done have all they may have
     */
    void reserve(Transaction tx, @Nullable Batch before, Batch after) {
        long more = (long) after.weight() - (before == null ? 0 : before.weight());
        if (more > 0 && bytes + more > MAX_BYTES) {
            throw Problem.retryable(
                    ProblemCode.TOO_MANY_BATCHES,
                    "the " + open.size() + " batches that are not done, with their callbacks, take " + bytes
                            + " bytes of memory of the " + MAX_BYTES + " that they may on this heap; no room for "
                            + more
                            + " more",
                    RETRY_AFTER_SECONDS);
        }
        bytes += more;
        tx.undo(() -> bytes -= more);
    }

    /** Cancels the rest of those batches whose rules say so: the last run may not have come to it. */
    void goOn() {
        open.values().forEach(this::stopIfDecided);
    }

    /** Returns a batch that is not done, or null. For all threads. */
    @Nullable
    Batch find(BatchId id) {
        Entry entry = open.get(id.sequence());
        return entry != null && entry.now.id().equals(id) ? entry.now : null;
    }

    /** Watches a batch from now on; returns false where it is done, or unknown. For all threads. */
    boolean watch(BatchId id, BatchWatcher watcher) {
        Entry entry = open.get(id.sequence());
        if (entry == null || !entry.now.id().equals(id)) {
            return false;
        }
        synchronized (entry) {
            List<BatchWatcher> watchers = entry.watchers;
            if (watchers == null) {
                watchers = new CopyOnWriteArrayList<>();
                entry.watchers = watchers;
            }
            watchers.add(watcher);
        }
        // It may have left in between, and nobody would tell.
        return open.get(id.sequence()) == entry;
    }

    void unwatch(BatchId id, BatchWatcher watcher) {
        Entry entry = open.get(id.sequence());
        List<BatchWatcher> watchers = entry == null ? null : entry.watchers;
        if (watchers != null) {
            watchers.remove(watcher);
        }
    }

    /**
     * Returns a batch as a transaction leaves it.
     *
     * @throws Problem where it is not open, or there is none
     */
    Batch latest(Transaction tx, BatchId id) {
        Batch decided = tx.batch(id.sequence());
        Batch batch = decided != null ? decided : find(id);
        if (batch == null || expired(batch)) {
            throw Problem.of(ProblemCode.BATCH_CLOSED, "batch " + id + " is done, or has expired");
        }
        return batch;
    }

    /** Returns whether a batch that was being streamed is past the time in which somebody may go on with it. */
    boolean expired(Batch batch) {
        return batch.expiresAt() > 0 && batch.expiresAt() <= live.ticker.millis();
    }

    /** Counts what a transaction does to batches, and adds their records to it. To be called before it is written. */
    void count(Transaction tx) {
        Map<Long, Tally> tallies = new HashMap<>();
        Tally tally = null;
        for (Transaction.Step step : tx.steps()) {
            Task after = step.after();
            Task before = step.before();
            BatchId id = after.spec().batch();
            if (id == null || (before != null && before.state() == after.state())) {
                continue;
            }
            if (tally == null || tally.batch.id().sequence() != id.sequence()) {
                tally = tallies.computeIfAbsent(id.sequence(), k -> tally(tx, id));
            }
            if (tally != null) {
                if (before != null) {
                    tally.add(before, -1);
                }
                tally.add(after, 1);
            }
        }
        tx.batches().forEach(batch -> tallies.computeIfAbsent(batch.id().sequence(), k -> new Tally(batch)));
        long expires = live.ticker.millis() + live.options.retention().toMillis();
        for (Tally each : tallies.values()) {
            Batch batch = ended(each.batch.counted(
                    each.pending,
                    each.running,
                    each.succeeded,
                    each.failed,
                    each.cancelled,
                    each.lastMicros,
                    each.pending + each.running == 0 ? expires : 0));
            Batch before = find(batch.id());
            if (before != null && before.callbacks().equals(batch.callbacks())) {
                tx.counted(batch);
            } else {
                tx.batch(batch);
            }
        }
    }

    /** With its end those who are to be told of it are due. */
    private Batch ended(Batch batch) {
        TaskState end = batch.end();
        return end == null || batch.callbacks().isEmpty()
                ? batch
                : batch.with(batch.callbacks().ended(end, live.ticker.millis()));
    }

    private @Nullable Tally tally(Transaction tx, BatchId id) {
        Batch decided = tx.batch(id.sequence());
        Batch batch = decided != null ? decided : find(id);
        return batch == null ? null : new Tally(batch);
    }

    /** What a transaction did to batches is durable: everybody may see it. */
    void moved(Transaction tx) {
        for (Batch batch : tx.batches()) {
            Entry entry = open.get(batch.id().sequence());
            if (entry == null) {
                open.put(batch.id().sequence(), new Entry(batch));
            } else {
                entry.now = batch;
            }
        }
    }

    /** Tells those who watch, and lets go of what is done. */
    void tell(Transaction tx) {
        if (tx.batches().isEmpty()) {
            return;
        }
        Entry entry = null;
        for (Transaction.Step step : tx.steps()) {
            Task task = step.after();
            BatchId id = task.spec().batch();
            Task before = step.before();
            if (id == null || !task.done() || (before != null && before.done())) {
                continue;
            }
            if (entry == null || entry.now.id().sequence() != id.sequence()) {
                entry = open.get(id.sequence());
            }
            List<BatchWatcher> watchers = entry == null ? null : entry.watchers;
            if (watchers != null) {
                for (BatchWatcher watcher : watchers) {
                    watcher.done(task);
                }
            }
        }
        for (Batch batch : tx.batches()) {
            Entry moved = open.get(batch.id().sequence());
            if (moved != null) {
                if (batch.done()) {
                    open.remove(batch.id().sequence());
                    bytes -= batch.weight();
                    if (batch.callbacks().due()) {
                        live.observer.callbacksChanged(batch);
                    }
                }
                List<BatchWatcher> watchers = moved.watchers;
                if (watchers != null) {
                    watchers.forEach(w -> w.moved(batch));
                }
                stopIfDecided(moved);
            }
        }
    }

    private void stopIfDecided(Entry entry) {
        Batch batch = entry.now;
        if (!entry.stopping && !batch.done() && batch.decided()) {
            entry.stopping = true;
            live.mailbox.put(new CancelBatch(live, batch.id(), batch.rules().interrupt(), task -> true, true));
        }
    }

    /**
     * Lets go of batches that were being streamed, and that nobody went on with in time. One of whose end somebody is to be told comes
     * to it by that.
     */
    void reap(Transaction tx) {
        open.values().removeIf(entry -> {
            Batch batch = entry.now;
            if (!expired(batch) || tx.batch(batch.id().sequence()) != null) {
                return false;
            }
            if (!batch.callbacks().isEmpty()) {
                tx.batch(batch.closed());
                return false;
            }
            bytes -= batch.weight();
            return true;
        });
    }

    /** Returns how many are not done. */
    int size() {
        return open.size();
    }
}
