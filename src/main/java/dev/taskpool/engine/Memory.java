package dev.taskpool.engine;

import dev.taskpool.model.IdempotencyKey;
import dev.taskpool.model.Task;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Tasks that are in memory: which come there, and which leave it when H2 has them and nothing here needs them. Confined to the
 * engine's thread, but for the map of cells, which everybody may read.
 */
final class Memory {
    /** Waits and delays that end later than this are not kept in memory. */
    static final long HORIZON_MILLIS = 30_000;

    /** By sequence. */
    final Map<Long, Cell> cells = new ConcurrentHashMap<>();

    /** Keys that H2 may not have yet. */
    final Map<String, Task> keys = new HashMap<>();

    /** Tasks that are looked at again soon. */
    final Window delayed = new Window(32L << 20);

    final Reads reads = new Reads();

    /** Deleted while the database was being read: what that brings of them is out of date. */
    private final Set<Long> deleted = new HashSet<>();

    private final Live live;

    Memory(Live live) {
        this.live = live;
    }

    /** Returns the task with that sequence as it is in memory, or null. For all threads. */
    @Nullable
    Task task(long sequence) {
        Cell cell = cells.get(sequence);
        return cell == null ? null : cell.task();
    }

    /** Returns the cell of a task that was read from H2, or null where it was deleted since; what is in memory is newer. */
    @Nullable
    Cell resident(Task stored) {
        Cell cell = cells.get(stored.id().sequence());
        if (cell == null && !deleted.contains(stored.id().sequence())) {
            cell = new Cell(stored);
            cell.appliedRevision = stored.revision();
            cells.put(stored.id().sequence(), cell);
        }
        return cell;
    }

    /** A task's deletion is durable. */
    void delete(Task task) {
        cells.remove(task.id().sequence());
        forgetKey(task);
        long sequence = task.id().sequence();
        deleted.add(sequence);
        reads.afterThese(() -> deleted.remove(sequence));
    }

    /** Forgets a task that H2 has and nothing here needs. */
    void evict(Cell cell) {
        if (evictable(cell)) {
            cell.leaves++;
            if (!cell.leaving) {
                cell.leaving = true;
                leaveAfterReads(cell);
            }
        }
    }

    private void leaveAfterReads(Cell cell) {
        int asked = cell.leaves;
        long revision = cell.task().revision();
        // A read that began before H2 had this revision may bring an earlier one: it is not to be believed.
        // And one that has passed over it because it was here needs it here when it answers.
        reads.afterThese(() -> {
            if (cell.leaves != asked || (evictable(cell) && cell.task().revision() != revision)) {
                leaveAfterReads(cell);
                return;
            }
            cell.leaving = false;
            if (evictable(cell)) {
                live.timers.cancel(cell.wakeTimer);
                cell.wakeTimer = null;
                Window.leave(cell);
                cells.remove(cell.task().id().sequence(), cell);
            }
        });
    }

    private boolean evictable(Cell cell) {
        Task task = cell.task();
        // One that is being started in this very transaction is in H2 as it was, and nowhere as it will be. Were it
        // forgotten now, it would run and end without memory, and H2 would be asked, which is behind.
        if (cell.changing || cell.appliedRevision != task.revision() || cell.run() != null) {
            return false;
        }
        return switch (task.state()) {
            case PENDING -> {
                boolean soon = cell.window == delayed
                        && task.notBefore() > 0
                        && task.notBefore() - live.ticker.millis() < HORIZON_MILLIS
                        && !delayed.isFull();
                LivePool pool = live.pools.get(task.spec().pool());
                yield !soon && (pool == null || !pool.queue.contains(live.entry(task)));
            }
            case RUNNING -> false;
            case SUCCEEDED, FAILED, CANCELLED -> true;
        };
    }

    /** A key is found in H2, or stands for nothing any more. */
    void forgetKey(Task task) {
        IdempotencyKey key = task.spec().key();
        if (key != null) {
            Task first = keys.get(key.keyHash());
            // It may stand for a later task: the first one is past its retention.
            if (first != null && first.id().equals(task.id())) {
                keys.remove(key.keyHash());
            }
        }
    }

    /** H2 has these revisions now. */
    void applied(List<Task> tasks) {
        for (Task task : tasks) {
            forgetKey(task);
            Cell cell = cells.get(task.id().sequence());
            if (cell != null && cell.task().revision() >= task.revision()) {
                cell.appliedRevision = task.revision();
                evict(cell);
            }
        }
    }
}
