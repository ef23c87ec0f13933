package dev.taskpool.engine;

import dev.taskpool.model.Task;
import dev.taskpool.pool.Run;
import org.jspecify.annotations.Nullable;

/** A task that is in memory: live, waiting in the window of its queue, or not yet in H2. */
final class Cell {
    /** The last durable revision. Written by the engine's thread, read by all. */
    private volatile Task task;

    /** The run under way. Written by the engine's thread, read by all (progress). */
    private volatile @Nullable Run run;

    // Confined to the engine's thread.
    @Nullable
    StopReason stop;

    /** Whether a change of the task was decided and is not durable yet: it must not leave memory. */
    boolean changing;

    Timers.@Nullable Timer runTimer;

    /** Stops the run when the task was to be done. */
    Timers.@Nullable Timer deadlineTimer;

    Timers.@Nullable Timer wakeTimer;
    /** When it is seen whether the run heeds its interrupt. */
    Timers.@Nullable Timer heedTimer;

    /** Whether it is to leave memory when reads that were under way are over. */
    boolean leaving;

    /** How often that was asked for: what was asked for last counts. */
    int leaves;

    /** Where it counts while it is pending and in memory. Kept by {@link Window}. */
    @Nullable
    Window window;

    /** What it counts for there. */
    int windowWeight;

    long startedNanos;
    /** Waits for other tasks that its run has open. */
    int loans;

    long appliedRevision;

    Cell(Task task) {
        this.task = task;
    }

    Task task() {
        return task;
    }

    void task(Task next) {
        task = next;
    }

    @Nullable
    Run run() {
        return run;
    }

    void run(@Nullable Run next) {
        run = next;
    }
}
