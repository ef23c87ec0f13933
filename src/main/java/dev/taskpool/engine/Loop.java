package dev.taskpool.engine;

import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskState;
import dev.taskpool.store.Change;
import dev.taskpool.store.StorageException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The engine's thread: takes commands, decides them, commits, and only then tells. While one batch is being written the
 * next gathers in the mailbox, so batches form by themselves and an idle service answers at once.
 */
final class Loop implements Runnable {
    private static final Logger LOG = LoggerFactory.getLogger(Loop.class);

    /** Commands in one transaction at most, and bytes of arguments: a batch is written as one frame. */
    private static final int MAX_COMMANDS = 1_024;

    private static final long MAX_WEIGHT = 8L << 20;

    /** A batch gathers for as long as so many writes take: by then what it waits for has cost more than it saves. */
    private static final int GATHER_WRITES = 3;

    private static final long RETRY_NANOS = 300_000_000L;
    private static final long TICK_NANOS = 1_000_000_000L;

    private final Live live;
    private final Runnable onFatal;

    // Confined to this thread.
    private final ArrayDeque<Command> incoming = new ArrayDeque<>();
    /** What happened and could not be written yet. Not empty, or {@code down}: the store is away. */
    private final ArrayDeque<Command> facts = new ArrayDeque<>();

    private final Set<LivePool> dirty = new LinkedHashSet<>();
    private final List<Command> drained = new ArrayList<>();
    /** Read by all, changed by this thread. */
    private volatile boolean down;

    private long retryAt;

    /** What the last write took. */
    private long writeNanos;

    private final Courtesy courtesy;

    private volatile boolean closing;

    /** @param onFatal what to do when this thread finds the program wrong: it cannot go on */
    Loop(Live live, Runnable onFatal) {
        this.live = live;
        this.onFatal = onFatal;
        this.courtesy = new Courtesy(live.ticker);
    }

    /** Lets the thread end once nothing is left to do. */
    void close() {
        closing = true;
        live.mailbox.put(tx -> {});
    }

    /** Returns whether the store refused the last write. */
    boolean down() {
        return down;
    }

    @Override
    public void run() {
        try {
            while (true) {
                long now = live.ticker.nanos();
                take(now);
                if (incoming.isEmpty() && dirty.isEmpty() && (!down || now - retryAt < 0)) {
                    if (closing && (facts.isEmpty() || down)) {
                        return;
                    }
                    long most = down ? Math.min(TICK_NANOS, Math.max(1, retryAt - now)) : TICK_NANOS;
                    // Whoever is about to put something gets the processor first: under load that spares most of the
                    // sleeps, and each sleep spared is a wake-up spared to one who puts.
                    courtesy.giveWay();
                    live.mailbox.await(live.timers.untilNext(now, most));
                    continue;
                }
                if (down) {
                    stepWithoutStore(now);
                } else {
                    step();
                }
            }
        } catch (RuntimeException | Error e) {
            // State may be half moved: going on could lie. The store has the truth; the next start reads it.
            LOG.error("the engine cannot go on", e);
            onFatal.run();
        }
    }

    private void take(long now) {
        drained.clear();
        live.mailbox.drainTo(drained, MAX_COMMANDS - Math.min(MAX_COMMANDS, incoming.size()));
        incoming.addAll(drained);
        for (Command due = live.timers.poll(now); due != null; due = live.timers.poll(now)) {
            incoming.add(due);
        }
    }

    /** Decides what is there, commits it as one batch, tells. */
    private void step() {
        Transaction tx = new Transaction();
        List<Command> decided = new ArrayList<>();
        dispatchDirty(tx);
        long weight = 0;
        long begun = live.ticker.nanos();
        while (weight < MAX_WEIGHT && decided.size() < MAX_COMMANDS) {
            Command command = facts.isEmpty() ? incoming.poll() : facts.poll();
            if (command == null) {
                if (tx.needsCommit() && gather(begun)) {
                    continue;
                }
                break;
            }
            if (decide(command, tx)) {
                decided.add(command);
                weight = tx.weight();
            }
        }
        if (tx.needsCommit()) {
            live.batches.count(tx);
        }
        List<Change> changes = tx.needsCommit() ? tx.changes() : List.of();
        long frame = changes.isEmpty() ? 0 : commit(tx, changes, decided);
        if (frame >= 0) {
            tell(tx, frame, changes);
        }
    }

    /**
     * Lets in what comes while others have the processor, as long as more comes and the last writes are worth it: short runs
     * that this batch started end within it, and their workers take the next ones, so that what becomes durable with one
     * write is not bounded by the number of workers. Where nobody else is at work this costs nothing.
     */
    private boolean gather(long begun) {
        courtesy.giveWay();
        long now = live.ticker.nanos();
        take(now);
        return !incoming.isEmpty() && now - begun < GATHER_WRITES * writeNanos;
    }

    private void dispatchDirty(Transaction tx) {
        if (!dirty.isEmpty()) {
            List<LivePool> pools = List.copyOf(dirty);
            dirty.clear();
            for (LivePool pool : pools) {
                live.dispatch(tx, pool);
            }
        }
    }

    private boolean decide(Command command, Transaction tx) {
        try {
            command.decide(tx);
            return true;
        } catch (Problem e) {
            if (!tx.needsCommit()) {
                command.refused(e);
                return false;
            }
            // The reason may be what this transaction decided: not told before that is durable.
            tx.after(() -> command.refused(e));
            return true;
        }
    }

    /** Returns the frame that was written, or -1 where it could not be. */
    private long commit(Transaction tx, List<Change> changes, List<Command> decided) {
        long begun = live.ticker.nanos();
        long frame;
        try {
            frame = live.store.commit(changes);
        } catch (StorageException e) {
            tx.rollback();
            goDown(e);
            // In the order in which they were decided, before all that comes later.
            List<Command> again = new ArrayList<>(live.began);
            live.began.clear();
            for (Command command : decided) {
                if (command.fact()) {
                    again.add(command);
                } else {
                    command.refused(unavailable());
                }
            }
            for (int i = again.size() - 1; i >= 0; i--) {
                facts.addFirst(again.get(i));
            }
            return -1;
        }
        writeNanos = live.ticker.nanos() - begun;
        live.observer.committed(changes.size(), writeNanos);
        return frame;
    }

    /** @param frame what was written, 0 where nothing was */
    private void tell(Transaction tx, long frame, List<Change> changes) {
        for (Transaction.Step step : tx.steps()) {
            apply(step);
        }
        if (frame > 0) {
            live.events.told(frame, changes);
        }
        live.batches.moved(tx);
        for (Runnable action : tx.after()) {
            action.run();
        }
        fire(tx.steps());
        live.batches.tell(tx);
    }

    /** Tells of ends in their order: a task's place in a transaction is that of its first change there. */
    private void fire(List<Transaction.Step> steps) {
        long latest = 0;
        boolean sorted = true;
        List<Task> done = new ArrayList<>();
        for (Transaction.Step step : steps) {
            Task task = step.after();
            if (task.done()) {
                sorted &= task.finishedMicros() > latest;
                latest = task.finishedMicros();
                done.add(task);
            }
        }
        if (!sorted) {
            done.sort(Comparator.comparingLong(Task::finishedMicros));
        }
        done.forEach(live.waits::fire);
    }

    /** A task's new revision is durable: everybody may see it, and what follows from it happens. */
    private void apply(Transaction.Step step) {
        Cell cell = step.cell();
        Task before = step.before();
        Task task = step.after();
        cell.task(task);
        cell.changing = false;
        if (before == null) {
            live.memory.cells.put(task.id().sequence(), cell);
            live.observer.accepted(task);
        }
        TaskState was = before == null ? TaskState.PENDING : before.state();
        if (task.state() != TaskState.PENDING) {
            Window.leave(cell);
        }
        switch (task.state()) {
            case PENDING -> pending(cell, before, task);
            case RUNNING -> {
                if (was == TaskState.PENDING) {
                    live.observer.started(task);
                }
            }
            case SUCCEEDED, FAILED, CANCELLED -> {
                if (!was.done()) {
                    live.timers.cancel(cell.wakeTimer);
                    cell.wakeTimer = null;
                    live.observer.done(task);
                    LivePool pool = live.pools.get(task.spec().pool());
                    if (pool != null) {
                        dirty.add(pool);
                        closeIfEmpty(pool);
                    }
                } else {
                    // A done task changes in its callbacks only.
                    live.observer.callbacksChanged(task);
                }
            }
        }
    }

    private void pending(Cell cell, @Nullable Task before, Task task) {
        LivePool pool = live.pool(task);
        if (before != null && before.state() == TaskState.RUNNING) {
            live.observer.retried(task);
        }
        if (task.notBefore() > 0) {
            live.memory.delayed.enter(cell, task);
            live.wakeAt(cell, task.lookAt());
        } else {
            live.backlog.enqueue(pool, cell, task);
        }
        dirty.add(pool);
    }

    /** A pool that was shut down and has nothing left lets its workers go. */
    void closeIfEmpty(LivePool pool) {
        Pools.closeIfEmpty(live, pool);
    }

    // --- without a store ---

    private void goDown(StorageException e) {
        if (!down) {
            LOG.error("the store cannot be written: new tasks are refused until it can", e);
        }
        down = true;
        live.storeAway = true;
        retryAt = live.ticker.nanos() + RETRY_NANOS;
    }

    /** The store is away: what needs it is refused, what happened is kept, and now and then it is tried again. */
    private void stepWithoutStore(long now) {
        for (Command command = incoming.poll(); command != null; command = incoming.poll()) {
            if (command.fact()) {
                facts.add(command);
                continue;
            }
            Transaction tx = new Transaction();
            if (decide(command, tx)) {
                if (tx.needsCommit()) {
                    tx.rollback();
                    command.refused(unavailable());
                } else {
                    tell(tx, 0, List.of());
                }
            }
        }
        if (now - retryAt >= 0) {
            try {
                live.store.probe();
            } catch (StorageException e) {
                goDown(e);
                return;
            }
            LOG.info("the store can be written again");
            down = false;
            live.storeAway = false;
            dirty.addAll(live.pools.values());
        }
    }

    private static Problem unavailable() {
        return Problem.retryable(
                ProblemCode.STORAGE_UNAVAILABLE,
                "the store cannot be written; nothing was changed, and reads go on",
                2);
    }
}
