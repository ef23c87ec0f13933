package dev.taskpool.engine;

import dev.taskpool.model.Task;
import dev.taskpool.model.TaskState;

/** The delay of a pending task is over, or its time in the queue. */
record Wake(Live live, Cell cell) implements Command {
    @Override
    public void decide(Transaction tx) {
        Task task = tx.latest(cell);
        if (live.memory.cells.get(task.id().sequence()) != cell) {
            // It left memory just now; whoever brings it back looks at the time again.
            return;
        }
        if (task.state() != TaskState.PENDING || cell.run() != null) {
            return;
        }
        long now = live.ticker.millis();
        LivePool pool = live.pool(task);
        long deadline = task.queueDeadline();
        if (task.deadline() > 0 && task.deadline() <= now) {
            end(tx, pool, live.verdict.tooLate(task, live.ids.micros()));
        } else if (deadline > 0 && deadline <= now) {
            end(tx, pool, live.verdict.queueTimeout(task, live.ids.micros()));
        } else if (task.notBefore() > now) {
            live.wakeAt(cell, task.lookAt());
        } else if (task.notBefore() > 0) {
            // Ready from now on, and durably so: otherwise the database would go on holding it for delayed.
            tx.change(cell, task.ready());
        } else if (task.lookAt() > 0) {
            live.wakeAt(cell, task.lookAt());
        }
    }

    private void end(Transaction tx, LivePool pool, Task ended) {
        Task task = tx.latest(cell);
        if (task.notBefore() == 0) {
            live.backlog.leaveQueue(tx, pool, task);
        }
        live.addPending(tx, pool, -1);
        tx.change(cell, ended);
    }

    @Override
    public boolean fact() {
        return true;
    }
}
