package dev.taskpool.engine;

import dev.taskpool.model.TaskId;
import dev.taskpool.pool.Run;
import org.jspecify.annotations.Nullable;

/**
 * A running task waits for other tasks: for so long its slot is its pool's to use, so that what it waits for can run there. Without
 * that, tasks that submit to their own full pool and wait would wait for each other. When the wait is over, the pool starts nothing
 * until it is back at its size. Confined to the engine's thread.
 */
final class Loan {
    private final Live live;
    private final TaskId id;
    private @Nullable Run run;

    /** @param id of the task that waits */
    Loan(Live live, TaskId id) {
        this.live = live;
        this.id = id;
    }

    void begin(Transaction tx) {
        Cell cell = cell();
        Run present = cell == null ? null : cell.run();
        if (cell == null || present == null) {
            return; // it does not run, so it has no slot to lend
        }
        run = present;
        if (cell.loans++ == 0) {
            LivePool pool = live.pool(cell.task());
            pool.lent++;
            live.dispatch(tx, pool);
        }
    }

    void end() {
        Cell cell = cell();
        // Where the run has ended, so has what it lent.
        if (cell != null && run != null && cell.run() == run && --cell.loans == 0) {
            live.pool(cell.task()).lent--;
        }
    }

    private @Nullable Cell cell() {
        Cell cell = live.memory.cells.get(id.sequence());
        return cell != null && cell.task().id().equals(id) ? cell : null;
    }
}
