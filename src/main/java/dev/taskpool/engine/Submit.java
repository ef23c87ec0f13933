package dev.taskpool.engine;

import dev.taskpool.model.Batch;
import dev.taskpool.model.BatchId;
import dev.taskpool.model.BatchPart;
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
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Tasks are submitted: one, a batch, or more of a batch. */
final class Submit extends Request<Accepted> {
    private final Live live;
    private final List<Placed> items;
    private final Grouping grouping;
    private final @Nullable IdempotencyKey key;

    // Confined to the engine's thread.

    /** Whether the database was asked for the key, and does not have it; others with the same key wait for this one. */
    private boolean keyIsNew;

    /** The task that the database has under the key. */
    private @Nullable Task earlier;

    Submit(Live live, List<Placed> items, Grouping grouping, @Nullable IdempotencyKey key) {
        this.live = live;
        this.items = items;
        this.grouping = grouping;
        this.key = key;
    }

    @Override
    public void decide(Transaction tx) {
        if (key != null) {
            Task first = live.memory.keys.get(key.keyHash());
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
        Batch more = grouping instanceof Grouping.More further ? follows(tx, further) : null;
        List<Refusal> refusals = new ArrayList<>();
        List<Admitted> admitted = items.isEmpty() ? List.of() : admit(refusals);
        if (admitted.isEmpty() && more == null) {
            throw refusals.getFirst().problem();
        }
        accept(tx, admitted, refusals, more);
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
        } else if (live.memory.keys.containsKey(wanted.keyHash())) {
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
        if (then == null
                || !then.sameBody(again)
                || (first.spec().batch() != null) == (grouping instanceof Grouping.Alone)) {
            if (again.callerId() != null) {
                throw Problem.field(
                        ProblemCode.TASK_ID_TAKEN,
                        "path:task_id",
                        "stands for another request, which made " + first.id());
            }
            throw Problem.field(
                    ProblemCode.IDEMPOTENCY_KEY_REUSED,
                    "header:Idempotency-Key",
                    "was used for another request, which made " + first.id());
        }
        tx.after(() -> {
            Cell cell = live.memory.cells.get(first.id().sequence());
            letOthers();
            answer.complete(new Accepted(List.of(cell == null ? first : cell.task()), null, true, List.of()));
        });
    }

    // --- admission ---

    /** A submission, and the pool that has room for it. */
    private record Admitted(Placed item, LivePool pool) {}

    private List<Admitted> admit(List<Refusal> refusals) {
        if (live.draining) {
            throw Problem.retryable(
                    ProblemCode.DRAINING, "the service is draining and takes no new tasks; reads go on", 5);
        }
        if (!live.store.hasRoom()) {
            throw Problem.retryable(
                    ProblemCode.STORAGE_UNAVAILABLE, "the disk has less free space than store.min_free", 5);
        }
        boolean each = grouping instanceof Grouping.AsBatch batch && !batch.atomic();
        boolean together = !each && !(grouping instanceof Grouping.More);
        List<Admitted> admitted = new ArrayList<>(items.size());
        Map<LivePool, Integer> wanted = new HashMap<>();
        for (Placed item : items) {
            try {
                LivePool pool = pool(item.submission(), item.at());
                int more = wanted.merge(pool, 1, Integer::sum);
                if (each) {
                    checkRoom(pool, more);
                }
                admitted.add(new Admitted(item, pool));
            } catch (Problem e) {
                if (together) {
                    throw e;
                }
                refusals.add(new Refusal(item.at(), e));
            }
        }
        if (!each) {
            // Of lines as well: there a full queue is no fault of theirs, they come again.
            wanted.forEach(Submit::checkRoom);
        }
        return admitted;
    }

    /** Returns the batch that this adds to. */
    private Batch follows(Transaction tx, Grouping.More more) {
        Batch batch = live.batches.latest(tx, more.batch());
        if (!batch.open()) {
            throw Problem.of(ProblemCode.BATCH_CLOSED, "batch " + batch.id() + " takes no more");
        }
        if (batch.taken() != more.from()) {
            throw Problem.of(
                    ProblemCode.LINES_OUT_OF_ORDER,
                    "batch " + batch.id() + " has taken " + batch.taken() + " lines, these begin behind "
                            + more.from());
        }
        return batch;
    }

    private String pointer(int at) {
        return grouping instanceof Grouping.AsBatch batch && !batch.pointer().isEmpty() ? batch.pointer() + at : "";
    }

    private LivePool pool(Submission item, int at) {
        String name = item.spec().pool();
        LivePool pool = name.isEmpty() ? defaultPool(item) : live.pools.get(name);
        if (pool == null) {
            throw Problem.field(
                    ProblemCode.UNKNOWN_POOL,
                    pointer(at) + "/pool",
                    "there is no pool '" + name + "'; GET /v1/pools lists what there is");
        }
        switch (pool.decided.state()) {
            case ACTIVE, PAUSED -> {}
            case BROKEN ->
                throw Problem.field(ProblemCode.POOL_BROKEN, pointer(at) + "/pool", "'" + pool.name + "' is broken");
            case SHUTTING_DOWN, SHUT_DOWN ->
                throw Problem.field(
                        ProblemCode.POOL_SHUT_DOWN,
                        pointer(at) + "/pool",
                        "cannot schedule new futures after shutdown of '" + pool.name + "'");
        }
        if (!item.callable().runsOn(pool.settings)) {
            PoolKind kind = pool.settings.kind();
            throw Problem.field(
                    ProblemCode.POOL_KIND_UNSUPPORTED,
                    pointer(at) + "/pool",
                    item.spec().callable() + " runs on " + item.callable().whereItRuns() + "; '" + pool.name + "' is "
                            + kind
                            + (kind == PoolKind.PROCESS ? " with worker_type " + pool.settings.workerType() : ""));
        }
        checkLimits(item, pool, at);
        pool.namedAtNanos = live.ticker.nanos();
        return pool;
    }

    private void checkLimits(Submission item, LivePool pool, int at) {
        Limits asked = item.spec().surroundings().limits();
        if (asked.isNone()) {
            return;
        }
        if (pool.settings.kind() != PoolKind.COMMAND) {
            throw Problem.field(
                    ProblemCode.LIMIT_UNSUPPORTED,
                    pointer(at) + "/limits",
                    "only the process of a command can be limited by its task; '" + pool.name + "' is "
                            + pool.settings.kind());
        }
        live.options.requireEnforceable(asked, pointer(at) + "/limits");
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

    private void accept(Transaction tx, List<Admitted> admitted, List<Refusal> refusals, @Nullable Batch more) {
        long now = live.ticker.millis();
        Batch batch;
        long sequence;
        switch (grouping) {
            case Grouping.Alone() -> {
                batch = null;
                sequence = live.ids.sequences(1);
            }
            case Grouping.AsBatch(var owner, var rules, var told, var atomic, int span, var pointer) -> {
                sequence = live.ids.sequences(span + 1);
                batch = Batch.of(new BatchId(sequence++, live.ids.nonce()), owner, rules, now, false)
                        .with(Callbacks.of(told, now));
                live.batches.reserve(tx, null, batch);
                batch = grow(tx, batch, span, admitted, sequence);
            }
            case Grouping.More(var id, var from, int span, var last) -> {
                sequence = span == 0 ? 0 : live.ids.sequences(span);
                batch = grow(tx, Objects.requireNonNull(more), span, admitted, sequence);
                if (last) {
                    tx.batch(batch.closed());
                }
            }
        }
        long first = more == null ? 0 : more.taken();
        List<Cell> cells = new ArrayList<>(admitted.size());
        for (Admitted each : admitted) {
            int at = each.item.at();
            cells.add(accept(
                    tx,
                    each.item.submission(),
                    each.pool,
                    new TaskId(sequence + at, live.ids.nonce()),
                    now,
                    batch == null ? null : batch.id(),
                    (int) (first + at),
                    cells.isEmpty() ? key : null));
        }
        if (key != null) {
            String hash = key.keyHash();
            live.memory.keys.put(hash, tx.latest(cells.getFirst()));
            tx.undo(() -> live.memory.keys.remove(hash));
        }
        Batch made = batch;
        tx.after(() -> {
            letOthers();
            answer.complete(new Accepted(cells.stream().map(Cell::task).toList(), made, false, List.copyOf(refusals)));
        });
    }

    /** Gives positions of a batch away, and notes where the tasks are. */
    private static Batch grow(Transaction tx, Batch batch, int span, List<Admitted> admitted, long sequence) {
        Batch grown = batch.took(span, span - admitted.size());
        tx.batch(grown);
        int begin = 0;
        for (int i = 1; i <= admitted.size(); i++) {
            int from = admitted.get(begin).item.at();
            if (i == admitted.size() || admitted.get(i).item.at() != from + i - begin) {
                tx.add(new Change.PartAdded(
                        new BatchPart(batch.id(), batch.taken() + from, sequence + from, i - begin)));
                begin = i;
            }
        }
        return grown;
    }

    private Cell accept(
            Transaction tx,
            Submission item,
            LivePool pool,
            TaskId id,
            long now,
            @Nullable BatchId batch,
            int index,
            @Nullable IdempotencyKey under) {
        // A batch is found by its first task: that one carries the key.
        TaskSpec spec = item.spec()
                .accepted(pool.name, timeout(item, pool), batch, index, under)
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
