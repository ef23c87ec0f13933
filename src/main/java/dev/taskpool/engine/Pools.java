package dev.taskpool.engine;

import dev.taskpool.model.PoolSettings;
import dev.taskpool.model.PoolState;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskState;
import dev.taskpool.store.Change;
import dev.taskpool.store.Store;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** What can be done to pools. Each method decides within a transaction, on the engine's thread. */
final class Pools {
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
        tx.add(new Change.PoolSaved(old.stored(settings, old.state)));
        tx.after(() -> {
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
        if (cancelPending) {
            cancelResident(live, tx, pool);
        }
        tx.after(() -> {
            if (pool.state != PoolState.SHUT_DOWN) {
                pool.state = PoolState.SHUTTING_DOWN;
            }
            if (cancelPending && pool.pending > 0 && !pool.cancelling) {
                pool.cancelling = true;
                cancelStored(live, pool, 0);
            }
            live.mailbox.put(next -> live.dispatch(next, pool));
            closeIfEmpty(live, pool);
            answer.accept(pool);
        });
    }

    /** Cancels the pending tasks of a pool that are in memory. */
    static void cancelResident(Live live, Transaction tx, LivePool pool) {
        for (Cell cell : live.cells.values()) {
            Task task = tx.latest(cell);
            if (task.state() == TaskState.PENDING
                    && cell.run() == null
                    && task.spec().pool().equals(pool.name)) {
                Cancel.cancelPending(live, tx, cell, task);
            }
        }
    }

    /** Cancels the pending tasks of a pool that only the database has, page by page. */
    static void cancelStored(Live live, LivePool pool, long after) {
        live.reading++;
        live.store
                .pending(pool.name, after, 1_000)
                .whenComplete((page, error) -> live.mailbox.put(new CancelPage(live, pool, after, page, error)));
    }

    private record CancelPage(
            Live live,
            LivePool pool,
            long after,
            Store.@Nullable Page page,
            @Nullable Throwable error) implements Command {
        @Override
        public void decide(Transaction tx) {
            live.reading--;
            tx.undo(() -> live.reading++);
            List<Task> tasks = page == null || error != null ? List.of() : page.tasks();
            for (Task stored : tasks) {
                Cell cell = live.resident(stored);
                Task task = tx.latest(cell);
                if (task.state() == TaskState.PENDING && cell.run() == null) {
                    Cancel.cancelPending(live, tx, cell, task);
                }
            }
            boolean complete = page != null && error == null && page.complete();
            tx.after(() -> {
                if (complete) {
                    pool.cancelling = false;
                    live.evictDeferred();
                    closeIfEmpty(live, pool);
                } else {
                    long next = tasks.isEmpty() ? after : tasks.getLast().id().sequence();
                    cancelStored(live, pool, next);
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
