package dev.taskpool.engine;

import dev.taskpool.model.BatchId;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.Task;
import dev.taskpool.store.Change;
import java.util.List;

/** Forgets a batch that is done, and its tasks with it, page by page. Cut off in between, it can be asked for again. */
final class DeleteBatch extends Request<Boolean> {
    private static final int PAGE = 1_000;

    private final Live live;
    private final BatchId id;

    DeleteBatch(Live live, BatchId id) {
        this.live = live;
        this.id = id;
    }

    @Override
    public void decide(Transaction tx) {
        if (live.batches.find(id) != null || tx.batch(id.sequence()) != null) {
            throw Problem.of(
                    ProblemCode.BATCH_NOT_DONE, "batch " + id + " is not done; cancel it first, or wait for its end");
        }
        tx.after(() -> next(Long.MIN_VALUE));
    }

    private void next(long after) {
        live.store.tasksOf(id, after, PAGE).whenComplete((tasks, error) -> {
            if (error != null) {
                answer.completeExceptionally(error);
            } else {
                live.mailbox.put(new Page(tasks));
            }
        });
    }

    private final class Page implements Command {
        private final List<Task> tasks;

        Page(List<Task> tasks) {
            this.tasks = tasks;
        }

        @Override
        public void decide(Transaction tx) {
            if (tasks.isEmpty()) {
                tx.add(new Change.BatchDeleted(id));
                live.batchCallbacks.deleted(tx, id);
            }
            for (Task task : tasks) {
                // A sequence is its own for ever, and a done task stays done: H2 has the last of it.
                if (id.equals(task.spec().batch()) && task.done()) {
                    tx.delete(task.id());
                }
            }
            tx.after(() -> {
                for (Task task : tasks) {
                    live.memory.delete(task);
                }
                if (tasks.isEmpty()) {
                    answer.complete(true);
                } else {
                    next(tasks.getLast().id().sequence());
                }
            });
        }

        @Override
        public void refused(RuntimeException reason) {
            answer.completeExceptionally(reason);
        }
    }
}
