package dev.taskpool.engine;

import dev.taskpool.callable.Registry;
import dev.taskpool.model.BatchRules;
import dev.taskpool.model.Callback;
import dev.taskpool.model.CallbackDue;
import dev.taskpool.model.IdempotencyKey;
import dev.taskpool.model.PoolSettings;
import dev.taskpool.model.PoolState;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import dev.taskpool.model.Ticker;
import dev.taskpool.output.OutputFiles;
import dev.taskpool.pool.Run;
import dev.taskpool.pool.WorkerView;
import dev.taskpool.store.StorageException;
import dev.taskpool.store.Store;
import dev.taskpool.store.TaskQuery;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiConsumer;
import java.util.function.BiFunction;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Executors and futures: the door to everything that can be done with tasks and pools. Safe for all threads. Futures that
 * it returns complete once what they say is durable, on the engine's thread or a reader's: continue elsewhere. They fail
 * with {@link Problem}, or with {@link StorageException} where the database cannot be read.
 */
public final class Engine implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Engine.class);

    final Live live;
    private final Loop loop;
    private final Thread thread;
    final Mailbox<Command> mailbox;
    private final Store store;
    private final Waits waits;
    private final OutputFiles outputs;
    private final Drain drain;
    private final Batches batches;

    private final Delays delays;

    /**
     * Builds an engine on an open store. {@link #start} makes it run.
     *
     * @param runners makes the runner of a pool from its name and settings
     * @param onFatal called when the engine finds itself unable to go on
     */
    public Engine(
            EngineOptions options,
            Store store,
            Registry registry,
            OutputFiles outputs,
            RunnerFactory runners,
            Observer observer,
            Ticker ticker,
            RandomGenerator random,
            Runnable onFatal) {
        this.store = store;
        this.outputs = outputs;
        this.mailbox = new Mailbox<>();
        this.waits = new Waits();
        store.start(this::applied, this::forgotten);
        Store.Left left = store.left();
        this.live = new Live(
                options,
                store,
                registry,
                outputs,
                runners,
                waits,
                new Events(store, Events.specsOf(this)),
                observer,
                ticker,
                new Verdict(options.retention().toMillis(), random),
                new Ids(ticker, random, left.lastSequence(), left.lastFinishedMicros()),
                mailbox);
        this.left = left;
        this.loop = new Loop(live, onFatal);
        this.drain = new Drain(live, mailbox);
        this.batches = new Batches(live);
        this.delays = new Delays(live);
        this.thread = Thread.ofPlatform().name("engine").unstarted(loop);
    }

    private final Store.Left left;

    /**
     * Brings back what the last run left, and begins to run.
     *
     * @param configured pools of the configuration
     */
    public void start(Map<String, PoolSettings> configured) {
        OutputSweep.begin(outputs, store, left.lastSequence());
        CompletableFuture<Boolean> recovered = new CompletableFuture<>();
        Recovery recovery = new Recovery(live, left, configured);
        mailbox.put(new Command() {
            @Override
            public void decide(Transaction tx) {
                recovery.decide(tx);
                tx.after(() -> {
                    recovered.complete(true);
                    tick();
                });
            }

            @Override
            public void refused(RuntimeException reason) {
                recovered.completeExceptionally(reason);
            }
        });
        thread.start();
        recovered.join();
    }

    /** Once a second: pools past their time to live, delays and queue timeouts that only the database has. */
    private void tick() {
        live.timers.at(live.ticker.nanos() + 1_000_000_000L, tx -> tick());
        mailbox.put(tx -> Pools.reap(live, tx));
        mailbox.put(live.batches::reap);
        for (LivePool pool : live.pools.values()) {
            live.backlog.refill(pool);
        }
        delays.look();
    }

    private void applied(List<Task> tasks) {
        mailbox.put(tx -> live.memory.applied(tasks));
    }

    private void forgotten(List<TaskId> ids) {
        for (TaskId id : ids) {
            try {
                outputs.delete(id);
            } catch (IOException | RuntimeException e) {
                LOG.warn("the output of {} cannot be removed", id, e);
            }
        }
    }

    // --- tasks ---

    /** Submits one task, or a batch: all of it is accepted, or none. */
    public CompletableFuture<Accepted> submit(List<Submission> items, boolean isBatch, @Nullable IdempotencyKey key) {
        List<Placed> placed = new ArrayList<>(items.size());
        for (Submission item : items) {
            placed.add(new Placed(placed.size(), item));
        }
        return submit(
                placed,
                isBatch
                        ? new Grouping.AsBatch("", BatchRules.NONE, List.of(), true, items.size(), "/items/")
                        : new Grouping.Alone(),
                key);
    }

    /** Submits tasks, in the order of their positions. */
    public CompletableFuture<Accepted> submit(List<Placed> items, Grouping grouping, @Nullable IdempotencyKey key) {
        Submit command = new Submit(live, items, grouping, key);
        mailbox.put(command);
        return command.answer;
    }

    /** Returns the task as it is now, or nothing where there is none. */
    public CompletableFuture<Optional<Task>> find(TaskId id) {
        Task here = resident(id);
        if (here != null) {
            return CompletableFuture.completedFuture(Optional.of(here));
        }
        return store.find(id.sequence()).thenApply(found -> {
            // It may have come back to memory while the database was read: memory is newer.
            Task now = resident(id);
            return now != null ? Optional.of(now) : found.filter(t -> t.id().equals(id) && !live.expired(t));
        });
    }

    /** Returns the task if it is in memory, or null. Does not wait for anything. */
    public @Nullable Task resident(TaskId id) {
        Cell cell = live.memory.cells.get(id.sequence());
        if (cell == null) {
            return null;
        }
        Task task = cell.task();
        return task.id().equals(id) && !live.expired(task) ? task : null;
    }

    /**
     * Returns the tasks that there are of some ids, in that order, with all they have; of many large ones only the first,
     * but one at least where there is one.
     */
    public CompletableFuture<List<Task>> whole(List<TaskId> ids) {
        Map<TaskId, Task> there = new HashMap<>();
        List<Long> missing = new ArrayList<>();
        for (TaskId id : ids) {
            Task here = resident(id);
            if (here != null) {
                there.put(id, here);
            } else {
                missing.add(id.sequence());
            }
        }
        return store.whole(missing).thenApply(stored -> {
            for (Task task : stored) {
                if (!live.expired(task)) {
                    there.put(task.id(), task);
                }
            }
            // What is missing behind the last that was read may just not have been read.
            int upTo = stored.isEmpty() ? 0 : ids.indexOf(stored.getLast().id()) + 1;
            List<Task> found = new ArrayList<>();
            for (int i = 0; i < ids.size(); i++) {
                Task now = resident(ids.get(i));
                Task task = now != null ? now : there.get(ids.get(i));
                if (task != null) {
                    found.add(task);
                } else if (upTo > 0 && i >= upTo) {
                    break;
                }
            }
            return found;
        });
    }

    /** Returns the tasks that there are of some ids; without arguments and result where they are not in memory. */
    public CompletableFuture<Map<TaskId, Task>> find(List<TaskId> ids) {
        Map<TaskId, Task> found = new HashMap<>();
        List<Long> missing = new ArrayList<>();
        for (TaskId id : ids) {
            Task here = resident(id);
            if (here != null) {
                found.put(id, here);
            } else {
                missing.add(id.sequence());
            }
        }
        if (missing.isEmpty()) {
            return CompletableFuture.completedFuture(found);
        }
        return store.find(missing).thenApply(stored -> {
            for (Task task : stored) {
                Task now = resident(task.id());
                if (now != null || !live.expired(task)) {
                    found.putIfAbsent(task.id(), now != null ? now : task);
                }
            }
            // What was not in H2 when asked may have been evicted to it, or come to memory, just then.
            for (TaskId id : ids) {
                Task now = resident(id);
                if (now != null) {
                    found.put(id, now);
                }
            }
            return found;
        });
    }

    /** Returns the id of the task that was accepted under a key, or nothing where there is none. */
    public CompletableFuture<Optional<TaskId>> keyed(IdempotencyKey key) {
        CompletableFuture<Optional<Task>> known = ask((tx, answer) -> {
            Task first = live.memory.keys.get(key.keyHash());
            // Not before it is durable.
            tx.after(() -> answer.complete(Optional.ofNullable(first)));
        });
        return known.thenCompose(
                        first -> first.isPresent() ? CompletableFuture.completedFuture(first) : store.keyed(key))
                .thenApply(found -> found.filter(task -> !live.expired(task)).map(Task::id));
    }

    /** Returns the run under way of a task, or null: it knows how far it is, and whether it heeds its interrupt. */
    public @Nullable Run run(TaskId id) {
        Cell cell = live.memory.cells.get(id.sequence());
        return cell == null ? null : cell.run();
    }

    /** Takes a task back. */
    public CompletableFuture<Task> cancel(TaskId id, boolean interrupt) {
        return withCell(id, (cell, answer) -> {
            Cancel command = new Cancel(live, cell, interrupt);
            command.answer.whenComplete(answer);
            return command;
        });
    }

    /** Forgets a done task. */
    public CompletableFuture<Task> delete(TaskId id) {
        return withCell(id, (cell, answer) -> new Command() {
            @Override
            public void decide(Transaction tx) {
                Task task = tx.latest(cell);
                if (!task.done()) {
                    throw Problem.ofTask(ProblemCode.TASK_NOT_DONE, "only a done task can be deleted", task);
                }
                tx.delete(id);
                tx.after(() -> {
                    live.memory.delete(task);
                    answer.accept(task, null);
                });
            }

            @Override
            public void refused(RuntimeException reason) {
                answer.accept(null, reason);
            }
        });
    }

    /** Has one more receiver told of a task's end, at once where it is done. */
    public CompletableFuture<Noted<Task>> addCallback(TaskId id, Callback.Wish wish) {
        return onCallbacks(id, false, CallbackCommands.add(wish, live.ticker));
    }

    /** Has a callback of a done task delivered once more, or now instead of later. */
    public CompletableFuture<Noted<Task>> redeliver(TaskId id, int callback) {
        return onCallbacks(id, false, CallbackCommands.again(callback, live.ticker));
    }

    /** Notes a try to deliver a callback. It happened: where the store is away it is noted when that is back. */
    public CompletableFuture<Noted<Task>> tried(TaskId id, int callback, Callback.Verdict verdict) {
        return onCallbacks(id, true, CallbackCommands.tried(callback, verdict));
    }

    private CompletableFuture<Noted<Task>> onCallbacks(TaskId id, boolean fact, CallbackCommands.Step step) {
        return withCell(id, fact, (cell, answer) -> tx -> {
            CallbackCommands.Stepped<Task> next = CallbackCommands.on(tx.latest(cell), step);
            if (next.after().changed()) {
                tx.change(cell, next.subject());
            }
            tx.after(() -> answer.accept(next.noted(next.subject()), null));
        });
    }

    /** Has a command decided on a task, which is brought to memory first where it is not, and leaves it again. */
    private <T> CompletableFuture<T> withCell(
            TaskId id, BiFunction<Cell, BiConsumer<@Nullable T, @Nullable Throwable>, Command> command) {
        return withCell(id, false, command);
    }

    private <T> CompletableFuture<T> withCell(
            TaskId id, boolean fact, BiFunction<Cell, BiConsumer<@Nullable T, @Nullable Throwable>, Command> command) {
        OnTask<T> asked = new OnTask<>(live, id, fact, command);
        mailbox.put(asked);
        return asked.answer;
    }

    /** Returns the problem that there is no such task. */
    public static Problem notFound(TaskId id) {
        return Problem.of(ProblemCode.TASK_NOT_FOUND, "there is no task " + id + ", or it has expired");
    }

    /**
     * Returns tasks, newest first, without arguments and result. Everything that was acknowledged before the call is
     * there.
     */
    public CompletableFuture<List<Task>> list(TaskQuery query) {
        return store.list(query);
    }

    /** Returns what can be done with batches. */
    public Batches batches() {
        return batches;
    }

    /** Returns some destinations of callbacks that are due or will be, in order, behind one of them. */
    public CompletableFuture<List<String>> callbackDestinations(String after, int limit) {
        return store.callbackDestinations(after, limit);
    }

    /** Returns the callbacks for a destination that are due first, or will be. */
    public CompletableFuture<List<CallbackDue>> callbacksDue(String destination, int limit) {
        return store.callbacksDue(destination, limit);
    }

    /** Returns who waits for tasks. */
    public Waits waits() {
        return waits;
    }

    /** Returns what happens, for those who follow it. */
    public Events events() {
        return live.events;
    }

    /**
     * How far everybody was told.
     *
     * @param frame every change up to this frame was
     * @param micros every end up to this instant was, and later ones have later instants
     */
    public record Told(long frame, long micros) {}

    /** Returns how far everybody was told, when everything that could be seen before the call was told. */
    public CompletableFuture<Told> told() {
        return ask(
                (tx, answer) -> tx.after(() -> answer.complete(new Told(live.events.told(), live.ids.lastMicros()))));
    }

    /**
     * A task that runs begins to wait for others: its slot is its pool's to use until the wait is over.
     *
     * @param waiting any id; nothing happens where that task does not run
     * @return to be run when the wait is over
     */
    public Runnable lend(TaskId waiting) {
        Loan loan = new Loan(live, waiting);
        mailbox.put(loan::begin);
        return () -> mailbox.put(tx -> loan.end());
    }

    // --- pools ---

    public CompletableFuture<List<PoolView>> pools() {
        return ask((tx, answer) -> answer.complete(
                live.pools.values().stream().map(p -> p.view(false)).toList()));
    }

    public CompletableFuture<PoolView> pool(String name) {
        return ask((tx, answer) -> answer.complete(Pools.named(live, name).view(false)));
    }

    /** Says that pools are needed: their time to live begins anew. Those that are gone are not missed. */
    public void renewPools(List<String> names) {
        mailbox.put(tx -> Pools.renew(live, names));
    }

    /** Makes a pool or changes its settings. */
    public CompletableFuture<PoolView> putPool(String name, PoolSettings settings) {
        Pools.Put put = new Pools.Put(live, name, settings);
        mailbox.put(put);
        return put.answer;
    }

    public CompletableFuture<Boolean> deletePool(String name) {
        return ask((tx, answer) -> Pools.delete(live, tx, name, answer));
    }

    /** Stops a pool from starting tasks, or lets it start them again. */
    public CompletableFuture<PoolView> pausePool(String name, boolean pause) {
        return ask((tx, answer) -> Pools.pause(live, tx, name, pause, answer));
    }

    /**
     * Shuts a pool down.
     *
     * @param finished completes when the pool is down; may be given up by completing it
     */
    public CompletableFuture<PoolView> shutdownPool(
            String name, boolean cancelPending, CompletableFuture<PoolView> finished) {
        return ask((tx, answer) -> Pools.shutdown(live, tx, name, cancelPending, pool -> {
            if (pool.state == PoolState.SHUT_DOWN) {
                finished.complete(pool.view(false));
            } else {
                pool.shutdownWaits.removeIf(CompletableFuture::isDone);
                pool.shutdownWaits.add(finished);
            }
            answer.complete(pool.view(false));
        }));
    }

    /** Returns who works for a pool: the supplier looks at the processes, which blocks a little. */
    public CompletableFuture<Supplier<List<WorkerView>>> workers(String pool) {
        return ask((tx, answer) -> answer.complete(Pools.named(live, pool).runner::workers));
    }

    /**
     * Sends a signal to the process of a worker.
     *
     * @param signal such as {@code SIGTERM}
     */
    public CompletableFuture<Boolean> signalWorker(String pool, String workerId, String signal) {
        return ask((tx, answer) -> {
            Pools.signal(live, pool, workerId, signal);
            answer.complete(true);
        });
    }

    /** Ends all workers of a pool with what they run; it goes on with others. Harmless in any state, and when repeated. */
    public CompletableFuture<PoolView> terminatePool(String name, boolean kill) {
        return ask((tx, answer) -> {
            LivePool pool = Pools.named(live, name);
            tx.after(() -> {
                pool.runner.terminate(kill ? 0 : pool.settings.graceMillis());
                for (Cell cell : live.memory.cells.values()) {
                    Run run = cell.run();
                    if (run != null && cell.task().spec().pool().equals(name)) {
                        live.watchInterrupt(pool, cell, run);
                    }
                }
                answer.complete(pool.view(false));
            });
        });
    }

    private <T> CompletableFuture<T> ask(BiConsumer<Transaction, CompletableFuture<T>> question) {
        Request<T> request = new Request<>() {
            @Override
            public void decide(Transaction tx) {
                question.accept(tx, answer);
            }
        };
        mailbox.put(request);
        return request.answer;
    }

    // --- draining ---

    /** Returns the drain of this engine. */
    public Drain drain() {
        return drain;
    }

    /** Ends the engine's thread. What still runs is not waited for: drain first. Does not close the store. */
    @Override
    public void close() {
        loop.close();
        boolean interrupted = false;
        while (true) {
            try {
                thread.join();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Returns whether the store cannot be written at the moment: new tasks are refused. */
    public boolean storeAway() {
        return loop.down();
    }

    /** Returns how many tasks are held in memory. For metrics. */
    public int residentTasks() {
        return live.memory.cells.size();
    }
}
