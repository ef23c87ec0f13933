package dev.taskpool.engine;

import dev.taskpool.model.Batch;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import dev.taskpool.model.TaskState;
import dev.taskpool.store.Change;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What the engine's thread decided and has not made durable yet. Tasks are shown as they were until it is; counters and
 * queues move at once and are moved back if it fails. Confined to the engine's thread.
 */
final class Transaction {
    private final List<Change> changes = new ArrayList<>();
    private final Map<Cell, Integer> positions = new HashMap<>();
    private final List<Step> steps = new ArrayList<>();
    private final Map<Long, Batch> batches = new LinkedHashMap<>();
    /** Batches of which nothing but the counts is new. */
    private final Set<Long> counted = new HashSet<>();

    private final Set<Long> deleted = new HashSet<>();
    private final List<Runnable> after = new ArrayList<>();
    private final List<Runnable> undo = new ArrayList<>();
    private long weight;

    /**
     * A task's way through this transaction.
     *
     * @param before the durable revision before it; null where the task is new
     * @param after the revision behind it
     */
    record Step(Cell cell, @Nullable Task before, Task after) {
        private Change change() {
            if (before == null) {
                return new Change.TaskCreated(after);
            }
            if (!before.done()) {
                return new Change.TaskChanged(after, ran(before));
            }
            // A done task changes in its callbacks only, and these are kept apart from its outcome, once there are any.
            return before.callbacks().isEmpty() ? new Change.CallbacksBegun(after) : new Change.CallbacksChanged(after);
        }

        /** Whether a run began and ended in this transaction. */
        private boolean ran(Task from) {
            return from.state() == TaskState.PENDING
                    && after.revision() - from.revision() >= 2
                    && after.state() != TaskState.RUNNING
                    && (after.startedAt() > 0 || after.state() == TaskState.PENDING);
        }
    }

    /** Returns the newest revision that was decided. */
    Task latest(Cell cell) {
        Integer at = positions.get(cell);
        return at == null ? cell.task() : steps.get(at).after;
    }

    /** Adds a new task. It may be changed further before it is durable. */
    void create(Cell cell, Task task) {
        cell.changing = true;
        positions.put(cell, steps.size());
        steps.add(new Step(cell, null, task));
        weight += task.weight();
    }

    /** Returns about how many bytes it will write. */
    long weight() {
        return weight;
    }

    /** Moves a task on. */
    void change(Cell cell, Task next) {
        weight += next.weight() - next.spec().weight();
        Integer at = positions.get(cell);
        cell.changing = true;
        if (at == null) {
            positions.put(cell, steps.size());
            steps.add(new Step(cell, cell.task(), next));
        } else {
            steps.set(at, new Step(cell, steps.get(at).before, next));
        }
    }

    /** Forgets a done task. */
    void delete(TaskId id) {
        deleted.add(id.sequence());
        changes.add(new Change.TaskDeleted(id));
    }

    /** Returns whether a task was deleted in this transaction. */
    boolean deletes(TaskId id) {
        return deleted.contains(id.sequence());
    }

    /** Adds a change that is not a task's. It goes before all tasks. */
    void add(Change change) {
        changes.add(change);
        weight += change instanceof Change.BatchSaved(Batch batch) ? batch.weight() : 64;
    }

    /** Makes a batch, or moves it on; its counts follow from its tasks by themselves. */
    void batch(Batch batch) {
        if (batches.put(batch.id().sequence(), batch) == null) {
            weight += batch.weight();
        }
    }

    /** Moves a batch on of which nothing but the counts is new. */
    void counted(Batch batch) {
        batch(batch);
        counted.add(batch.id().sequence());
    }

    /** Returns the newest record of a batch that was decided, or null where it was not touched. */
    @Nullable
    Batch batch(long sequence) {
        return batches.get(sequence);
    }

    /** Returns all batches that it touches. */
    Collection<Batch> batches() {
        return batches.values();
    }

    /** Adds what happens once all is durable, in order, after the tasks were moved on. */
    void after(Runnable action) {
        after.add(action);
    }

    /** Adds what takes back a move of the engine's own state, should this fail. */
    void undo(Runnable action) {
        undo.add(action);
    }

    /** Returns all changes, in the order in which they become durable. */
    List<Change> changes() {
        List<Change> all = new ArrayList<>(batches.size() + changes.size() + steps.size());
        for (Batch batch : batches.values()) {
            all.add(
                    counted.contains(batch.id().sequence())
                            ? new Change.BatchCounted(batch)
                            : new Change.BatchSaved(batch));
        }
        all.addAll(changes);
        for (Step step : steps) {
            all.add(step.change());
        }
        return all;
    }

    boolean needsCommit() {
        return !changes.isEmpty() || !steps.isEmpty() || !batches.isEmpty();
    }

    List<Step> steps() {
        return steps;
    }

    List<Runnable> after() {
        return after;
    }

    void rollback() {
        steps.forEach(step -> step.cell.changing = false);
        for (int i = undo.size() - 1; i >= 0; i--) {
            undo.get(i).run();
        }
    }
}
