package dev.taskpool.http;

import dev.taskpool.engine.Engine;
import dev.taskpool.engine.Waits;
import dev.taskpool.model.Task;
import dev.taskpool.output.OutputFiles;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One request that follows what a task writes: is woken when there is more, and when it is over, because the task is done
 * or forgotten, the client is gone, the service drains, or too many wait. What is written while it does not look wakes it once.
 */
final class Follower implements AutoCloseable {
    private final Engine engine;
    private final OutputFiles files;
    private final OpenWaits waits;
    private final Task before;
    private final Semaphore news = new Semaphore(0);
    private final CountDownLatch ended = new CountDownLatch(1);
    private final CompletableFuture<Void> first = new CompletableFuture<>();
    private final Waits.Waiter waiter = this::done;
    private final Runnable watcher = this::wake;
    private final OpenWaits.Wait wait;
    private volatile @Nullable Task done;
    private volatile boolean forgotten;

    /**
     * Begins to follow.
     *
     * @param task as it was when asked for
     * @param seconds at most; 0 until the task is done
     */
    Follower(Engine engine, OutputFiles files, OpenWaits waits, Exchange exchange, Task task, int seconds) {
        this.engine = engine;
        this.files = files;
        this.waits = waits;
        this.before = task;
        if (task.done()) {
            this.done = task;
            ended.countDown();
        }
        files.watch(task.id(), watcher);
        engine.waits().enter(task.id().sequence(), waiter);
        this.wait =
                seconds == 0 ? waits.beginEndless(exchange, this::over) : waits.begin(exchange, seconds, this::over);
        // It may have ended, and gone, between the first look and entering the waiter.
        if (!task.done()) {
            engine.find(task.id()).whenComplete((found, error) -> {
                if (error == null && found.isEmpty()) {
                    forgotten = true;
                    over();
                } else if (error == null && found.get().done()) {
                    done(found.get());
                }
            });
        }
    }

    private void done(Task task) {
        done = task;
        over();
    }

    private void over() {
        ended.countDown();
        wake();
    }

    private void wake() {
        if (news.availablePermits() == 0) {
            news.release();
        }
        first.complete(null);
    }

    /** Returns whether nothing is to be waited for any more. What was written before is all there is when this is true. */
    boolean ended() {
        return ended.getCount() == 0;
    }

    /** Waits for something to be read or the end; returns false where neither came in time. */
    boolean await(long millis) {
        try {
            boolean woken = news.tryAcquire(millis, TimeUnit.MILLISECONDS);
            news.drainPermits();
            return woken;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            over();
            return true;
        }
    }

    /** Lets more come together, unless it is over. */
    void gather(long millis) {
        try {
            if (ended.await(millis, TimeUnit.MILLISECONDS)) {
                return;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            over();
        }
    }

    /** Returns what is done when there is something to read for the first time, or it is over. */
    CompletableFuture<Void> first() {
        return first;
    }

    /** Returns the task as it is now. */
    Task task() {
        Task known = done;
        if (known != null) {
            return known;
        }
        Task here = engine.resident(before.id());
        return here == null ? before : here;
    }

    /** Returns why it is over, for the client, or null where that is because the task is done. */
    @Nullable
    String reason() {
        if (done != null) {
            return null;
        }
        return forgotten ? "deleted" : waits.released() ? "draining" : "too_many_waits";
    }

    @Override
    public void close() {
        files.unwatch(before.id(), watcher);
        engine.waits().leave(before.id().sequence(), waiter);
        wait.end();
    }
}
