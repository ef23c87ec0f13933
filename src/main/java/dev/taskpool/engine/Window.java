package dev.taskpool.engine;

import dev.taskpool.model.HeapShare;
import dev.taskpool.model.Task;
import org.jspecify.annotations.Nullable;

/**
 * What pending tasks that are in memory take of it. Those for which there is no room are in the database only, until it is
 * their turn. Confined to the engine's thread.
 */
final class Window {
    private final @Nullable Window whole;
    private final long most;
    private long bytes;

    /** @param useful bytes that make sense where there is memory enough */
    Window(long useful) {
        this.whole = null;
        this.most = HeapShare.of(useful);
    }

    /** A part, which counts in the whole. */
    Window(Window whole) {
        this.whole = whole;
        this.most = whole.most;
    }

    /** A task stays in memory, as it is now; it leaves the window in which it was. */
    void enter(Cell cell, Task task) {
        leave(cell);
        cell.window = this;
        cell.windowWeight = task.weight();
        add(cell.windowWeight);
    }

    /** A task does not wait in memory any more. */
    static void leave(Cell cell) {
        Window from = cell.window;
        if (from != null) {
            from.add(-cell.windowWeight);
            cell.window = null;
        }
    }

    private void add(long more) {
        bytes += more;
        if (whole != null) {
            whole.add(more);
        }
    }

    /** Returns how much is here. */
    long bytes() {
        return bytes;
    }

    /** Returns whether there is no room for more. */
    boolean isFull() {
        return bytes > most;
    }

    /** Returns whether so much is here that it is not worth the while to ask for more. */
    boolean isHalfFull() {
        return bytes > most / 2;
    }
}
