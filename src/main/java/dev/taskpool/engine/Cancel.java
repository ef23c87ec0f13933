package dev.taskpool.engine;

import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.Task;
import dev.taskpool.pool.Run;

/** A client takes a task back. */
final class Cancel extends Request<Task> {
    private final Live live;
    private final Cell cell;
    private final boolean interrupt;

    Cancel(Live live, Cell cell, boolean interrupt) {
        this.live = live;
        this.cell = cell;
        this.interrupt = interrupt;
    }

    @Override
    public void decide(Transaction tx) {
        Task task = tx.latest(cell);
        switch (task.state()) {
            case PENDING -> {
                if (cell.run() != null) {
                    // It runs, and the store is away since before that was durable.
                    throw Problem.retryable(
                            ProblemCode.STORAGE_UNAVAILABLE, "it has just started, and that cannot be written", 2);
                }
                cancelPending(live, tx, cell, task);
                tx.after(() -> answer.complete(cell.task()));
            }
            case RUNNING -> {
                if (!interrupt) {
                    throw Problem.ofTask(ProblemCode.TASK_RUNNING, "it runs; interrupt=true stops it as well", task);
                }
                if (task.cancelRequestedAt() == 0) {
                    tx.change(cell, task.cancelRequested(live.ticker.millis()));
                }
                LivePool pool = live.pool(task);
                tx.after(() -> {
                    // Not before: it may have been started by this very transaction, and has its run only now.
                    Run run = cell.run();
                    if (run != null) {
                        live.stop(pool, cell, run, StopReason.CANCEL);
                    }
                    answer.complete(cell.task());
                });
            }
            // Again is no mistake (semantics F4).
            case CANCELLED -> tx.after(() -> answer.complete(cell.task()));
            case SUCCEEDED, FAILED ->
                throw Problem.ofTask(
                        ProblemCode.TASK_DONE,
                        "task " + task.id() + " is " + task.state() + ": it ended before it could be cancelled",
                        task);
        }
    }

    /** PENDING → CANCELLED. */
    static void cancelPending(Live live, Transaction tx, Cell cell, Task task) {
        live.endPending(tx, cell, live.verdict.cancelled(task, live.ids.micros()));
    }
}
