package dev.taskpool.engine;

import dev.taskpool.model.Task;
import dev.taskpool.model.TaskState;
import dev.taskpool.pool.Ending;
import dev.taskpool.pool.Run;

/** A run ended: its task gets its outcome or another attempt, and its worker gets the next task, in one transaction. */
record Ended(Live live, Cell cell, Run run, Ending ending) implements Command {
    @Override
    public void decide(Transaction tx) {
        Task task = tx.latest(cell);
        if (cell.run() != run || task.state() != TaskState.RUNNING) {
            // The first word counts: a late or second one is dropped (semantics F11).
            live.observer.lateWord();
            return;
        }
        LivePool pool = live.pool(task);
        long ranMillis = (live.ticker.nanos() - cell.startedNanos) / 1_000_000;
        StopReason stop = cell.stop;
        Task next = live.verdict.ended(task, ending, stop, ranMillis, live.ids.micros());
        cell.run(null);
        tx.undo(() -> cell.run(run));
        live.timers.cancel(cell.runTimer);
        cell.runTimer = null;
        live.timers.cancel(cell.deadlineTimer);
        cell.deadlineTimer = null;
        live.heeded(tx, pool, cell, run);
        live.addRunning(tx, pool, -1);
        int loans = cell.loans;
        if (loans > 0) {
            cell.loans = 0;
            pool.lent--;
            tx.undo(() -> {
                cell.loans = loans;
                pool.lent++;
            });
        }
        if (next.state() == TaskState.PENDING) {
            live.addPending(tx, pool, 1);
        }
        pool.ran(ranMillis);
        tx.change(cell, next);
        live.dispatch(tx, pool);
    }

    @Override
    public boolean fact() {
        return true;
    }
}
