package dev.taskpool.engine;

import dev.taskpool.callable.Registered;
import dev.taskpool.callable.Registry;
import dev.taskpool.model.Batch;
import dev.taskpool.model.Failure;
import dev.taskpool.model.FailureCode;
import dev.taskpool.model.IdempotencyKey;
import dev.taskpool.model.OnLost;
import dev.taskpool.model.PoolKind;
import dev.taskpool.model.PoolSettings;
import dev.taskpool.model.PoolState;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskState;
import dev.taskpool.model.Ticker;
import dev.taskpool.output.OutputFiles;
import dev.taskpool.pool.Ending;
import dev.taskpool.pool.ReadyQueue;
import dev.taskpool.pool.Run;
import dev.taskpool.store.Store;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The live state of all tasks and pools, and the moves on it that several commands share. Confined to the engine's
 * thread, but for the map of cells, which everybody may read.
 */
final class Live {
    /** Waits and delays that end later than this are not kept in memory. */
    static final long HORIZON_MILLIS = 30_000;

    final Map<Long, Cell> cells = new ConcurrentHashMap<>();
    final TreeMap<String, LivePool> pools = new TreeMap<>();
    final Timers timers = new Timers();
    final BatchBook batches = new BatchBook(this);
    final BatchCallbacks batchCallbacks = new BatchCallbacks(this);
    final Waits waits;
    final Events events;
    final Store store;
    final Registry registry;
    final OutputFiles outputs;
    final Ticker ticker;
    final Observer observer;
    final Verdict verdict;
    final Ids ids;
    final EngineOptions options;
    final Mailbox<Command> mailbox;
    final RunnerFactory runners;

    /** Names of pools that the transaction under way makes or deletes. */
    final java.util.Set<String> unsettled = new java.util.HashSet<>();

    final Reads reads = new Reads();

    boolean draining;

    /** Whether the last write failed. */
    boolean storeAway;

    /** Tasks that are ready. */
    final Window window = new Window(64L << 20);

    /** Tasks that are looked at again soon. */
    final Window delayed = new Window(32L << 20);

    long runningTotal;

    /** Keys that H2 may not have yet. */
    final Map<String, Task> keys = new HashMap<>();

    /** Requests whose key is being looked up in H2, and those that wait for the same. */
    final Map<String, java.util.List<Submit>> keyLookups = new HashMap<>();

    Live(
            EngineOptions options,
            Store store,
            Registry registry,
            OutputFiles outputs,
            RunnerFactory runners,
            Waits waits,
            Events events,
            Observer observer,
            Ticker ticker,
            Verdict verdict,
            Ids ids,
            Mailbox<Command> mailbox) {
        this.options = options;
        this.store = store;
        this.registry = registry;
        this.outputs = outputs;
        this.runners = runners;
        this.waits = waits;
        this.events = events;
        this.observer = observer;
        this.ticker = ticker;
        this.verdict = verdict;
        this.ids = ids;
        this.mailbox = mailbox;
    }

    /** Returns whether nothing is started. */
    boolean suspended() {
        return draining || storeAway;
    }

    /** Returns the task with that sequence as it is in memory, or null. For all threads. */
    @Nullable
    Task task(long sequence) {
        Cell cell = cells.get(sequence);
        return cell == null ? null : cell.task();
    }

    long rank(Task task) {
        return task.rank(options.ageing().toMillis());
    }

    ReadyQueue.Entry entry(Task task) {
        return new ReadyQueue.Entry(rank(task), task.id().sequence());
    }

    /** Returns whether a done task is past its retention, and only waits for the cleaner. One whose callback is due is kept. */
    boolean expired(Task task) {
        return task.expiresAt() > 0
                && task.expiresAt() <= ticker.millis()
                && !task.callbacks().due();
    }

    /** As {@link #expired(Task)}. */
    boolean expired(Batch batch) {
        return batch.expiresAt() > 0
                && batch.expiresAt() <= ticker.millis()
                && !batch.callbacks().due();
    }

    LivePool pool(Task task) {
        LivePool pool = pools.get(task.spec().pool());
        if (pool == null) {
            throw new IllegalStateException("no pool for " + task.id());
        }
        return pool;
    }

    LivePool addPool(String name, boolean byApi, PoolSettings settings, PoolState state) {
        LivePool pool = new LivePool(
                name,
                byApi,
                settings,
                state,
                runners.runner(name, settings, cause -> mailbox.put(new Pools.Break(this, name, cause))),
                new Window(window),
                options.window(),
                ticker.nanos());
        pools.put(name, pool);
        return pool;
    }

    // --- counters: moved when decided, moved back if the transaction fails ---

    void addPending(Transaction tx, LivePool pool, int n) {
        pool.pending += n;
        tx.undo(() -> pool.pending -= n);
    }

    void addRunning(Transaction tx, LivePool pool, int n) {
        pool.running += n;
        runningTotal += n;
        tx.undo(() -> {
            pool.running -= n;
            runningTotal -= n;
        });
    }

    /** PENDING → done, without having run. */
    void endPending(Transaction tx, Cell cell, Task ended) {
        Task task = tx.latest(cell);
        LivePool pool = pool(task);
        if (task.notBefore() == 0) {
            leaveQueue(tx, pool, task);
        }
        addPending(tx, pool, -1);
        tx.change(cell, ended);
    }

    // --- starting ---

    /** Starts what the pool's free workers can take, and sees that there is more. */
    void dispatch(Transaction tx, LivePool pool) {
        startWaiting(tx, pool);
        refill(pool);
    }

    private void startWaiting(Transaction tx, LivePool pool) {
        while (!suspended() && pool.freeWorkers() > 0) {
            ReadyQueue.Entry entry = pool.queue.poll();
            if (entry == null) {
                break;
            }
            Cell cell = cells.get(entry.sequence());
            Task task = cell == null ? null : tx.latest(cell);
            if (cell == null || task == null || task.state() != TaskState.PENDING || cell.run() != null) {
                continue;
            }
            Window.leave(cell);
            Registered callable = registry.find(task.spec().callable());
            Failure gone = gone(pool, task, callable);
            if (callable == null || gone != null) {
                reject(tx, cell, verdict.rejected(task, Objects.requireNonNull(gone), ids.micros()));
                continue;
            }
            if (task.deadline() > 0 && task.deadline() <= ticker.millis()) {
                reject(tx, cell, verdict.tooLate(task, ids.micros()));
                continue;
            }
            addPending(tx, pool, -1);
            addRunning(tx, pool, 1);
            Task started = task.started(ticker.millis());
            tx.change(cell, started);
            Run run = run(cell, started, callable);
            if (task.spec().onLost() == OnLost.RETRY) {
                // It may run twice, and its acceptance is durable: it need not wait for the disk.
                start(pool, cell, run, started);
                tx.undo(() -> {
                    // It runs, whatever the disk says: the start is told again until it stands.
                    pool.pending--;
                    pool.running++;
                    runningTotal++;
                    began.add(new Began(cell, run, started.startedAt()));
                });
            } else {
                tx.undo(() -> putBack(pool, cell, task));
                tx.after(() -> start(pool, cell, run, started));
            }
        }
    }

    /** Starts whose transaction failed; the loop decides them again first of all. */
    final java.util.List<Command> began = new java.util.ArrayList<>();

    /** A run began before its start was durable, and the store was away. */
    private record Began(Cell cell, Run run, long atMillis) implements Command {
        @Override
        public void decide(Transaction tx) {
            Task task = tx.latest(cell);
            if (cell.run() == run && task.state() == TaskState.PENDING) {
                tx.change(cell, task.started(atMillis));
            }
        }

        @Override
        public boolean fact() {
            return true;
        }
    }

    Run run(Cell cell, Task started, Registered callable) {
        Long timeout = started.spec().timeoutMillis();
        long stopped = timeout == null ? 0 : started.startedAt() + timeout;
        if (started.deadline() > 0) {
            stopped = stopped == 0 ? started.deadline() : Math.min(stopped, started.deadline());
        }
        return new Run(
                started.id(),
                started.spec(),
                callable,
                started.attempt(),
                stopped,
                // Its first run is accepted, ready and started: a later revision has one before it.
                outputs.open(started.id(), started.attempt(), started.attempt() > 1 || started.revision() > 3),
                new RunListener(this, cell));
    }

    /** Has what a run says decided, or passed on. */
    private record RunListener(Live live, Cell cell) implements Run.Listener {
        @Override
        public void ended(Run run, Ending ending) {
            live.mailbox.put(new Ended(live, cell, run, ending));
        }

        @Override
        public void progressed(Run run) {
            live.events.progressed(cell.task(), run);
        }
    }

    /** Gives a run to its pool's runner, and sets the clock on it. */
    void start(LivePool pool, Cell cell, Run run, Task started) {
        cell.run(run);
        cell.stop = null;
        cell.startedNanos = ticker.nanos();
        timers.cancel(cell.wakeTimer);
        cell.wakeTimer = null;
        Long timeout = started.spec().timeoutMillis();
        if (timeout != null) {
            cell.runTimer = timers.at(
                    cell.startedNanos + timeout * 1_000_000L, tx -> stop(pool, cell, run, StopReason.TIMEOUT));
        }
        if (started.deadline() > 0) {
            long in = Math.max(0, started.deadline() - ticker.millis());
            cell.deadlineTimer =
                    timers.at(cell.startedNanos + in * 1_000_000L, tx -> stop(pool, cell, run, StopReason.DEADLINE));
        }
        run.markDraining(draining);
        pool.runner.start(run);
    }

    /** Asks a run to stop. The first reason stands; a second call hurries. */
    void stop(LivePool pool, Cell cell, Run run, StopReason reason) {
        if (cell.run() == run) {
            if (cell.stop == null) {
                cell.stop = reason;
            }
            pool.runner.stop(run, pool.settings.graceMillis());
            watchInterrupt(pool, cell, run);
        }
    }

    /** A run on a thread was interrupted, which is all that can be done: looks after the grace whether it was heeded. */
    void watchInterrupt(LivePool pool, Cell cell, Run run) {
        if (pool.settings.kind() == PoolKind.THREAD && cell.heedTimer == null) {
            cell.heedTimer = timers.at(
                    ticker.nanos() + pool.settings.graceMillis() * 1_000_000L, tx -> ignored(tx, pool, cell, run));
        }
    }

    /** Its thread is lost for the time being: another may take its place. */
    private void ignored(Transaction tx, LivePool pool, Cell cell, Run run) {
        if (cell.run() == run && run.ignoredStopAt() == 0) {
            run.markIgnoringStop(ticker.millis());
            pool.stuck++;
            dispatch(tx, pool);
        }
    }

    /** A run is over: a thread that was lost has come back. */
    void heeded(Transaction tx, LivePool pool, Cell cell, Run run) {
        timers.cancel(cell.heedTimer);
        cell.heedTimer = null;
        if (run.ignoredStopAt() > 0) {
            pool.stuck--;
            tx.undo(() -> pool.stuck++);
        }
    }

    /** Returns why a task that was accepted by an earlier start cannot run any more, or null where it can. */
    private static @Nullable Failure gone(LivePool pool, Task task, @Nullable Registered callable) {
        String name = task.spec().callable();
        if (callable == null) {
            return Failure.of(FailureCode.UNKNOWN_CALLABLE, "no callable " + name + " is registered any more");
        }
        return callable.runsOn(pool.settings)
                ? null
                : Failure.of(
                        FailureCode.POOL_KIND_UNSUPPORTED,
                        name + " runs on " + callable.whereItRuns() + "; '" + pool.name + "' is " + pool.settings.kind()
                                + " now");
    }

    /** A task that was taken from its queue does not start, for good. */
    private void reject(Transaction tx, Cell cell, Task ended) {
        Task task = tx.latest(cell);
        LivePool pool = pool(task);
        addPending(tx, pool, -1);
        tx.undo(() -> putBack(pool, cell, task));
        tx.change(cell, ended);
    }

    // --- the window ---

    /** A task is ready: it goes to its place in the queue, in memory or behind the boundary. */
    void enqueue(LivePool pool, Cell cell, Task task) {
        ReadyQueue.Entry entry = entry(task);
        if (pool.queue.add(entry)) {
            pool.window.enter(cell, task);
            shrink(pool);
        } else {
            if (pool.refilling) {
                pool.refillArrivals.add(entry);
            }
            Window.leave(cell);
            evict(cell);
        }
        long next = task.lookAt();
        if (next > 0 && cells.get(task.id().sequence()) == cell) {
            wakeAt(cell, next);
        }
    }

    /**
     * A task goes back to its place in the queue, for what took it from there did not come to be. The boundary may be before it by now.
     *
     * @param cell null where it was not in memory
     */
    private void putBack(LivePool pool, @Nullable Cell cell, Task task) {
        ReadyQueue.Entry entry = entry(task);
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
            evict(cell);
        }
    }

    /** Takes a pending task that will not start out of its queue. */
    void leaveQueue(Transaction tx, LivePool pool, Task task) {
        ReadyQueue.Entry entry = entry(task);
        Cell cell = pool.queue.contains(entry) ? cells.get(task.id().sequence()) : null;
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
            for (LivePool pool : pools.values()) {
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
        Cell cell = cells.get(out.sequence());
        if (cell != null) {
            Window.leave(cell);
            evict(cell);
        }
        if (pool.refilling) {
            pool.refillArrivals.add(out);
        }
        return true;
    }

    /** Asks the database for the next tasks behind the boundary, when the window runs low. */
    void refill(LivePool pool) {
        if (pool.refilling || suspended() || pool.sweeps > 0 || !pool.state.starts() || !pool.queue.wantsMore()) {
            return;
        }
        if (window.isHalfFull() && pool.queue.size() > 0) {
            return;
        }
        pool.refilling = true;
        long read = reads.begin();
        ReadyQueue.Entry from = pool.queue.boundary();
        int limit = Math.min(2_000, pool.queue.room());
        store.pending(pool.name, false, from.place(), from.sequence(), limit)
                .whenComplete((page, error) -> mailbox.put(tx -> refilled(tx, pool, read, page, error)));
    }

    private void refilled(
            Transaction tx, LivePool pool, long read, Store.@Nullable Page page, @Nullable Throwable error) {
        pool.refilling = false;
        if (page == null || error != null) {
            reads.end(read);
            // Reads fail only with the store; the next tick tries again.
            pool.refillArrivals.clear();
            return;
        }
        ReadyQueue.Entry last = null;
        for (Task task : page.tasks()) {
            last = entry(task);
        }
        pool.queue.advance(last, page.complete());
        for (Task stored : page.tasks()) {
            Cell cell = resident(stored);
            if (cell != null) {
                arrive(pool, cell, tx.latest(cell));
            }
        }
        for (ReadyQueue.Entry entry : pool.refillArrivals) {
            Cell cell = cells.get(entry.sequence());
            if (cell != null && entry.compareTo(pool.queue.boundary()) <= 0) {
                arrive(pool, cell, tx.latest(cell));
            }
        }
        pool.refillArrivals.clear();
        reads.end(read);
        // First what starts now, so that it need not be asked for again.
        startWaiting(tx, pool);
        shrink(pool);
        refill(pool);
    }

    private void arrive(LivePool pool, Cell cell, Task task) {
        ReadyQueue.Entry entry = entry(task);
        if (task.state() == TaskState.PENDING
                && cell.run() == null
                && task.notBefore() == 0
                && !pool.queue.contains(entry)) {
            pool.queue.arrive(entry);
            pool.window.enter(cell, task);
            long next = task.lookAt();
            if (next > 0) {
                wakeAt(cell, next);
            }
        }
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

    // --- delays and queue timeouts ---

    /** Looks at a pending task again at an instant. */
    void wakeAt(Cell cell, long millis) {
        timers.cancel(cell.wakeTimer);
        long in = Math.max(0, millis - ticker.millis());
        cell.wakeTimer = timers.at(ticker.nanos() + in * 1_000_000L, new Wake(this, cell));
    }

    // --- eviction ---

    /** Deleted while the database was being read: what that brings of them is out of date. */
    private final java.util.Set<Long> deleted = new java.util.HashSet<>();

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
                timers.cancel(cell.wakeTimer);
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
                        && task.notBefore() - ticker.millis() < HORIZON_MILLIS
                        && !delayed.isFull();
                LivePool pool = pools.get(task.spec().pool());
                yield !soon && (pool == null || !pool.queue.contains(entry(task)));
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
    void applied(java.util.List<Task> tasks) {
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
