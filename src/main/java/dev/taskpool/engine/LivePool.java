package dev.taskpool.engine;

import dev.taskpool.model.Breakage;
import dev.taskpool.model.PoolSettings;
import dev.taskpool.model.PoolState;
import dev.taskpool.pool.ReadyQueue;
import dev.taskpool.pool.Runner;
import dev.taskpool.store.Change;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** A pool at work: settings, queue, counters. Confined to the engine's thread. */
final class LivePool {
    /** More slots than these are not lent, however deep tasks wait for each other: each is a thread or a process. */
    private static final int MAX_LENT = 256;

    final String name;
    final boolean byApi;
    final Runner runner;
    final ReadyQueue queue;

    /** What of its ready tasks is in memory. */
    final Window window;

    PoolSettings settings;
    PoolState state;

    /** As the transaction under way leaves it: what the next change goes by, and nobody is told. */
    Change.StoredPool decided;

    /** Ready and delayed. */
    long pending;

    long running;

    /** Slots of running tasks that wait for others; see {@link Loan}. */
    int lent;

    /** Those of them that ignore their interrupt. */
    int stuck;

    long namedAtNanos;

    /** Whether the database is being asked for what is behind the queue's boundary. */
    boolean refilling;

    /** Tasks that went behind the boundary meanwhile: the answer may be older than they are. */
    final List<ReadyQueue.Entry> refillArrivals = new ArrayList<>();

    /** Sweeps under way, each of which ends all tasks that were pending when it began; nothing starts until they are over. */
    int sweeps;

    boolean closing;

    /** Why it is BROKEN; null where it is not. */
    @Nullable
    Breakage brokenBy;

    final List<CompletableFuture<PoolView>> shutdownWaits = new ArrayList<>();

    /** Mean time of a run, weighted to the last ones; for Retry-After. */
    private double meanRunMillis = 100;

    LivePool(
            String name,
            boolean byApi,
            PoolSettings settings,
            PoolState state,
            Runner runner,
            Window window,
            int ready,
            long nowNanos) {
        this.name = name;
        this.byApi = byApi;
        this.settings = settings;
        this.state = state;
        this.decided = new Change.StoredPool(name, settings, state, byApi);
        this.runner = runner;
        this.queue = new ReadyQueue(ready);
        this.window = window;
        this.namedAtNanos = nowNanos;
    }

    PoolView view(boolean created) {
        return new PoolView(name, settings, state, pending, running, brokenBy, stuck, runner.status(), created);
    }

    /** Moves the pool on: at once for what is decided next, for all others once it is durable. */
    void change(Transaction tx, PoolSettings nextSettings, PoolState nextState) {
        change(tx, new Change.StoredPool(name, nextSettings, nextState, byApi));
    }

    /** Has it break. */
    void change(Transaction tx, Breakage by) {
        change(tx, new Change.StoredPool(name, decided.settings(), PoolState.BROKEN, byApi, by));
    }

    private void change(Transaction tx, Change.StoredPool next) {
        Change.StoredPool before = decided;
        decided = next;
        tx.undo(() -> decided = before);
        tx.add(new Change.PoolSaved(next));
        tx.after(() -> {
            settings = next.settings();
            state = next.state();
            brokenBy = next.brokenBy();
            // A runner that has refused to go on hears that it was mended, also where the settings are the same.
            if (!settings.equals(before.settings()) || before.state() == PoolState.BROKEN) {
                runner.configure(settings);
            }
        });
    }

    long freeWorkers() {
        Integer replaced = settings.worker().maxStuck();
        int given = Math.min(stuck, replaced == null ? settings.maxWorkers() : replaced) + Math.min(lent, MAX_LENT);
        return state.starts() && sweeps == 0 ? Math.max(0, settings.maxWorkers() + given - running) : 0;
    }

    void ran(long millis) {
        meanRunMillis = meanRunMillis * 0.95 + millis * 0.05;
    }

    /** Returns seconds after which a place in the queue should be free: 1 to 60. */
    int retryAfterSeconds() {
        return (int) Math.clamp(Math.ceil(meanRunMillis / settings.maxWorkers() / 1000), 1, 60);
    }
}
