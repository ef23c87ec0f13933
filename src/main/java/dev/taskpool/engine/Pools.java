package dev.taskpool.engine;

import dev.taskpool.callable.Registered;
import dev.taskpool.model.Breakage;
import dev.taskpool.model.Failure;
import dev.taskpool.model.FailureCode;
import dev.taskpool.model.PoolSettings;
import dev.taskpool.model.PoolState;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskState;
import dev.taskpool.model.WorkerPolicy;
import dev.taskpool.pool.Run;
import dev.taskpool.store.Change;
import dev.taskpool.store.Store;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** What can be done to pools. Each method decides within a transaction, on the engine's thread. */
final class Pools {
    private static final int SWEEP_PAGE = 1_000;
    private static final long RETRY_NANOS = 300_000_000L;

    private Pools() {}

    static LivePool named(Live live, String name) {
        LivePool pool = live.pools.get(name);
        if (pool == null || live.unsettled.contains(name)) {
            throw Problem.of(ProblemCode.POOL_NOT_FOUND, "there is no pool '" + name + "'");
        }
        pool.namedAtNanos = live.ticker.nanos();
        return pool;
    }

    /** Makes a pool, or gives it other settings. */
    static final class Put extends Request<PoolView> {
        private final Live live;
        private final String name;
        private final PoolSettings settings;

        Put(Live live, String name, PoolSettings settings) {
            this.live = live;
            this.name = name;
            this.settings = settings;
        }

        @Override
        public void decide(Transaction tx) {
            checkInitializer();
            live.options.requireEnforceable(settings.limits().defaults(), "/limits");
            live.options.requireEnforceable(settings.limits().maximum(), "/max_limits");
            LivePool old = live.pools.get(name);
            if (live.unsettled.contains(name)) {
                // Somebody else makes or deletes it in this transaction: decided again once that stands.
                tx.after(() -> live.mailbox.put(this));
            } else if (old == null) {
                make(tx);
            } else {
                change(tx, old);
            }
        }

        private void checkInitializer() {
            WorkerPolicy.Initializer initializer = settings.worker().initializer();
            if (initializer == null) {
                return;
            }
            Registered callable = live.registry.find(initializer.callable());
            if (callable == null || !callable.runsOn(settings)) {
                throw Problem.field(
                        ProblemCode.UNKNOWN_CALLABLE,
                        "/initializer/callable",
                        "there is no callable " + initializer.callable() + " for workers of type "
                                + settings.workerType());
            }
        }

        private void make(Transaction tx) {
            if (live.draining) {
                throw Problem.retryable(ProblemCode.DRAINING, "the service is draining and takes no new pools", 5);
            }
            unsettle(live, tx, name);
            tx.add(new Change.PoolSaved(new Change.StoredPool(name, settings, PoolState.ACTIVE, true)));
            tx.after(() -> answer.complete(
                    live.addPool(name, true, settings, PoolState.ACTIVE).view(true)));
        }

        private void change(Transaction tx, LivePool pool) {
            pool.namedAtNanos = live.ticker.nanos();
            PoolSettings now = pool.decided.settings();
            PoolState state = pool.decided.state();
            if (now.kind() != settings.kind()) {
                throw Problem.field(
                        ProblemCode.POOL_KIND_FIXED,
                        "/kind",
                        "'" + name + "' is " + now.kind() + " and cannot become " + settings.kind());
            }
            if (now.virtualThreads() != settings.virtualThreads()) {
                throw Problem.field(
                        ProblemCode.POOL_KIND_FIXED,
                        "/virtual_threads",
                        "cannot change while the pool exists; it is " + now.virtualThreads());
            }
            if (!now.workerType().equals(settings.workerType())) {
                throw Problem.field(
                        ProblemCode.POOL_KIND_FIXED,
                        "/worker_type",
                        "cannot change while the pool exists; it is " + now.workerType());
            }
            if (state == PoolState.SHUTTING_DOWN || state == PoolState.SHUT_DOWN) {
                throw Problem.of(ProblemCode.POOL_SHUT_DOWN, "'" + name + "' was shut down; delete it to make it anew");
            }
            // Settings given to a broken pool mend it.
            pool.change(tx, settings, state == PoolState.BROKEN ? PoolState.ACTIVE : state);
            tx.after(() -> {
                live.mailbox.put(next -> live.dispatch(next, pool));
                answer.complete(pool.view(false));
            });
        }
    }

    /** Makes others wait who want to make or delete a pool of that name. */
    private static void unsettle(Live live, Transaction tx, String name) {
        live.unsettled.add(name);
        tx.undo(() -> live.unsettled.remove(name));
        tx.after(() -> live.unsettled.remove(name));
    }

    static void delete(Live live, Transaction tx, String name, CompletableFuture<Boolean> answer) {
        LivePool pool = named(live, name);
        if (pool.decided.state() != PoolState.SHUT_DOWN) {
            throw Problem.of(
                    ProblemCode.POOL_NOT_SHUT_DOWN,
                    "'" + name + "' is " + pool.decided.state() + "; shut it down first");
        }
        unsettle(live, tx, name);
        tx.add(new Change.PoolDeleted(name));
        tx.after(() -> {
            live.pools.remove(name);
            live.observer.poolDeleted(name);
            answer.complete(true);
        });
    }

    /** Stops or resumes starting tasks. */
    static void pause(Live live, Transaction tx, String name, boolean pause, CompletableFuture<PoolView> answer) {
        LivePool pool = named(live, name);
        PoolState wanted = pause ? PoolState.PAUSED : PoolState.ACTIVE;
        switch (pool.decided.state()) {
            case ACTIVE, PAUSED -> {}
            case BROKEN -> throw Problem.of(ProblemCode.POOL_BROKEN, "'" + name + "' is broken");
            case SHUTTING_DOWN, SHUT_DOWN ->
                throw Problem.of(ProblemCode.POOL_SHUT_DOWN, "'" + name + "' was shut down");
        }
        if (pool.decided.state() != wanted) {
            pool.change(tx, pool.decided.settings(), wanted);
        }
        tx.after(() -> {
            live.mailbox.put(next -> live.dispatch(next, pool));
            answer.complete(pool.view(false));
        });
    }

    /**
     * {@code Executor.shutdown}: takes no more; what it has runs, or is cancelled where it has not started.
     *
     * @param answer told when that is durable, for every task that is cancelled
     */
    static void shutdown(Live live, Transaction tx, String name, boolean cancelPending, Consumer<LivePool> answer) {
        LivePool pool = named(live, name);
        if (pool.decided.state() != PoolState.SHUTTING_DOWN && pool.decided.state() != PoolState.SHUT_DOWN) {
            pool.change(tx, pool.decided.settings(), PoolState.SHUTTING_DOWN);
        }
        Runnable done = () -> {
            live.mailbox.put(next -> live.dispatch(next, pool));
            closeIfEmpty(live, pool);
            answer.accept(pool);
        };
        if (cancelPending) {
            cancelAll(live, tx, pool, done);
        } else {
            tx.after(done);
        }
    }

    /**
     * Cancels the pending tasks of a pool.
     *
     * @param done happens when all of them are cancelled, durably
     */
    static void cancelAll(Live live, Transaction tx, LivePool pool, Runnable done) {
        endAll(live, tx, pool, task -> live.verdict.cancelled(task, live.ids.micros()), done);
    }

    /** Fails the pending tasks of a pool that is broken. */
    static void failAll(Live live, Transaction tx, LivePool pool, Failure failure) {
        endAll(
                live,
                tx,
                pool,
                task -> live.verdict.rejected(task, failure, live.ids.micros()),
                () -> closeIfEmpty(live, pool));
    }

    /**
     * Ends the tasks of a pool that are pending now: those in memory at once, those that only the database has page by
     * page. Tasks that are accepted later are none of its business.
     */
    private static void endAll(Live live, Transaction tx, LivePool pool, UnaryOperator<Task> end, Runnable done) {
        for (Cell cell : live.memory.cells.values()) {
            Task task = tx.latest(cell);
            if (task.state() == TaskState.PENDING
                    && cell.run() == null
                    && task.spec().pool().equals(pool.name)) {
                live.endPending(tx, cell, end.apply(task));
            }
        }
        Sweep sweep = new Sweep(live, pool, live.ids.last(), end, done);
        tx.after(() -> {
            if (pool.pending > 0) {
                pool.sweeps++;
                sweep.next(Mark.FIRST);
            } else {
                done.run();
            }
        });
    }

    /**
     * How far a sweep is, in the order of the database's index. The delayed come first: one whose delay ends meanwhile goes
     * to the ready ones and is met there.
     */
    private record Mark(boolean delayed, long place, long sequence) {
        static final Mark FIRST = new Mark(true, Long.MIN_VALUE, Long.MIN_VALUE);
        static final Mark FIRST_READY = new Mark(false, Long.MIN_VALUE, Long.MIN_VALUE);
    }

    /** @param last the sequence of the last task that is meant */
    private record Sweep(Live live, LivePool pool, long last, UnaryOperator<Task> end, Runnable done) {
        void next(Mark after) {
            long read = live.memory.reads.begin();
            live.store
                    .pending(pool.name, after.delayed, after.place, after.sequence, SWEEP_PAGE)
                    .whenComplete((page, error) -> live.mailbox.put(new EndPage(this, read, after, page, error)));
        }
    }

    private record EndPage(
            Sweep sweep,
            long read,
            Mark after,
            Store.@Nullable Page page,
            @Nullable Throwable error) implements Command {
        @Override
        public void decide(Transaction tx) {
            Live live = sweep.live;
            List<Task> tasks = page == null || error != null ? List.of() : page.tasks();
            boolean complete = page != null && error == null && page.complete();
            for (Task stored : tasks) {
                if (stored.id().sequence() > sweep.last) {
                    continue;
                }
                Cell cell = live.memory.resident(stored);
                Task task = cell == null ? stored : tx.latest(cell);
                if (cell != null && task.state() == TaskState.PENDING && cell.run() == null) {
                    live.endPending(tx, cell, sweep.end.apply(task));
                }
            }
            tx.after(() -> {
                live.memory.reads.end(read);
                if (complete && after.delayed) {
                    sweep.next(Mark.FIRST_READY);
                } else if (complete) {
                    sweep.pool.sweeps--;
                    sweep.done.run();
                    live.mailbox.put(next -> live.dispatch(next, sweep.pool));
                } else if (tasks.isEmpty()) {
                    // The store cannot be read at the moment: not at once again.
                    live.timers.at(live.ticker.nanos() + RETRY_NANOS, next -> sweep.next(after));
                } else {
                    Task end = tasks.getLast();
                    sweep.next(new Mark(after.delayed, live.rank(end), end.id().sequence()));
                }
            });
        }

        @Override
        public boolean fact() {
            return true;
        }
    }

    /** The workers of a pool cannot go on, for an initializer failed or its settings say BREAK: all that it has fails, as in CPython. */
    record Break(Live live, String name, Breakage by) implements Command {
        /** Returns what its tasks fail with. */
        static Failure failure(Breakage by) {
            return by.code().equals(FailureCode.INITIALIZER_FAILED)
                    ? Failure.of(by.code(), by.text())
                    : Verdict.broken(by.text());
        }

        @Override
        public void decide(Transaction tx) {
            LivePool pool = live.pools.get(name);
            if (pool == null
                    || pool.closing
                    || pool.decided.state() == PoolState.SHUT_DOWN
                    || pool.decided.state() == PoolState.BROKEN) {
                return;
            }
            // One that is on its way down goes on with that: it takes nothing any more, and is to be gone.
            if (pool.decided.state() != PoolState.SHUTTING_DOWN) {
                pool.change(tx, by);
            }
            failAll(live, tx, pool, failure(by));
            tx.after(() -> {
                for (Cell cell : List.copyOf(live.memory.cells.values())) {
                    Run run = cell.run();
                    if (run != null && cell.task().spec().pool().equals(name)) {
                        live.stop(pool, cell, run, StopReason.BROKEN);
                    }
                }
            });
        }

        @Override
        public boolean fact() {
            return true;
        }
    }

    /** Sends a signal to the process of a worker. */
    static void signal(Live live, String name, String workerId, String signal) {
        switch (named(live, name).runner.signal(workerId, signal)) {
            case SENT -> {}
            case NO_SUCH_WORKER ->
                throw Problem.of(
                        ProblemCode.WORKER_NOT_FOUND,
                        "there is no worker '" + workerId + "' in '" + name + "' any more");
            case NO_PROCESS ->
                throw Problem.of(
                        ProblemCode.WORKER_HAS_NO_PROCESS,
                        "worker '" + workerId + "' is a thread, or its process has not started");
        }
    }

    /** SHUTTING_DOWN → SHUT_DOWN once nothing is left and the last worker has ended. */
    static void closeIfEmpty(Live live, LivePool pool) {
        if (pool.state == PoolState.SHUTTING_DOWN
                && pool.pending == 0
                && pool.running == 0
                && pool.sweeps == 0
                && !pool.closing) {
            pool.closing = true;
            pool.runner.close().whenComplete((done, error) -> live.mailbox.put(new Closed(live, pool)));
        }
    }

    private record Closed(Live live, LivePool pool) implements Command {
        @Override
        public void decide(Transaction tx) {
            if (pool.decided.state() != PoolState.SHUTTING_DOWN) {
                return;
            }
            pool.change(tx, pool.decided.settings(), PoolState.SHUT_DOWN);
            tx.after(() -> {
                pool.shutdownWaits.forEach(w -> w.complete(pool.view(false)));
                pool.shutdownWaits.clear();
            });
        }

        @Override
        public boolean fact() {
            return true;
        }
    }

    /** Pools are needed. */
    static void renew(Live live, List<String> names) {
        for (String name : names) {
            LivePool pool = live.pools.get(name);
            if (pool != null) {
                pool.namedAtNanos = live.ticker.nanos();
            }
        }
    }

    /**
     * Shuts down pools whose time to live is over: for so long no call has named them, and nobody has waited for a task of
     * theirs. What clients made and is down goes as well, as long again after that, so that nothing is left of a client that
     * is gone.
     */
    static void reap(Live live, Transaction tx) {
        renewAwaited(live);
        long now = live.ticker.nanos();
        for (LivePool pool : List.copyOf(live.pools.values())) {
            Long ttl = pool.settings.ttlMillis();
            long unnamed = now - pool.namedAtNanos;
            switch (pool.decided.state()) {
                case ACTIVE, PAUSED, BROKEN -> {
                    if (ttl != null && unnamed > ttl * 1_000_000L) {
                        shutdown(live, tx, pool.name, pool.settings.ttlCancelsPending(), done -> {});
                    }
                }
                case SHUTTING_DOWN -> {}
                case SHUT_DOWN -> {
                    long kept = ttl != null ? ttl : live.options.retention().toMillis();
                    if (pool.byApi && unnamed > kept * 1_000_000L && !live.unsettled.contains(pool.name)) {
                        delete(live, tx, pool.name, new CompletableFuture<>());
                    }
                }
            }
        }
    }

    private static void renewAwaited(Live live) {
        if (live.pools.values().stream().allMatch(pool -> pool.settings.ttlMillis() == null)) {
            return;
        }
        long now = live.ticker.nanos();
        for (long sequence : live.waits.sequences()) {
            Task task = live.memory.task(sequence);
            LivePool pool = task == null ? null : live.pools.get(task.spec().pool());
            if (pool != null) {
                pool.namedAtNanos = now;
            }
        }
    }
}
