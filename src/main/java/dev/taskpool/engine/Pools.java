package dev.taskpool.engine;

import dev.taskpool.model.PoolSettings;
import dev.taskpool.model.PoolState;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskState;
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
    private static final long RETRY_NANOS = 300_000_000L;

    private Pools() {}

    static LivePool named(Live live, String name) {
        LivePool pool = live.pools.get(name);
        if (pool == null) {
            throw Problem.of(ProblemCode.POOL_NOT_FOUND, "there is no pool '" + name + "'");
        }
        pool.namedAtNanos = live.ticker.nanos();
        return pool;
    }

    /** Makes a pool, or gives it other settings. */
    static void put(Live live, Transaction tx, String name, PoolSettings settings, CompletableFuture<PoolView> answer) {
        live.options.requireEnforceable(settings.limits().defaults(), "/limits");
        live.options.requireEnforceable(settings.limits().maximum(), "/max_limits");
        LivePool old = live.pools.get(name);
        if (old == null) {
            if (live.draining) {
                throw Problem.retryable(ProblemCode.DRAINING, "the service is stopping and takes no new pools", 5);
            }
            tx.add(new Change.PoolSaved(new Change.StoredPool(name, settings, PoolState.ACTIVE, true)));
            tx.after(() -> answer.complete(
                    live.addPool(name, true, settings, PoolState.ACTIVE).view(true)));
            return;
        }
        old.namedAtNanos = live.ticker.nanos();
        if (old.settings.kind() != settings.kind()) {
            throw Problem.field(
                    ProblemCode.POOL_KIND_FIXED,
                    "/kind",
                    "'" + name + "' is " + old.settings.kind() + " and cannot become " + settings.kind());
        }
        if (old.settings.virtualThreads() != settings.virtualThreads()) {
            throw Problem.field(
                    ProblemCode.POOL_KIND_FIXED,
                    "/virtual_threads",
                    "cannot change while the pool exists; it is " + old.settings.virtualThreads());
        }
        if (!old.settings.workerType().equals(settings.workerType())) {
            throw Problem.field(
                    ProblemCode.POOL_KIND_FIXED,
                    "/worker_type",
                    "cannot change while the pool exists; it is " + old.settings.workerType());
        }
        if (old.state == PoolState.SHUTTING_DOWN || old.state == PoolState.SHUT_DOWN) {
            throw Problem.of(ProblemCode.POOL_SHUT_DOWN, "'" + name + "' was shut down; delete it to make it anew");
        }
        // Settings given to a broken pool mend it.
        PoolState state = old.state == PoolState.BROKEN ? PoolState.ACTIVE : old.state;
        tx.add(new Change.PoolSaved(old.stored(settings, state)));
        tx.after(() -> {
            old.state = state;
            old.settings = settings;
            old.runner.configure(settings);
            live.mailbox.put(next -> live.dispatch(next, old));
            answer.complete(old.view(false));
        });
    }

    static void delete(Live live, Transaction tx, String name, CompletableFuture<Boolean> answer) {
        LivePool pool = named(live, name);
        if (pool.state != PoolState.SHUT_DOWN) {
            throw Problem.of(
                    ProblemCode.POOL_NOT_SHUT_DOWN, "'" + name + "' is " + pool.state + "; shut it down first");
        }
        tx.add(new Change.PoolDeleted(name));
        tx.after(() -> {
            live.pools.remove(name);
            answer.complete(true);
        });
    }

    /** Stops or resumes starting tasks. */
    static void pause(Live live, Transaction tx, String name, boolean pause, CompletableFuture<PoolView> answer) {
        LivePool pool = named(live, name);
        PoolState wanted = pause ? PoolState.PAUSED : PoolState.ACTIVE;
        switch (pool.state) {
            case ACTIVE, PAUSED -> {}
            case BROKEN -> throw Problem.of(ProblemCode.POOL_BROKEN, "'" + name + "' is broken");
            case SHUTTING_DOWN, SHUT_DOWN ->
                throw Problem.of(ProblemCode.POOL_SHUT_DOWN, "'" + name + "' was shut down");
        }
        if (pool.state != wanted) {
            tx.add(new Change.PoolSaved(pool.stored(pool.settings, wanted)));
        }
        tx.after(() -> {
            pool.state = wanted;
            live.mailbox.put(next -> live.dispatch(next, pool));
            answer.complete(pool.view(false));
        });
    }

    /** {@code Executor.shutdown}: takes no more; what it has runs, or is cancelled where it has not started. */
    static void shutdown(Live live, Transaction tx, String name, boolean cancelPending, Consumer<LivePool> answer) {
        LivePool pool = named(live, name);
        if (pool.state != PoolState.SHUTTING_DOWN && pool.state != PoolState.SHUT_DOWN) {
            tx.add(new Change.PoolSaved(pool.stored(pool.settings, PoolState.SHUTTING_DOWN)));
        }
        tx.after(() -> {
            if (pool.state != PoolState.SHUT_DOWN) {
                pool.state = PoolState.SHUTTING_DOWN;
            }
        });
        if (cancelPending) {
            cancelAll(live, tx, pool);
        }
        tx.after(() -> {
            live.mailbox.put(next -> live.dispatch(next, pool));
            closeIfEmpty(live, pool);
            answer.accept(pool);
        });
    }

    /** Cancels the pending tasks of a pool. */
    static void cancelAll(Live live, Transaction tx, LivePool pool) {
        endAll(live, tx, pool, task -> live.verdict.cancelled(task, live.ids.micros()));
    }

    /** Ends the pending tasks of a pool: those in memory now, those that only the database has page by page. */
    private static void endAll(Live live, Transaction tx, LivePool pool, UnaryOperator<Task> end) {
        for (Cell cell : live.cells.values()) {
            Task task = tx.latest(cell);
            if (task.state() == TaskState.PENDING
                    && cell.run() == null
                    && task.spec().pool().equals(pool.name)) {
                live.endPending(tx, cell, end.apply(task));
            }
        }
        tx.after(() -> {
            if (pool.pending > 0 && !pool.cancelling) {
                pool.cancelling = true;
                nextPage(live, pool, 0, end);
            }
        });
    }

    private static void nextPage(Live live, LivePool pool, long after, UnaryOperator<Task> end) {
        live.reading++;
        live.store
                .pending(pool.name, after, 1_000)
                .whenComplete((page, error) -> live.mailbox.put(new EndPage(live, pool, after, page, error, end)));
    }

    private record EndPage(
            Live live,
            LivePool pool,
            long after,
            Store.@Nullable Page page,
            @Nullable Throwable error,
            UnaryOperator<Task> end)
            implements Command {
        @Override
        public void decide(Transaction tx) {
            live.reading--;
            tx.undo(() -> live.reading++);
            List<Task> tasks = page == null || error != null ? List.of() : page.tasks();
            for (Task stored : tasks) {
                Cell cell = live.resident(stored);
                Task task = tx.latest(cell);
                if (task.state() == TaskState.PENDING && cell.run() == null) {
                    live.endPending(tx, cell, end.apply(task));
                }
            }
            boolean complete = page != null && error == null && page.complete();
            tx.after(() -> {
                if (complete) {
                    pool.cancelling = false;
                    live.evictDeferred();
                    closeIfEmpty(live, pool);
                } else if (tasks.isEmpty()) {
                    // The store cannot be read at the moment: not at once again.
                    live.timers.at(live.ticker.nanos() + RETRY_NANOS, next -> nextPage(live, pool, after, end));
                } else {
                    nextPage(live, pool, tasks.getLast().id().sequence(), end);
                }
            });
        }

        @Override
        public boolean fact() {
            return true;
        }
    }

    /** The workers of a pool cannot go on, and its settings say BREAK: all that it has fails, as in CPython. */
    record Break(Live live, String name, String cause) implements Command {
        @Override
        public void decide(Transaction tx) {
            LivePool pool = live.pools.get(name);
            if (pool == null || pool.state == PoolState.SHUT_DOWN || pool.state == PoolState.BROKEN) {
                return;
            }
            tx.add(new Change.PoolSaved(pool.stored(pool.settings, PoolState.BROKEN)));
            endAll(live, tx, pool, task -> live.verdict.rejected(task, Verdict.broken(cause), live.ids.micros()));
            tx.after(() -> {
                pool.state = PoolState.BROKEN;
                pool.brokenBy = cause;
                for (Cell cell : List.copyOf(live.cells.values())) {
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

    /** SHUTTING_DOWN → SHUT_DOWN once nothing is left and the last worker has ended. */
    static void closeIfEmpty(Live live, LivePool pool) {
        if (pool.state == PoolState.SHUTTING_DOWN
                && pool.pending == 0
                && pool.running == 0
                && !pool.cancelling
                && !pool.closing) {
            pool.closing = true;
            pool.runner.close().whenComplete((done, error) -> live.mailbox.put(new Closed(live, pool)));
        }
    }

    private record Closed(Live live, LivePool pool) implements Command {
        @Override
        public void decide(Transaction tx) {
            if (pool.state != PoolState.SHUTTING_DOWN) {
                return;
            }
            tx.add(new Change.PoolSaved(pool.stored(pool.settings, PoolState.SHUT_DOWN)));
            tx.after(() -> {
                pool.state = PoolState.SHUT_DOWN;
                pool.shutdownWaits.forEach(w -> w.complete(pool.view(false)));
                pool.shutdownWaits.clear();
            });
        }

        @Override
        public boolean fact() {
            return true;
        }
    }

    /** Shuts down pools whose time to live is over: no call has named them for so long. */
    static void reap(Live live, Transaction tx) {
        long now = live.ticker.nanos();
        for (LivePool pool : List.copyOf(live.pools.values())) {
            Long ttl = pool.settings.ttlMillis();
            if (ttl != null && pool.state.accepts() && now - pool.namedAtNanos > ttl * 1_000_000L) {
                shutdown(live, tx, pool.name, false, done -> {});
            }
        }
    }
}
