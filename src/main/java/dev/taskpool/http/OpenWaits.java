package dev.taskpool.http;

import dev.taskpool.engine.Engine;
import dev.taskpool.engine.Waits;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Requests that wait: a future, a timer and an entry in the engine's map each, no thread. A wait ends when its condition is
 * met, its time is over, its client is gone, or the service drains; it never ends in an error for having ended.
 */
final class OpenWaits {
    /** Most waits are shorter than this: their clients are not watched for going away. */
    private static final long WATCH_AFTER_NANOS = 500_000_000L;

    private final Engine engine;
    private final Duration longest;
    private final int most;
    private final ScheduledExecutorService timers;
    private final Set<Wait> open = ConcurrentHashMap.newKeySet();
    private volatile boolean released;

    /** @param timers of a thread that runs them in turn; not ended with this */
    OpenWaits(Engine engine, Duration longest, int most, ScheduledExecutorService timers) {
        this.engine = engine;
        this.longest = longest;
        this.most = most;
        this.timers = timers;
        timers.scheduleWithFixedDelay(
                () -> {
                    long now = System.nanoTime();
                    for (Wait wait : open) {
                        wait.watch(now);
                    }
                },
                WATCH_AFTER_NANOS,
                WATCH_AFTER_NANOS,
                TimeUnit.NANOSECONDS);
    }

    /** One request that waits. */
    final class Wait {
        private final CompletableFuture<Void> over = new CompletableFuture<>();
        private final Runnable onOver;
        private final Exchange exchange;
        /** Gives the slot back that the waiting task lends; set once, before anybody else knows this. */
        private Runnable giveBack = () -> {};

        private volatile @Nullable Future<?> timer;
        private final long openedNanos = System.nanoTime();
        /** Confined to the timers' thread. */
        private boolean watched;

        private Wait(Exchange exchange, Runnable onOver) {
            this.exchange = exchange;
            this.onOver = onOver;
        }

        private void watch(long now) {
            if (!watched && now - openedNanos > WATCH_AFTER_NANOS) {
                watched = true;
                exchange.watch(this::end);
            }
        }

        /** Ends the wait. Again does nothing. */
        void end() {
            if (over.complete(null)) {
                open.remove(this);
                Future<?> mine = timer;
                if (mine != null) {
                    mine.cancel(false);
                }
                giveBack.run();
                onOver.run();
            }
        }

        boolean over() {
            return over.isDone();
        }
    }

    /**
     * Begins a wait of so many seconds.
     *
     * @param onOver told once, when it ends, whatever the reason; by any thread
     * @return the wait; it may have ended already, because it may not wait at all
     */
    Wait begin(Exchange exchange, int seconds, Runnable onOver) {
        Wait wait = new Wait(exchange, onOver);
        if (seconds <= 0 || !enter(wait)) {
            wait.end();
            return wait;
        }
        long nanos = Math.min(TimeUnit.SECONDS.toNanos(seconds), longest.toNanos());
        wait.timer = timers.schedule(wait::end, nanos, TimeUnit.NANOSECONDS);
        if (released || wait.over()) {
            wait.end();
        }
        return wait;
    }

    /** As {@link #begin}, for a wait that its time does not end. */
    Wait beginEndless(Exchange exchange, Runnable onOver) {
        Wait wait = new Wait(exchange, onOver);
        if (!enter(wait) || released) {
            wait.end();
        }
        return wait;
    }

    /** As {@link #beginEndless}, for a request whose body is being read: that tells of a client that is gone. */
    Wait beginWhileReading(Exchange exchange, Runnable onOver) {
        Wait wait = new Wait(exchange, onOver);
        wait.watched = true;
        if (!enter(wait) || released) {
            wait.end();
        }
        return wait;
    }

    private boolean enter(Wait wait) {
        if (released || open.size() >= most) {
            return false;
        }
        TaskId task = wait.exchange.waitingTask();
        if (task != null) {
            wait.giveBack = engine.lend(task);
        }
        return open.add(wait);
    }

    /** Returns whether nobody may wait any more. */
    boolean released() {
        return released;
    }

    /**
     * Waits until a task is done, at most so many seconds.
     *
     * @param now the task as it was when asked for
     * @return the task as it is at the end of the wait
     */
    CompletableFuture<Task> untilDone(Exchange exchange, Task now, int seconds) {
        if (now.done() || seconds <= 0) {
            return CompletableFuture.completedFuture(now);
        }
        CompletableFuture<Task> result = new CompletableFuture<>();
        TaskId id = now.id();
        SingleWaiter waiter = new SingleWaiter(result);
        engine.waits().enter(id.sequence(), waiter);
        Wait wait = begin(exchange, seconds, () -> {
            engine.waits().leave(id.sequence(), waiter);
            if (!result.isDone()) {
                latest(id, now).whenComplete((task, error) -> {
                    if (error != null) {
                        result.completeExceptionally(error);
                    } else {
                        result.complete(task);
                    }
                });
            }
        });
        waiter.wait = wait;
        if (result.isDone()) {
            wait.end();
            return result;
        }
        // It may have ended between the first look and entering the waiter.
        Task again = engine.resident(id);
        if (again == null) {
            latest(id, now).thenAccept(task -> {
                if (task.done()) {
                    waiter.done(task);
                }
            });
        } else if (again.done()) {
            waiter.done(again);
        }
        return result;
    }

    private CompletableFuture<Task> latest(TaskId id, Task otherwise) {
        return engine.find(id).thenApply((Optional<Task> found) -> found.orElse(otherwise));
    }

    private static final class SingleWaiter implements Waits.Waiter {
        private final CompletableFuture<Task> result;
        private volatile @Nullable Wait wait;

        SingleWaiter(CompletableFuture<Task> result) {
            this.result = result;
        }

        @Override
        public void done(Task task) {
            result.complete(task);
            Wait mine = wait;
            if (mine != null) {
                mine.end();
            }
        }
    }

    /** Returns how many requests wait. */
    int count() {
        return open.size();
    }

    /** Answers all who wait, with things as they are, and lets nobody wait any more. For the drain. */
    void release() {
        released = true;
        for (Wait wait : open) {
            wait.end();
        }
    }
}
