package dev.taskpool.engine;

import dev.taskpool.model.Batch;
import dev.taskpool.model.BatchId;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskState;
import dev.taskpool.pool.Run;
import dev.taskpool.store.Store;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Takes a batch back: it takes no more tasks, those that have not started are cancelled, and those that run are stopped
 * where that is asked for. Answered when all of that is durable.
 */
final class CancelBatch extends Request<Batch> {
    private static final int PAGE = 1_000;
    private static final long RETRY_NANOS = 300_000_000L;

    private final Live live;
    private final BatchId id;
    private final boolean interrupt;
    private final Predicate<Task> mine;

    private final boolean fact;

    /**
     * @param mine whose tasks are touched
     * @param fact whether it follows from what happened, and is to be done when it can be
     */
    CancelBatch(Live live, BatchId id, boolean interrupt, Predicate<Task> mine, boolean fact) {
        this.live = live;
        this.id = id;
        this.interrupt = interrupt;
        this.mine = mine;
        this.fact = fact;
    }

    @Override
    public boolean fact() {
        return fact;
    }

    @Override
    public void decide(Transaction tx) {
        Batch batch = live.batches.latest(tx, id);
        if (batch.open()) {
            tx.batch(batch.closed());
        }
        // Those that are in memory at once: the database may be behind, and workers do not wait for it.
        for (Cell cell : live.memory.cells.values()) {
            Task task = tx.latest(cell);
            if (id.equals(task.spec().batch()) && mine.test(task)) {
                end(tx, cell);
            }
        }
        tx.after(() -> next(Long.MIN_VALUE));
    }

    private void next(long after) {
        long read = live.memory.reads.begin();
        live.store
                .openOf(id, after, PAGE)
                .whenComplete((page, error) -> live.mailbox.put(new EndPage(read, after, error == null ? page : null)));
    }

    /** Some of its tasks, which may be further on by now. A fact: what was begun is brought to its end. */
    private final class EndPage implements Command {
        private final long read;
        private final long after;
        private final Store.@Nullable Page page;

        EndPage(long read, long after, Store.@Nullable Page page) {
            this.read = read;
            this.after = after;
            this.page = page;
        }

        @Override
        public void decide(Transaction tx) {
            List<Task> tasks = page == null ? List.of() : page.tasks();
            for (Task stored : tasks) {
                Cell cell = id.equals(stored.spec().batch()) && mine.test(stored) ? live.memory.resident(stored) : null;
                if (cell != null) {
                    end(tx, cell);
                }
            }
            tx.after(() -> {
                live.memory.reads.end(read);
                if (page == null) {
                    // The store cannot be read at the moment: not at once again.
                    live.timers.at(live.ticker.nanos() + RETRY_NANOS, next -> next(after));
                } else if (page.complete()) {
                    live.mailbox.put(next -> finish());
                } else {
                    next(tasks.isEmpty() ? after : tasks.getLast().id().sequence());
                }
            });
        }

        @Override
        public boolean fact() {
            return true;
        }
    }

    private void end(Transaction tx, Cell cell) {
        Task task = tx.latest(cell);
        if (task.state() == TaskState.PENDING && cell.run() == null) {
            Cancel.cancelPending(live, tx, cell, task);
        } else if (task.state() == TaskState.RUNNING && interrupt) {
            if (task.cancelRequestedAt() == 0) {
                tx.change(cell, task.cancelRequested(live.ticker.millis()));
            }
            LivePool pool = live.pool(task);
            tx.after(() -> {
                Run run = cell.run();
                if (run != null) {
                    live.stop(pool, cell, run, StopReason.CANCEL);
                }
            });
        }
    }

    private void finish() {
        Batch now = live.batches.find(id);
        if (now != null) {
            answer.complete(now);
            return;
        }
        live.store.batch(id).whenComplete((stored, error) -> {
            if (error != null) {
                answer.completeExceptionally(error);
            } else {
                stored.ifPresentOrElse(answer::complete, () -> answer.completeExceptionally(Batches.notFound(id)));
            }
        });
    }
}
