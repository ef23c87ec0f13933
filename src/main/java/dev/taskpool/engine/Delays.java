package dev.taskpool.engine;

import dev.taskpool.model.Task;
import dev.taskpool.model.TaskState;
import dev.taskpool.store.Store;

/** Delays and queue timeouts that only the database has: brings those to memory that come soon. Confined to the engine's thread. */
final class Delays {
    private static final int PAGE = 1_000;

    /** Where more is due the next look goes on: in between, memory can let go of what it does not need. */
    private static final int PAGES_PER_LOOK = 20;

    private final Live live;

    /** Where the last look ended. */
    private long dueAfter;

    private long dueAfterSequence;
    private int pages;

    private boolean reading;

    Delays(Live live) {
        this.live = live;
    }

    /** Looks for those that come soon, unless a look is under way. */
    void look() {
        pages = 0;
        nextPage();
    }

    private void nextPage() {
        if (reading || live.suspended()) {
            return;
        }
        reading = true;
        long read = live.memory.reads.begin();
        long until = live.ticker.millis() + (live.memory.delayed.isFull() ? 0 : Memory.HORIZON_MILLIS);
        live.store
                .due(dueAfter, dueAfterSequence, until, PAGE)
                .whenComplete((page, error) -> live.mailbox.put(tx -> {
                    reading = false;
                    if (page != null && error == null) {
                        cameDue(tx, page);
                    }
                    live.memory.reads.end(read);
                    if (page != null && !page.complete() && ++pages < PAGES_PER_LOOK) {
                        nextPage();
                    }
                }));
    }

    private void cameDue(Transaction tx, Store.Page page) {
        long now = live.ticker.millis();
        for (Task stored : page.tasks()) {
            if (stored.lookAt() <= now || !live.memory.delayed.isFull()) {
                lookAt(tx, stored);
            }
            // As the database has it: memory may be further on.
            if (stored.lookAt() >= dueAfter) {
                dueAfter = stored.lookAt();
                dueAfterSequence = stored.id().sequence();
            }
        }
        if (page.complete()) {
            // From the beginning again: earlier ones may have come since.
            dueAfter = 0;
            dueAfterSequence = 0;
        }
    }

    private void lookAt(Transaction tx, Task stored) {
        Cell cell = live.memory.resident(stored);
        Task task = cell == null ? stored : tx.latest(cell);
        if (cell != null && task.state() == TaskState.PENDING && cell.run() == null && cell.wakeTimer == null) {
            if (cell.window == null) {
                live.memory.delayed.enter(cell, task);
            }
            live.wakeAt(cell, task.lookAt());
        }
    }
}
