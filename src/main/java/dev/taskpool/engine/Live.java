package dev.taskpool.engine;

import dev.taskpool.callable.Registered;
import dev.taskpool.callable.Registry;
import dev.taskpool.model.Batch;
import dev.taskpool.model.Failure;
import dev.taskpool.model.FailureCode;
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
import org.jspecify.annotations.Nullable;

/** The live state of pools and of what runs, and the moves on it that several commands share. Confined to the engine's thread. */
final class Live {
    final Memory memory = new Memory(this);
    final Backlog backlog = new Backlog(this);
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

    boolean draining;

    /** Whether the last write failed. */
    boolean storeAway;

    long runningTotal;

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
                backlog.part(),
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
            backlog.leaveQueue(tx, pool, task);
        }
        addPending(tx, pool, -1);
        tx.change(cell, ended);
    }

    // --- starting ---

    /** Starts what the pool's free workers can take, and sees that there is more. */
    void dispatch(Transaction tx, LivePool pool) {
        startWaiting(tx, pool);
        backlog.refill(pool);
    }

    /** Starts what the pool's free workers can take. */
    void startWaiting(Transaction tx, LivePool pool) {
        while (!suspended() && pool.freeWorkers() > 0) {
            ReadyQueue.Entry entry = pool.queue.poll();
            if (entry == null) {
                break;
            }
            Cell cell = memory.cells.get(entry.sequence());
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
                tx.undo(() -> backlog.putBack(pool, cell, task));
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
        tx.undo(() -> backlog.putBack(pool, cell, task));
        tx.change(cell, ended);
    }

    // --- delays and queue timeouts ---

    /** Looks at a pending task again at an instant. */
    void wakeAt(Cell cell, long millis) {
        timers.cancel(cell.wakeTimer);
        long in = Math.max(0, millis - ticker.millis());
        cell.wakeTimer = timers.at(ticker.nanos() + in * 1_000_000L, new Wake(this, cell));
    }
}
