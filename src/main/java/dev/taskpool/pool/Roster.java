package dev.taskpool.pool;

import dev.taskpool.model.Failure;
import dev.taskpool.model.PoolSettings;
import dev.taskpool.model.WorkerPolicy;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Which worker does what, and which run waits for one. Each method is one step under one lock, without I/O; it says what is to be done, and the
 * caller does it. Safe for all threads.
 */
final class Roster {
    private static final int HOPELESS_STARTS = 3;

    /** So many workers may be gone before they had one run; then the last has died of it. */
    private static final int MOST_DELIVERIES = 3;

    private static final long NEVER = Long.MAX_VALUE;
    private static final long FIRST_BACKOFF_MILLIS = 100;
    private static final long MAX_BACKOFF_MILLIS = 10_000;
    /** So many workers in a row may be lost before any of them has finished a task; then the pool takes its time. */
    private static final int FREE_LOSSES = 3;

    private static final long MAX_STORM_BACKOFF_MILLIS = 5_000;

    /** Has something done in so many milliseconds, on another thread. */
    @FunctionalInterface
    interface Schedule {
        void in(long millis);
    }

    /**
     * What follows from the end of a run.
     *
     * @param next is the worker's next run, or null
     * @param leave whether the worker is to leave
     */
    record After(@Nullable Run next, boolean leave) {}

    /**
     * What follows from the end of a worker.
     *
     * @param run is what it held, or null
     * @param breaks whether it breaks the pool
     * @param hopeless are runs that waited for a worker, when none could be started again and again
     */
    record Loss(@Nullable Run run, boolean breaks, List<Run> hopeless) {}

    private final Schedule spawn;
    private final Schedule idleCheck;

    /** Guards what follows, and the fields of workers that say so. */
    private final ReentrantLock lock = new ReentrantLock();

    private PoolSettings settings;
    private final Deque<Run> waiting = new ArrayDeque<>();
    /** The last is the one that was busy last. */
    private final Deque<Worker> idle = new ArrayDeque<>();

    private final Map<Run, Worker> busy = new HashMap<>();
    /** Workers that have not said hello, by token. */
    private final Map<String, Worker> expected = new HashMap<>();
    /** Every worker whose process may live, in the order of their start. */
    private final Set<Worker> all = new LinkedHashSet<>();
    /** Workers that are to be started, or were and are not ready. */
    private int starting;

    /** Those of them whose start has not begun. */
    private int planned;

    private int failedStarts;
    /** Workers that were lost, in a row, before any had finished a task. */
    private int fruitless;

    private long losses;
    /** When the idle ones are looked at again, in nanoTime; or never. */
    private long idleCheckAt = NEVER;

    private boolean closing;
    /** Why no worker is started and no run is taken, until there are other settings; null where they are. */
    private @Nullable Failure refusal;

    /**
     * @param spawn has a worker started, which begins with {@link #begin}
     * @param idleCheck has {@link #idleTooLong} called
     */
    Roster(PoolSettings settings, Schedule spawn, Schedule idleCheck) {
        this.settings = settings;
        this.spawn = spawn;
        this.idleCheck = idleCheck;
    }

    private <T extends @Nullable Object> T locked(java.util.function.Supplier<T> step) {
        lock.lock();
        try {
            return step.get();
        } finally {
            lock.unlock();
        }
    }

    private void locked(Runnable step) {
        lock.lock();
        try {
            step.run();
        } finally {
            lock.unlock();
        }
    }

    void configure(PoolSettings next) {
        locked(() -> {
            settings = next;
            refusal = null;
            startWanted();
        });
    }

    boolean closing() {
        return locked(() -> closing);
    }

    /** Takes a run: for a worker that is returned, or to wait for one. */
    @Nullable
    Worker take(Run run) {
        return locked(() -> {
            Worker worker = idle.pollLast();
            if (worker == null) {
                waiting.add(run);
                startWanted();
            } else {
                assign(worker, run);
            }
            return worker;
        });
    }

    /** Returns why a run that waits is not taken, and takes it out; null where it waits rightly. */
    @Nullable
    Failure refused(Run run) {
        return locked(() -> refusal != null && waiting.remove(run) ? refusal : null);
    }

    /** Takes a run back, if it waits. */
    boolean takeBack(Run run) {
        return locked(() -> waiting.remove(run));
    }

    @Nullable
    Worker workerOf(Run run) {
        return locked(() -> busy.get(run));
    }

    /** Gives up a worker whose run does not come to its end; false where it has. */
    boolean giveUp(Worker worker, Run run) {
        return locked(() -> {
            boolean still = worker.run == run;
            if (still) {
                worker.leave();
            }
            return still;
        });
    }

    /** Enters a worker that is about to be started; false where none is wanted any more. */
    boolean begin(Worker worker) {
        return locked(() -> {
            if (planned == 0) {
                return false;
            }
            planned--;
            if (closing || refusal != null) {
                starting--;
                return false;
            }
            expected.put(worker.token, worker);
            all.add(worker);
            return true;
        });
    }

    /** Returns who has this token, once. */
    @Nullable
    Worker welcome(String token) {
        return locked(() -> expected.remove(token));
    }

    /** Returns what a worker that has said hello is to begin with, or null. */
    WorkerPolicy.@Nullable Initializer initializer(Worker worker) {
        return locked(() -> {
            worker.initializer = settings.worker().initializer();
            return worker.leaving ? null : worker.initializer;
        });
    }

    /**
     * The initializer of a worker failed: no run is taken any more until there are other settings. Returns the runs that waited; null where
     * that is known already, or there are other settings, of which the failure says nothing.
     */
    @Nullable
    List<Run> refuse(Worker worker, Failure failure) {
        return locked(() -> {
            boolean left = worker.leaving;
            worker.leave();
            if (left
                    || refusal != null
                    || !Objects.equals(worker.initializer, settings.worker().initializer())) {
                return null;
            }
            refusal = failure;
            List<Run> refused = List.copyOf(waiting);
            waiting.clear();
            return refused;
        });
    }

    /** A worker is ready. */
    After ready(Worker worker) {
        return locked(() -> {
            if (!all.contains(worker)) {
                return new After(null, false);
            }
            worker.ready = true;
            starting--;
            failedStarts = 0;
            if (worker.leaving || worker.gone) {
                return new After(null, false);
            }
            if (isWorn(worker)) {
                worker.leave();
                startWanted();
                return new After(null, true);
            }
            return new After(nextOrRest(worker), false);
        });
    }

    /**
     * A run came to its end.
     *
     * @param grown whether the worker is larger than it may be
     */
    After finished(Worker worker, Run run, boolean grown) {
        return locked(() -> {
            worker.run = null;
            busy.remove(run);
            recover();
            if (worker.leaving || closing) {
                return new After(null, false);
            }
            Integer limit = settings.maxTasksPerWorker();
            boolean worn = grown || isWorn(worker) || (limit != null && worker.tasks >= limit);
            if (worn || idle.size() + busy.size() >= settings.maxWorkers()) {
                worker.leave();
                startWanted();
                return new After(null, true);
            }
            return new After(nextOrRest(worker), false);
        });
    }

    /**
     * A worker was gone before it had its run, not even part of which ran: it waits for another, in front; not again and again.
     *
     * @return whether it does not, for it was asked to stop
     */
    boolean undelivered(Worker worker, Run run) {
        return locked(() -> {
            worker.gone = true;
            // A worker may be gone for reasons of its own; where one after the other is, it is for what they were to
            // read.
            if (worker.run != run || run.countUndelivered() >= MOST_DELIVERIES) {
                return false;
            }
            worker.run = null;
            worker.tasks--;
            busy.remove(run);
            // Whoever stops it marks it first, and then looks where it is: one of the two sees the other.
            boolean stopping = run.stopping();
            if (!stopping) {
                waiting.addFirst(run);
            }
            startWanted();
            return stopping;
        });
    }

    /** A worker says that it is about to go. */
    void goodbye(Worker worker) {
        locked(() -> {
            worker.leave();
            idle.remove(worker);
            startWanted();
        });
    }

    /** Nothing more will come from a worker, and it gets nothing more. */
    void gone(Worker worker) {
        locked(() -> {
            worker.gone = true;
            idle.remove(worker);
        });
    }

    /** A worker ended with all that it had started, or could not be started. */
    Loss buried(Worker worker) {
        return locked(() -> {
            all.remove(worker);
            idle.remove(worker);
            expected.remove(worker.token);
            Run run = worker.run;
            worker.run = null;
            if (run != null) {
                busy.remove(run);
            }
            if (worker.ready && !worker.leaving) {
                losses++;
                boolean fruit = worker.tasks > (run == null ? 0 : 1);
                fruitless += fruit ? 0 : 1;
            }
            List<Run> hopeless = new ArrayList<>();
            if (!worker.ready) {
                starting--;
                if (!worker.leaving && ++failedStarts >= HOPELESS_STARTS) {
                    hopeless.addAll(waiting);
                    waiting.clear();
                }
            }
            boolean breaks = !worker.leaving
                    && settings.onWorkerLost() == PoolSettings.OnWorkerLost.BREAK
                    && (worker.ready || failedStarts >= HOPELESS_STARTS);
            if (!breaks) {
                startWanted();
            }
            return new Loss(run, breaks, hopeless);
        });
    }

    /** Takes out the workers that have been idle for too long, are worn, or are too many. */
    List<Worker> idleTooLong() {
        return locked(() -> {
            List<Worker> out = new ArrayList<>();
            idleCheckAt = NEVER;
            long now = System.nanoTime();
            // The one that has been idle for longest comes first.
            for (Worker each : List.copyOf(idle)) {
                int present = idle.size() + busy.size();
                boolean unused = present > settings.minWorkers() && idleLimit(each) - now <= 0;
                if (isWorn(each) || unused || present > settings.maxWorkers()) {
                    each.leave();
                    idle.remove(each);
                    out.add(each);
                }
            }
            planIdleCheck();
            startWanted();
            return out;
        });
    }

    /** Nobody comes any more; returns those who are to leave. */
    List<Worker> close() {
        return locked(() -> {
            closing = true;
            idle.clear();
            all.forEach(Worker::leave);
            return List.copyOf(all);
        });
    }

    /** All that there are get no more runs, and end with those that they have; returns them. Others take their place. */
    List<Worker> giveUpAll() {
        return locked(() -> {
            idle.clear();
            all.forEach(Worker::leave);
            return List.copyOf(all);
        });
    }

    /** Returns whether a worker gets no more runs. */
    boolean isLeaving(Worker worker) {
        return locked(() -> worker.leaving);
    }

    RunnerStatus status() {
        return locked(() -> new RunnerStatus(failedStarts > 0 || fruitless > FREE_LOSSES, losses));
    }

    /** Returns how large a worker may be after a task, in bytes; null for any size. */
    @Nullable
    Long maxMemoryBytes() {
        return locked(() -> settings.worker().maxMemoryBytes());
    }

    /** A worker, and how it looks. */
    record Seen(Worker worker, WorkerView view) {}

    /** Returns the workers that belong to the pool still. */
    List<Seen> present() {
        return locked(() -> {
            List<Seen> out = new ArrayList<>();
            for (Worker worker : all) {
                WorkerView view = worker.view();
                if (view != null) {
                    out.add(new Seen(worker, view));
                }
            }
            return out;
        });
    }

    boolean isDeserted() {
        return locked(() -> closing && all.isEmpty());
    }

    // With the lock held:

    private void assign(Worker worker, Run run) {
        worker.begin(run);
        busy.put(run, worker);
    }

    private @Nullable Run nextOrRest(Worker worker) {
        Run next = waiting.poll();
        if (next != null) {
            assign(worker, next);
            return next;
        }
        worker.rest();
        idle.addLast(worker);
        planIdleCheck();
        return null;
    }

    /** Returns when a worker has been idle for too long, in nanoTime. */
    private long idleLimit(Worker worker) {
        Long limit = settings.idleTimeoutMillis();
        return limit == null ? NEVER : worker.idleSinceNanos + TimeUnit.MILLISECONDS.toNanos(limit);
    }

    /** Returns when a worker is too old, in nanoTime. */
    private long ageLimit(Worker worker) {
        Long limit = settings.worker().maxAgeMillis();
        return limit == null ? NEVER : worker.startedNanos + TimeUnit.MILLISECONDS.toNanos(limit);
    }

    /** Returns whether a worker is too old, or began as workers of this pool do not begin any more. */
    private boolean isWorn(Worker worker) {
        long limit = ageLimit(worker);
        return (limit != NEVER && limit - System.nanoTime() <= 0)
                || !Objects.equals(worker.initializer, settings.worker().initializer());
    }

    private void planIdleCheck() {
        if (settings.idleTimeoutMillis() == null && settings.worker().maxAgeMillis() == null) {
            return;
        }
        boolean spare = idle.size() + busy.size() > settings.minWorkers();
        long first = NEVER;
        for (Worker each : idle) {
            first = Math.min(first, Math.min(ageLimit(each), spare ? idleLimit(each) : NEVER));
        }
        if (first < idleCheckAt) {
            idleCheckAt = first;
            idleCheck.in(Math.max(1, TimeUnit.NANOSECONDS.toMillis(first - System.nanoTime()) + 1));
        }
    }

    /** A task came to its end: workers are worth starting. Those that were put off start now. */
    private void recover() {
        if (fruitless > FREE_LOSSES) {
            for (int i = 0; i < planned; i++) {
                spawn.in(0);
            }
        }
        fruitless = 0;
    }

    private long backoffMillis() {
        if (failedStarts > 0) {
            return Math.min(MAX_BACKOFF_MILLIS, FIRST_BACKOFF_MILLIS << Math.min(10, failedStarts - 1));
        }
        int more = fruitless - FREE_LOSSES;
        return more <= 0 ? 0 : Math.min(MAX_STORM_BACKOFF_MILLIS, FIRST_BACKOFF_MILLIS << Math.min(10, more - 1));
    }

    /** Has as many workers started as there are runs without one, and as are to be kept; slower where they fail or die. */
    private void startWanted() {
        if (closing || refusal != null) {
            return;
        }
        int kept = settings.minWorkers() - idle.size() - busy.size();
        int wanted = Math.min(Math.max(waiting.size(), kept), settings.maxWorkers());
        while (starting < wanted) {
            starting++;
            planned++;
            spawn.in(backoffMillis());
        }
    }
}
