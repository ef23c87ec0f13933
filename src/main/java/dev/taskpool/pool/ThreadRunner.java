package dev.taskpool.pool;

import dev.taskpool.callable.TaskCallable;
import dev.taskpool.model.Failure;
import dev.taskpool.model.FailureCode;
import dev.taskpool.model.PoolSettings;
import dev.taskpool.model.Task;
import dev.taskpool.model.Ticker;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/** Callables on threads of this JVM. A thread can be interrupted, it cannot be killed. */
public final class ThreadRunner implements Runner {
    private final CallableInvoker invoker;
    private final ThreadPoolExecutor platform;
    private final ThreadFactory virtual;
    private final boolean useVirtual;
    private final CompletableFuture<Void> closed = new CompletableFuture<>();

    private final WorkerIds ids = new WorkerIds();

    /** Runs under way. Entered by the engine's thread, left by the run's. */
    private final Map<Run, Seat> seats = new ConcurrentHashMap<>();

    /** @param name of the pool, which its threads carry */
    public ThreadRunner(String name, PoolSettings settings, CallableInvoker invoker) {
        this.invoker = invoker;
        this.useVirtual = settings.virtualThreads();
        ThreadFactory platformThreads =
                Thread.ofPlatform().name("pool-" + name + "-", 0).daemon(true).factory();
        this.virtual = Thread.ofVirtual().name("pool-" + name + "-", 0).factory();
        // No queue and no bound of its own: the engine starts no more than there are workers. An idle thread is reused.
        this.platform =
                new ThreadPoolExecutor(
                        useVirtual ? 0 : settings.minWorkers(),
                        Integer.MAX_VALUE,
                        30,
                        TimeUnit.SECONDS,
                        new SynchronousQueue<>(),
                        platformThreads) {
                    @Override
                    protected void terminated() {
                        closed.complete(null);
                    }
                };
        configure(settings);
    }

    @Override
    public void start(Run run) {
        Seat seat = new Seat(run);
        seats.put(run, seat);
        try {
            if (useVirtual) {
                virtual.newThread(seat).start();
            } else {
                platform.execute(seat);
            }
        } catch (OutOfMemoryError | RuntimeException e) {
            seats.remove(run);
            run.ended(new Ending.NotStarted(
                    Failure.of(FailureCode.START_FAILED, "no thread could be started: " + e.getMessage()),
                    run.output().close(null)));
        }
    }

    @Override
    public void stop(Run run, long graceMillis) {
        run.markStopping();
        Seat seat = seats.get(run);
        if (seat != null) {
            seat.interrupt();
        }
    }

    @Override
    public void configure(PoolSettings settings) {
        if (!useVirtual) {
            Long idle = settings.idleTimeoutMillis();
            platform.setCorePoolSize(settings.minWorkers());
            platform.setKeepAliveTime(idle == null ? 30_000 : idle, TimeUnit.MILLISECONDS);
            for (int i = platform.getPoolSize(); i < settings.minWorkers(); i++) {
                platform.prestartCoreThread();
            }
        }
    }

    @Override
    public CompletableFuture<Void> close() {
        platform.shutdown();
        return closed;
    }

    @Override
    public List<WorkerView> workers() {
        return seats.values().stream()
                .sorted(Comparator.comparingLong(seat -> seat.number))
                .map(Seat::view)
                .toList();
    }

    @Override
    public RunnerStatus status() {
        return RunnerStatus.FINE;
    }

    @Override
    public Signalled signal(String workerId, String signal) {
        return seats.values().stream().anyMatch(seat -> ids.text(seat.number).equals(workerId))
                ? Signalled.NO_PROCESS
                : Signalled.NO_SUCH_WORKER;
    }

    @Override
    public void terminate(long graceMillis) {
        seats.values().forEach(Seat::interrupt);
    }

    /** One run on one thread. */
    private final class Seat implements Runnable {
        private final Run run;
        private final ReentrantLock lock = new ReentrantLock();
        /** Guarded by the lock: an interrupt reaches the run's thread while it runs, and never what the thread does next. */
        private @Nullable Thread thread;

        private boolean interrupted;
        private boolean over;
        private long sinceMillis;
        private final long number = ids.next();
        private final long startedAtMillis = Ticker.SYSTEM.millis();

        Seat(Run run) {
            this.run = run;
            this.sinceMillis = startedAtMillis;
        }

        WorkerView view() {
            lock.lock();
            try {
                WorkerView.State state = interrupted
                        ? WorkerView.State.LEAVING
                        : thread == null ? WorkerView.State.STARTING : WorkerView.State.BUSY;
                return new WorkerView(ids.text(number), null, state, run.id(), sinceMillis, startedAtMillis, 0, null);
            } finally {
                lock.unlock();
            }
        }

        @Override
        public void run() {
            lock.lock();
            try {
                thread = Thread.currentThread();
                sinceMillis = Ticker.SYSTEM.millis();
                if (interrupted) {
                    thread.interrupt();
                }
            } finally {
                lock.unlock();
            }
            Ending ending;
            try {
                TaskCallable code = run.callable().code();
                ending = code == null
                        ? new Ending.NotStarted(
                                Failure.of(
                                        FailureCode.START_FAILED, run.spec().callable() + " does not run on threads"),
                                Task.Output.NONE)
                        : invoker.invoke(run, code);
            } finally {
                lock.lock();
                try {
                    over = true;
                    thread = null;
                } finally {
                    lock.unlock();
                }
                // What was meant for this run must not reach the next.
                Thread.interrupted();
                seats.remove(run);
            }
            run.ended(ending);
        }

        void interrupt() {
            lock.lock();
            try {
                interrupted = true;
                sinceMillis = Ticker.SYSTEM.millis();
                if (thread != null && !over) {
                    thread.interrupt();
                }
            } finally {
                lock.unlock();
            }
        }
    }
}
