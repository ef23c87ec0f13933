package dev.taskpool.engine;

import static org.awaitility.Awaitility.await;

import dev.taskpool.callable.CallableSpec;
import dev.taskpool.callable.Registered;
import dev.taskpool.callable.Registry;
import dev.taskpool.journal.Durability;
import dev.taskpool.journal.Repair;
import dev.taskpool.model.IdempotencyKey;
import dev.taskpool.model.Json;
import dev.taskpool.model.OnLost;
import dev.taskpool.model.PoolKind;
import dev.taskpool.model.PoolSettings;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.RetryPolicy;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import dev.taskpool.model.TaskSpec;
import dev.taskpool.model.Ticker;
import dev.taskpool.output.OutputFiles;
import dev.taskpool.pool.Ending;
import dev.taskpool.pool.Run;
import dev.taskpool.pool.Runner;
import dev.taskpool.pool.RunnerStatus;
import dev.taskpool.pool.WorkerView;
import dev.taskpool.store.Change;
import dev.taskpool.store.StorageException;
import dev.taskpool.store.Store;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.AbstractMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * An engine on a real store, with a clock that stands until it is moved, and runs that end when the test says so. What is
 * sent {@link #together} is decided in one transaction, in that order; {@link #refuse} makes the store refuse it.
 */
final class TestEngine implements AutoCloseable {
    static final Registered ANYWHERE = new Registered(
            new CallableSpec(
                    "anywhere",
                    "",
                    Set.of(PoolKind.THREAD, PoolKind.PROCESS),
                    OnLost.FAIL,
                    1,
                    RetryPolicy.DEFAULT,
                    null,
                    null),
            null);
    static final Registered THREADS = new Registered(
            new CallableSpec("threads", "", Set.of(PoolKind.THREAD), OnLost.FAIL, 1, RetryPolicy.DEFAULT, null, null),
            null);

    final Clock clock = new Clock();
    final Map<String, List<HeldRunner>> runners = new ConcurrentHashMap<>();
    final Store store;
    final Engine engine;

    /** Time that passes when the test says so. */
    static final class Clock implements Ticker {
        // The store's cleaner goes by the real clock: a task must not be past its retention there.
        private final long started = System.currentTimeMillis();
        final AtomicLong passed = new AtomicLong();

        @Override
        public long millis() {
            return started + passed.get();
        }

        @Override
        public long nanos() {
            return passed.get() * 1_000_000;
        }
    }

    /** Starts what it is given, and leaves it to the test to end it. */
    static final class HeldRunner implements Runner {
        final List<Run> started = new CopyOnWriteArrayList<>();
        final List<Run> stopped = new CopyOnWriteArrayList<>();
        volatile boolean closed;

        @Override
        public void start(Run run) {
            started.add(run);
        }

        @Override
        public void stop(Run run, long graceMillis) {
            stopped.add(run);
        }

        @Override
        public void configure(PoolSettings settings) {}

        @Override
        public List<WorkerView> workers() {
            return List.of();
        }

        @Override
        public RunnerStatus status() {
            return new RunnerStatus(false, 0);
        }

        @Override
        public Signalled signal(String workerId, String signal) {
            return Signalled.NO_SUCH_WORKER;
        }

        @Override
        public void terminate(long graceMillis) {}

        @Override
        public CompletableFuture<Void> close() {
            closed = true;
            return CompletableFuture.completedFuture(null);
        }

        long starts(TaskId id) {
            return started.stream().filter(r -> r.id().equals(id)).count();
        }
    }

    TestEngine(Path data, int window, Map<String, PoolSettings> pools, Change... before) {
        store = Store.open(
                new Store.Options(
                        data,
                        Durability.PROCESS,
                        Duration.ofMillis(20),
                        1 << 20,
                        Repair.REFUSE,
                        0,
                        Duration.ofSeconds(60)),
                Ticker.SYSTEM);
        if (before.length > 0) {
            store.commit(List.of(before));
        }
        OutputFiles outputs;
        try {
            outputs = new OutputFiles(data.resolve("output"), 1 << 20, false, Ticker.SYSTEM);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        engine = new Engine(
                new EngineOptions("p", Duration.ofHours(1), Duration.ofSeconds(60), window),
                store,
                new Registry(List.of(ANYWHERE, THREADS)),
                outputs,
                (pool, settings, broken) -> {
                    HeldRunner runner = new HeldRunner();
                    runners.computeIfAbsent(pool, k -> new CopyOnWriteArrayList<>())
                            .add(runner);
                    return runner;
                },
                Observer.NONE,
                clock,
                new Random(1),
                () -> {});
        engine.start(pools);
    }

    static PoolSettings pool(PoolKind kind, int workers, int capacity) {
        return new PoolSettings(
                kind,
                workers,
                0,
                false,
                PoolSettings.JAVA_WORKER,
                null,
                null,
                PoolSettings.OnWorkerLost.HEAL,
                null,
                capacity,
                null,
                1_000);
    }

    static TaskSpec spec(String callable, OnLost onLost) {
        return spec(callable, "p", null, 0, onLost, Map.of());
    }

    static TaskSpec delayed(TaskSpec s, long millis) {
        return spec(s.callable(), s.pool(), null, millis, s.onLost(), s.labels());
    }

    private static TaskSpec spec(
            String callable,
            String pool,
            @Nullable Json args,
            long delayMillis,
            OnLost onLost,
            Map<String, String> labels) {
        return new TaskSpec(
                callable,
                args,
                null,
                pool,
                null,
                null,
                delayMillis,
                0,
                1,
                RetryPolicy.DEFAULT,
                null,
                onLost,
                labels,
                null,
                0,
                null,
                null);
    }

    /** A specification that the store refuses to write. */
    static TaskSpec unwritable(OnLost onLost) {
        Map<String, String> labels = new AbstractMap<>() {
            @Override
            public Set<Entry<String, String>> entrySet() {
                throw new StorageException("refused", new IllegalStateException("refused"));
            }

            @Override
            public int size() {
                return 1;
            }
        };
        return spec("anywhere", "p", null, 0, onLost, labels);
    }

    CompletableFuture<Accepted> submit(TaskSpec spec, @Nullable IdempotencyKey key) {
        return engine.submit(
                List.of(new Submission(spec, spec.callable().equals("threads") ? THREADS : ANYWHERE)), false, key);
    }

    Task submitted(OnLost onLost) {
        return submit(spec("anywhere", onLost), null).join().tasks().getFirst();
    }

    Task submitted(String pool, @Nullable Json args) {
        return submit(spec("anywhere", pool, args, 0, OnLost.FAIL, Map.of()), null)
                .join()
                .tasks()
                .getFirst();
    }

    HeldRunner runner() {
        return Objects.requireNonNull(runners.get("p")).getLast();
    }

    /** The run of a task that runs. */
    Run run(Task task) {
        await().until(() -> runner().started.stream().anyMatch(r -> r.id().equals(task.id())));
        return runner().started.stream()
                .filter(r -> r.id().equals(task.id()))
                .toList()
                .getLast();
    }

    static void end(Run run) {
        run.ended(new Ending.Returned(Json.ofValid("1".getBytes(StandardCharsets.UTF_8)), Task.Output.NONE));
    }

    /** Has everything that an action sends to the engine decided in one transaction. */
    void together(Runnable action) {
        CountDownLatch held = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        engine.mailbox.put(tx -> {
            held.countDown();
            try {
                if (!go.await(30, TimeUnit.SECONDS)) {
                    throw new IllegalStateException("held for too long");
                }
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        try {
            if (!held.await(30, TimeUnit.SECONDS)) {
                throw new IllegalStateException("the engine does not come to it");
            }
            action.run();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        } finally {
            go.countDown();
        }
    }

    /** Makes the store refuse the transaction that this is decided in. The store stays away until time passes. */
    void refuse() {
        engine.mailbox.put(this::refused);
    }

    void refused(Transaction tx) {
        Task task = Task.accepted(new TaskId(1, 1), unwritable(OnLost.FAIL), 1, 0);
        tx.add(new Change.TaskCreated(task));
    }

    /** Lets time pass, and the engine notice. */
    void pass(Duration time) {
        clock.passed.addAndGet(time.toMillis());
        settle();
    }

    /** Waits until the engine has decided what was sent before. */
    void settle() {
        for (int i = 0; i < 3; i++) {
            CompletableFuture<Boolean> decided = new CompletableFuture<>();
            engine.mailbox.put(new Command() {
                @Override
                public void decide(Transaction tx) {
                    tx.after(() -> decided.complete(true));
                }

                @Override
                public void refused(RuntimeException reason) {
                    decided.complete(false);
                }
            });
            decided.join();
        }
    }

    /** The store takes writes again. */
    void recover() {
        pass(Duration.ofMillis(400));
        await().until(() -> !engine.storeAway());
        settle();
    }

    Cell cell(Task task) {
        return Objects.requireNonNull(engine.live.memory.cells.get(task.id().sequence()));
    }

    PoolView view() {
        return engine.pool("p").join();
    }

    Task task(TaskId id) {
        return engine.find(id).join().orElseThrow();
    }

    static ProblemCode problem(CompletableFuture<?> answer) {
        try {
            Object value = answer.orTimeout(20, TimeUnit.SECONDS).join();
            throw new AssertionError("no problem, but " + value);
        } catch (CompletionException e) {
            if (e.getCause() instanceof Problem problem) {
                return problem.code();
            }
            throw e;
        }
    }

    @Override
    public void close() {
        engine.close();
        store.close();
    }
}
