package dev.taskpool.engine;

import dev.taskpool.model.Task;
import dev.taskpool.model.TaskState;
import dev.taskpool.pool.ReadyQueue;
import dev.taskpool.store.Store;
import org.jspecify.annotations.Nullable;

/**
 * The ready tasks of all pools: the first ones of each in memory, in its queue, and those behind the queue's boundary in the
 * database until it is their turn. Confined to the engine's thread.
 */
final class Backlog {
    /** What is in memory of all pools. */
    private final Window window = new Window(64L << 20);

    private final Live live;

    Backlog(Live live) {
        this.live = live;
    }

    /** Returns whether the ready tasks in memory leave no room for more. */
    boolean isFull() {
        return window.isFull();
    }

    /** Returns the part of one more pool. */
    Window part() {
        return new Window(window);
    }

    /** A task is ready: it goes to its place in the queue, in memory or behind the boundary. */
    void enqueue(LivePool pool, Cell cell, Task task) {
        ReadyQueue.Entry entry = live.entry(task);
        if (pool.queue.add(entry)) {
            pool.window.enter(cell, task);
            shrink(pool);
        } else {
            if (pool.refilling) {
                pool.refillArrivals.add(entry);
            }
            Window.leave(cell);
            live.memory.evict(cell);
        }
        long next = task.lookAt();
        if (next > 0 && live.memory.cells.get(task.id().sequence()) == cell) {
            live.wakeAt(cell, next);
        }
    }

    /**
     * A task goes back to its place in the queue, for what took it from there did not come to be. The boundary may be before it by now.
     *
     * @param cell null where it was not in memory
     */
    void putBack(LivePool pool, @Nullable Cell cell, Task task) {
        ReadyQueue.Entry entry = live.entry(task);
        if (pool.queue.add(entry)) {
            if (cell != null) {
                pool.window.enter(cell, task);
            }
            return;
        }
        if (pool.refilling) {
            pool.refillArrivals.add(entry);
        }
        if (cell != null) {
            live.memory.evict(cell);
        }
    }

    /** Takes a pending task that will not start out of its queue. */
    void leaveQueue(Transaction tx, LivePool pool, Task task) {
        ReadyQueue.Entry entry = live.entry(task);
        Cell cell = pool.queue.contains(entry) ? live.memory.cells.get(task.id().sequence()) : null;
        if (pool.queue.remove(entry)) {
            if (cell != null) {
                Window.leave(cell);
            }
            tx.undo(() -> putBack(pool, cell, task));
        }
    }

    /** Makes room in memory, where there is none: of the pool that takes the most of it, so that none has to do without. */
    private void shrink(LivePool added) {
        while (added.queue.isOverfull() && leavesMemory(added)) {
            // It was one more than a pool may have.
        }
        while (window.isFull()) {
            LivePool largest = added;
            for (LivePool pool : live.pools.values()) {
                if (pool.queue.size() > 1
                        && (largest.queue.size() <= 1 || pool.window.bytes() > largest.window.bytes())) {
                    largest = pool;
                }
            }
            if (!leavesMemory(largest)) {
                return;
            }
        }
    }

    /** The last of a pool's ready tasks that are here waits in the database only; returns false where there is one at most. */
    private boolean leavesMemory(LivePool pool) {
        ReadyQueue.Entry out = pool.queue.overflow();
        if (out == null) {
            return false;
        }
        Cell cell = live.memory.cells.get(out.sequence());
        if (cell != null) {
            Window.leave(cell);
            live.memory.evict(cell);
        }
        if (pool.refilling) {
            pool.refillArrivals.add(out);
        }
        return true;
    }

    /** Asks the database for the next tasks behind the boundary, when the window runs low. */
    void refill(LivePool pool) {
        if (pool.refilling || live.suspended() || pool.sweeps > 0 || !pool.state.starts() || !pool.queue.wantsMore()) {
            return;
        }
        if (window.isHalfFull() && pool.queue.size() > 0) {
            return;
        }
        pool.refilling = true;
        long read = live.memory.reads.begin();
        ReadyQueue.Entry from = pool.queue.boundary();
        int limit = Math.min(2_000, pool.queue.room());
        live.store
                .pending(pool.name, false, from.place(), from.sequence(), limit)
                .whenComplete((page, error) -> live.mailbox.put(tx -> refilled(tx, pool, read, page, error)));
    }

    private void refilled(
            Transaction tx, LivePool pool, long read, Store.@Nullable Page page, @Nullable Throwable error) {
        pool.refilling = false;
        if (page == null || error != null) {
            live.memory.reads.end(read);
            // Reads fail only with the store; the next tick tries again.
            pool.refillArrivals.clear();
            return;
        }
        ReadyQueue.Entry last = null;
        for (Task task : page.tasks()) {
            last = live.entry(task);
        }
        pool.queue.advance(last, page.complete());
        for (Task stored : page.tasks()) {
            Cell cell = live.memory.resident(stored);
            if (cell != null) {
                arrive(pool, cell, tx.latest(cell));
            }
        }
        for (ReadyQueue.Entry entry : pool.refillArrivals) {
            Cell cell = live.memory.cells.get(entry.sequence());
            if (cell != null && entry.compareTo(pool.queue.boundary()) <= 0) {
                arrive(pool, cell, tx.latest(cell));
            }
        }
        pool.refillArrivals.clear();
        live.memory.reads.end(read);
        // First what starts now, so that it need not be asked for again.
        live.startWaiting(tx, pool);
        shrink(pool);
        refill(pool);
    }

    private void arrive(LivePool pool, Cell cell, Task task) {
        ReadyQueue.Entry entry = live.entry(task);
        if (task.state() == TaskState.PENDING
                && cell.run() == null
                && task.notBefore() == 0
                && !pool.queue.contains(entry)) {
            pool.queue.arrive(entry);
            pool.window.enter(cell, task);
            long next = task.lookAt();
            if (next > 0) {
                live.wakeAt(cell, next);
            }
        }
    }
}
