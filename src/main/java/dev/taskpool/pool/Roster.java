package dev.taskpool.pool;

import dev.taskpool.model.PoolSettings;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
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
    private static final long FIRST_BACKOFF_MILLIS = 100;
    private static final long MAX_BACKOFF_MILLIS = 10_000;

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

    private int failedStarts;
    private boolean idleTimer;
    private boolean closing;

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
            if (closing) {
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

    /** A worker is ready; returns its first run, if there is one already. */
    @Nullable
    Run ready(Worker worker) {
        return locked(() -> {
            if (!all.contains(worker)) {
                return null;
            }
            worker.ready = true;
            starting--;
            failedStarts = 0;
            return worker.leaving || worker.gone ? null : nextOrRest(worker);
        });
    }

    /** A run came to its end. */
    After finished(Worker worker, Run run) {
        return locked(() -> {
            worker.run = null;
            busy.remove(run);
            if (worker.leaving || closing) {
                return new After(null, false);
            }
            Integer limit = settings.maxTasksPerWorker();
            boolean worn = limit != null && worker.tasks >= limit;
            if (worn || idle.size() + busy.size() >= settings.maxWorkers()) {
                worker.leave();
                startWanted();
                return new After(null, true);
            }
            return new After(nextOrRest(worker), false);
        });
    }

    /** A worker was gone before it had its run, not even part of which ran: it waits for another, in front. */
    void undelivered(Worker worker, Run run) {
        locked(() -> {
            worker.gone = true;
            if (worker.run == run) {
                worker.run = null;
                worker.tasks--;
                busy.remove(run);
                waiting.addFirst(run);
                startWanted();
            }
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

    /** Takes out the workers that have been idle for too long, or are too many. */
    List<Worker> idleTooLong() {
        return locked(() -> {
            List<Worker> out = new ArrayList<>();
            idleTimer = false;
            Long limit = settings.idleTimeoutMillis();
            long now = System.nanoTime();
            for (Worker longest = idle.peekFirst(); longest != null; longest = idle.peekFirst()) {
                int present = idle.size() + busy.size();
                long dueIn = limit == null
                        ? Long.MAX_VALUE
                        : limit - TimeUnit.NANOSECONDS.toMillis(now - longest.idleSinceNanos);
                if (present <= settings.minWorkers() || (dueIn > 0 && present <= settings.maxWorkers())) {
                    if (limit != null && present > settings.minWorkers()) {
                        idleTimer = true;
                        idleCheck.in(dueIn);
                    }
                    break;
                }
                longest.leave();
                out.add(idle.removeFirst());
            }
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
        Long limit = settings.idleTimeoutMillis();
        if (limit != null && !idleTimer && idle.size() + busy.size() > settings.minWorkers()) {
            idleTimer = true;
            idleCheck.in(limit);
        }
        return null;
    }

    /** Has as many workers started as there are runs without one, and as are to be kept; slower where starts fail. */
    private void startWanted() {
        if (closing) {
            return;
        }
        int kept = settings.minWorkers() - idle.size() - busy.size();
        int wanted = Math.min(Math.max(waiting.size(), kept), settings.maxWorkers());
        while (starting < wanted) {
            starting++;
            spawn.in(
                    failedStarts == 0
                            ? 0
                            : Math.min(MAX_BACKOFF_MILLIS, FIRST_BACKOFF_MILLIS << Math.min(10, failedStarts - 1)));
        }
    }
}
