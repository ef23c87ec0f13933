package dev.taskpool.engine;

import dev.taskpool.model.Batch;
import dev.taskpool.model.BatchId;
import dev.taskpool.model.Callbacks;
import dev.taskpool.model.IdempotencyKey;
import dev.taskpool.model.Limits;
import dev.taskpool.model.PoolKind;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.Surroundings;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import dev.taskpool.model.TaskSpec;
import dev.taskpool.pool.Run;
import dev.taskpool.store.Change;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** One task or a batch is submitted: all of it is accepted, or none. */
final class Submit extends Request<Accepted> {
    private final Live live;
    private final List<Submission> items;
    private final boolean isBatch;
    private final @Nullable IdempotencyKey key;

    // Confined to the engine's thread.

    /** Whether the database was asked for the key, and does not have it; others with the same key wait for this one. */
    private boolean keyIsNew;

    /** The task that the database has under the key. */
    private @Nullable Task earlier;

    Submit(Live live, List<Submission> items, boolean isBatch, @Nullable IdempotencyKey key) {
        this.live = live;
        this.items = items;
        this.isBatch = isBatch;
        this.key = key;
    }

    @Override
    public void decide(Transaction tx) {
        if (key != null) {
            Task first = live.keys.get(key.keyHash());
            if (first == null) {
                first = earlier;
            }
            if (first != null) {
                replay(tx, first, key);
                return;
            }
            if (!keyIsNew) {
                // Not while deciding: if this transaction fails the request is refused, and nothing of it may go on.
                tx.after(() -> lookUp(key));
                return;
            }
        }
        List<LivePool> pools = admit();
        accept(tx, pools);
    }

    @Override
    public void refused(RuntimeException reason) {
        letOthers();
        super.refused(reason);
    }

    // --- idempotency ---

    /** Asks the database for the key, unless that is being done for another request: its turn comes after that one. */
    private void lookUp(IdempotencyKey wanted) {
        List<Submit> others = live.keyLookups.get(wanted.keyHash());
        if (others != null) {
            others.add(this);
        } else if (live.keys.containsKey(wanted.keyHash())) {
            // Accepted in the same transaction, behind this one.
            live.mailbox.put(this);
        } else {
            live.keyLookups.put(wanted.keyHash(), new ArrayList<>());
            live.store
                    .keyed(wanted)
                    .whenComplete((found, error) ->
                            live.mailbox.put(tx -> lookedUp(found == null ? Optional.empty() : found, error)));
        }
    }

    private void lookedUp(Optional<Task> found, @Nullable Throwable error) {
        keyIsNew = true;
        if (error != null) {
            refused(Problem.retryable(
                    ProblemCode.STORAGE_UNAVAILABLE, "the store cannot be asked for the idempotency key", 1));
            return;
        }
        earlier = found.filter(task -> !live.expired(task)).orElse(null);
        // As a command of its own: a problem is this request's, and no one else's.
        live.mailbox.put(this);
    }

    /** This request has its answer: those that waited for it are decided. */
    private void letOthers() {
        if (key != null && keyIsNew) {
            keyIsNew = false;
            List<Submit> others = live.keyLookups.remove(key.keyHash());
            if (others != null) {
                others.forEach(live.mailbox::put);
            }
        }
    }

    /** Answers with the task of an earlier request, once that one is durable. */
    private void replay(Transaction tx, Task first, IdempotencyKey again) {
        IdempotencyKey then = first.spec().key();
        if (then == null || !then.sameBody(again) || (first.spec().batch() != null) != isBatch) {
            throw Problem.field(
                    ProblemCode.IDEMPOTENCY_KEY_REUSED,
                    "header:Idempotency-Key",
                    "was used for another request, which made " + first.id());
        }
        tx.after(() -> {
            Cell cell = live.cells.get(first.id().sequence());
            letOthers();
            answer.complete(new Accepted(List.of(cell == null ? first : cell.task()), null, true));
        });
    }

    // --- admission ---

    private List<LivePool> admit() {
        if (live.draining) {
            throw Problem.retryable(
                    ProblemCode.DRAINING, "the service is stopping and takes no new tasks; reads go on", 5);
        }
        if (!live.store.hasRoom()) {
            throw Problem.retryable(
                    ProblemCode.STORAGE_UNAVAILABLE, "the disk has less free space than store.min_free", 5);
        }
        List<LivePool> pools = new ArrayList<>(items.size());
        Map<LivePool, Integer> wanted = new HashMap<>();
        for (int i = 0; i < items.size(); i++) {
            LivePool pool = pool(items.get(i), isBatch ? "/items/" + i + "/pool" : "/pool");
            pools.add(pool);
            wanted.merge(pool, 1, Integer::sum);
        }
        wanted.forEach(Submit::checkRoom);
        return pools;
    }

    private LivePool pool(Submission item, String pointer) {
        String name = item.spec().pool();
        LivePool pool = name.isEmpty() ? defaultPool(item) : live.pools.get(name);
        if (pool == null) {
            throw Problem.field(
                    ProblemCode.UNKNOWN_POOL,
                    pointer,
                    "there is no pool '" + name + "'; GET /v1/pools lists what there is");
        }
        switch (pool.decided.state()) {
            case ACTIVE, PAUSED -> {}
            case BROKEN -> throw Problem.field(ProblemCode.POOL_BROKEN, pointer, "'" + pool.name + "' is broken");
            case SHUTTING_DOWN, SHUT_DOWN ->
                throw Problem.field(
                        ProblemCode.POOL_SHUT_DOWN,
                        pointer,
                        "cannot schedule new futures after shutdown of '" + pool.name + "'");
        }
        if (!item.callable().runsOn(pool.settings)) {
            PoolKind kind = pool.settings.kind();
            throw Problem.field(
                    ProblemCode.POOL_KIND_UNSUPPORTED,
                    pointer,
                    item.spec().callable() + " runs on " + item.callable().whereItRuns() + "; '" + pool.name + "' is "
                            + kind
                            + (kind == PoolKind.PROCESS ? " with worker_type " + pool.settings.workerType() : ""));
        }
        checkLimits(item, pool, pointer.substring(0, pointer.length() - "/pool".length()) + "/limits");
        pool.namedAtNanos = live.ticker.nanos();
        return pool;
    }

    private void checkLimits(Submission item, LivePool pool, String pointer) {
        Limits asked = item.spec().surroundings().limits();
        if (asked.isNone()) {
            return;
        }
        if (pool.settings.kind() != PoolKind.COMMAND) {
            throw Problem.field(
                    ProblemCode.LIMIT_UNSUPPORTED,
                    pointer,
                    "only the process of a command can be limited by its task; '" + pool.name + "' is "
                            + pool.settings.kind());
        }
        live.options.requireEnforceable(asked, pointer);
    }

    /** Where no pool is named: the default pool, or else the first by name whose kind and worker type suit the callable. */
    private @Nullable LivePool defaultPool(Submission item) {
        LivePool named = live.pools.get(live.options.defaultPool());
        if (named != null && item.callable().runsOn(named.settings)) {
            return named;
        }
        for (LivePool pool : live.pools.values()) {
            if (item.callable().runsOn(pool.settings) && pool.decided.state().accepts() && !pool.byApi) {
                return pool;
            }
        }
        return named;
    }

    private static void checkRoom(LivePool pool, int more) {
        // Delayed ones count as well; a free worker takes one that is ready at once.
        if (pool.pending + more > pool.settings.queueCapacity() + pool.freeWorkers()) {
            throw Problem.retryable(
                    ProblemCode.QUEUE_FULL,
                    "pool '" + pool.name + "' holds " + pool.pending + " pending tasks of queue_capacity "
                            + pool.settings.queueCapacity() + "; no room for " + more + " more",
                    pool.retryAfterSeconds());
        }
    }

    // --- acceptance ---

    private void accept(Transaction tx, List<LivePool> pools) {
        long now = live.ticker.millis();
        Batch batch = null;
        long sequence;
        if (isBatch) {
            sequence = live.ids.sequences(items.size() + 1);
            batch = new Batch(new BatchId(sequence++, live.ids.nonce()), items.size(), now);
            tx.add(new Change.BatchCreated(batch));
        } else {
            sequence = live.ids.sequences(1);
        }
        List<Cell> cells = new ArrayList<>(items.size());
        for (int i = 0; i < items.size(); i++) {
            cells.add(
                    accept(tx, items.get(i), pools.get(i), new TaskId(sequence + i, live.ids.nonce()), now, batch, i));
        }
        if (key != null) {
            String hash = key.keyHash();
            live.keys.put(hash, tx.latest(cells.getFirst()));
            tx.undo(() -> live.keys.remove(hash));
        }
        Batch made = batch;
        tx.after(() -> {
            letOthers();
            answer.complete(new Accepted(cells.stream().map(Cell::task).toList(), made, false));
        });
    }

    private Cell accept(
            Transaction tx, Submission item, LivePool pool, TaskId id, long now, @Nullable Batch batch, int index) {
        // A batch is found by its first task: that one carries the key.
        TaskSpec spec = item.spec()
                .accepted(
                        pool.name,
                        timeout(item, pool),
                        batch == null ? null : batch.id(),
                        index,
                        index == 0 ? key : null)
                .within(
                        pool.settings.limits().queueTimeout(item.spec().queueTimeoutMillis()),
                        surroundings(item, pool));
        Task task = Task.accepted(
                id,
                spec,
                item.callbacks().isEmpty() ? Callbacks.NONE : Callbacks.of(item.callbacks(), now),
                now,
                spec.delayMillis() > 0 ? now + spec.delayMillis() : 0);
        Cell cell = new Cell(task);
        if (task.notBefore() == 0
                && !live.suspended()
                && pool.queue.isEmpty()
                && pool.pending == 0
                && pool.freeWorkers() > 0) {
            // A worker is free and nobody waits: accepted and started in one write.
            Task started = task.started(now);
            live.addRunning(tx, pool, 1);
            tx.create(cell, started);
            Run run = live.run(cell, started, item.callable());
            tx.after(() -> live.start(pool, cell, run, started));
        } else {
            live.addPending(tx, pool, 1);
            tx.create(cell, task);
        }
        return cell;
    }

    private static Surroundings surroundings(Submission item, LivePool pool) {
        Surroundings asked = item.spec().surroundings();
        if (pool.settings.kind() != PoolKind.COMMAND) {
            return asked;
        }
        Limits limits =
                pool.settings.limits().of(asked.limits(), item.callable().spec().limits());
        return limits.equals(asked.limits()) ? asked : asked.with(limits);
    }

    private static @Nullable Long timeout(Submission item, LivePool pool) {
        Long asked = item.spec().timeoutMillis();
        Duration own = item.callable().spec().timeout();
        if (asked == null) {
            asked = own != null ? Long.valueOf(own.toMillis()) : pool.settings.defaultTimeoutMillis();
        }
        return pool.settings.limits().timeout(asked);
    }
}
