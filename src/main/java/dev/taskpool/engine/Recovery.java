package dev.taskpool.engine;

import dev.taskpool.model.Breakage;
import dev.taskpool.model.FailureCode;
import dev.taskpool.model.PoolKind;
import dev.taskpool.model.PoolSettings;
import dev.taskpool.model.PoolState;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskState;
import dev.taskpool.store.Change;
import dev.taskpool.store.Store;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a new start does with what the last one left: pools come back with their queues, and every task that was RUNNING
 * gets a verdict. Runs once, before anything else is decided.
 */
final class Recovery implements Command {
    private static final Logger LOG = LoggerFactory.getLogger(Recovery.class);

    private final Live live;
    private final Store.Left left;
    private final Map<String, PoolSettings> configured;

    Recovery(Live live, Store.Left left, Map<String, PoolSettings> configured) {
        this.live = live;
        this.left = left;
        this.configured = configured;
    }

    @Override
    public void decide(Transaction tx) {
        live.batches.restore(left.batches());
        Map<String, Change.StoredPool> stored = new LinkedHashMap<>();
        left.pools().forEach(p -> stored.put(p.name(), p));
        configured.forEach((name, settings) -> {
            Change.StoredPool before = stored.remove(name);
            // What the configuration names is there and takes tasks; a pause outlives a restart.
            boolean paused = before != null && before.state() == PoolState.PAUSED;
            PoolState state = paused ? PoolState.PAUSED : PoolState.ACTIVE;
            Change.StoredPool now = new Change.StoredPool(name, settings, state, false);
            if (!now.equals(before)) {
                tx.add(new Change.PoolSaved(now));
            }
            if (before != null && before.settings().kind() != settings.kind()) {
                otherKind(name, before.settings().kind(), settings.kind());
            }
            live.addPool(name, false, settings, state);
        });
        for (Change.StoredPool pool : stored.values()) {
            if (pool.byApi()) {
                live.addPool(pool.name(), true, pool.settings(), pool.state());
            } else {
                forgotten(tx, pool);
            }
        }
        left.pendingByPool().forEach((name, counts) -> {
            LivePool pool = live.pools.get(name);
            if (pool != null) {
                pool.queue.allBehind(counts[0]);
                pool.pending = counts[0] + counts[1];
            }
        });
        for (Change.StoredPool pool : left.pools()) {
            LivePool here = live.pools.get(pool.name());
            if (pool.state() == PoolState.BROKEN && here != null) {
                // What was pending when it broke fails, as it was going to. Nothing that is accepted from now on.
                Breakage by = Objects.requireNonNullElse(
                        pool.brokenBy(),
                        new Breakage(FailureCode.POOL_BROKEN, "it broke before the service was started again", ""));
                here.brokenBy = here.state == PoolState.BROKEN ? by : null;
                Pools.failAll(live, tx, here, Pools.Break.failure(by));
            }
        }
        int requeued = 0;
        for (Task task : left.running()) {
            forgetArtifacts(task);
            Cell cell = Objects.requireNonNull(live.memory.resident(task));
            Task next = live.verdict.lost(task, written(task), live.ids.micros());
            tx.change(cell, next);
            if (next.state() == TaskState.PENDING) {
                live.addPending(tx, live.pool(task), 1);
                requeued++;
            }
        }
        if (!left.running().isEmpty()) {
            LOG.warn(
                    "{} tasks were running when the service stopped: {} run again, {} are FAILED lost",
                    left.running().size(),
                    requeued,
                    left.running().size() - requeued);
        }
        tx.after(live.batches::goOn);
        tx.after(() -> live.pools.values().forEach(pool -> {
            Pools.closeIfEmpty(live, pool);
            live.mailbox.put(next -> live.dispatch(next, pool));
        }));
    }

    /** A pool whose kind changed in the configuration. Its tasks are looked at one by one when it is their turn. */
    private void otherKind(String name, PoolKind was, PoolKind is) {
        long[] counts = left.pendingByPool().getOrDefault(name, new long[2]);
        if (counts[0] + counts[1] > 0) {
            LOG.warn(
                    "pool '{}' was {} and is {} now: of its {} pending tasks those run whose callable runs there too,"
                            + " the others are FAILED pool_kind_unsupported",
                    name,
                    was,
                    is,
                    counts[0] + counts[1]);
        }
    }

    /** What the lost run had written by then is all that is known of it, and part of the evidence. */
    private Task.Output written(Task task) {
        try {
            return live.outputs.left(task.id());
        } catch (IOException | RuntimeException e) {
            LOG.warn("the output of {} cannot be read", task.id(), e);
            return Task.Output.NONE;
        }
    }

    /** A run that was lost has no artifacts: what it may have left was not told to anybody. */
    private void forgetArtifacts(Task task) {
        try {
            live.outputs.artifacts().delete(task.id());
        } catch (IOException | RuntimeException e) {
            LOG.warn("what a lost run of {} left cannot be removed before the task is forgotten", task.id(), e);
        }
    }

    /** A pool that the configuration named once and does not any more: it finishes what it has and takes no more. */
    private void forgotten(Transaction tx, Change.StoredPool pool) {
        long pending = left.pendingByPool().getOrDefault(pool.name(), new long[2])[0]
                + left.pendingByPool().getOrDefault(pool.name(), new long[2])[1];
        boolean needed = pending > 0
                || left.running().stream().anyMatch(t -> t.spec().pool().equals(pool.name()));
        if (!needed) {
            tx.add(new Change.PoolDeleted(pool.name()));
            return;
        }
        LOG.warn(
                "pool '{}' is no longer configured: it runs its {} pending tasks and takes no more",
                pool.name(),
                pending);
        live.addPool(pool.name(), true, pool.settings(), PoolState.SHUTTING_DOWN);
        tx.add(new Change.PoolSaved(
                new Change.StoredPool(pool.name(), pool.settings(), PoolState.SHUTTING_DOWN, true)));
    }

    @Override
    public boolean fact() {
        return false;
    }
}
