package dev.taskpool.store;

import dev.taskpool.model.Batch;
import dev.taskpool.model.BatchId;
import dev.taskpool.model.BatchPart;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Changes that are durable and that H2 does not have, put together: one for each task, batch and pool. Not safe for several threads. */
final class Pending {
    private static final int SMALL = 64;

    /**
     * What one task has come to since H2 last saw it.
     *
     * @param callbacksOnly whether nothing but its callbacks is new
     */
    record Latest(
            boolean created,
            boolean callbacksOnly,
            @Nullable Task task,
            @Nullable TaskId deleted) {

        private static Latest of(@Nullable Latest before, boolean callbacksOnly, Task task) {
            if (before != null && before.deleted != null) {
                return before; // what was decided on it together with its deletion
            }
            return new Latest(
                    before != null && before.created,
                    callbacksOnly && (before == null || before.callbacksOnly),
                    task,
                    null);
        }

        private static int weight(@Nullable Latest latest) {
            return latest == null ? 0 : latest.task == null ? SMALL : SMALL + latest.task.weight();
        }
    }

    final Map<Long, Latest> tasks = new LinkedHashMap<>();

    /** Created and deleted before H2 saw them. */
    private final Map<Long, TaskId> neverSeen = new LinkedHashMap<>();

    /** By sequence: as they are now, or nothing where they are gone. */
    final Map<Long, Optional<Batch>> batches = new LinkedHashMap<>();

    /** Of them, those whose callbacks are new. */
    final Set<Long> called = new HashSet<>();

    final List<BatchPart> parts = new ArrayList<>();
    /** By name: as they are now, or nothing where they are gone. */
    final Map<String, Optional<Change.StoredPool>> pools = new LinkedHashMap<>();

    private long lastFrame;
    private long weight;

    boolean isEmpty() {
        return lastFrame == 0;
    }

    /** Returns the last frame of which it has the changes, or 0. */
    long lastFrame() {
        return lastFrame;
    }

    /** Returns about how many bytes it keeps in memory. */
    long weight() {
        return weight;
    }

    /** Returns the ids of the tasks that are gone. */
    List<TaskId> forgotten() {
        List<TaskId> ids = new ArrayList<>(neverSeen.values());
        tasks.values().forEach(latest -> {
            if (latest.deleted != null) {
                ids.add(latest.deleted);
            }
        });
        return ids;
    }

    /** All changes of a frame were added. */
    void reached(long frame) {
        lastFrame = Math.max(lastFrame, frame);
    }

    void add(Change change) {
        switch (change) {
            case Change.TaskCreated(Task task) -> put(task.id().sequence(), new Latest(true, false, task, null));
            case Change.TaskChanged(Task task, boolean _) -> changed(task, false);
            case Change.CallbacksBegun(Task task) -> changed(task, false);
            case Change.CallbacksChanged(Task task) -> changed(task, true);
            case Change.TaskDeleted(TaskId id) -> deleted(id);
            case Change.BatchSaved(Batch batch) -> {
                put(batch.id().sequence(), Optional.of(batch));
                called.add(batch.id().sequence());
            }
            case Change.BatchCounted(Batch batch) -> put(batch.id().sequence(), Optional.of(batch));
            case Change.PartAdded(BatchPart part) -> {
                parts.add(part);
                weight += SMALL;
            }
            case Change.BatchDeleted(BatchId id) -> put(id.sequence(), Optional.empty());
            case Change.PoolSaved(Change.StoredPool pool) -> put(pool.name(), Optional.of(pool));
            case Change.PoolDeleted(String name) -> put(name, Optional.empty());
        }
    }

    private void changed(Task task, boolean callbacksOnly) {
        long sequence = task.id().sequence();
        if (neverSeen.containsKey(sequence)) {
            return; // what was decided on it together with its deletion
        }
        put(sequence, Latest.of(tasks.get(sequence), callbacksOnly, task));
    }

    private void deleted(TaskId id) {
        Latest before = tasks.get(id.sequence());
        if (before != null && before.created) {
            weight += SMALL - Latest.weight(tasks.remove(id.sequence()));
            neverSeen.put(id.sequence(), id);
        } else {
            put(id.sequence(), new Latest(false, false, null, id));
        }
    }

    private void put(String name, Optional<Change.StoredPool> pool) {
        weight += pools.containsKey(name) ? 0 : SMALL;
        pools.put(name, pool);
    }

    private void put(long sequence, Latest latest) {
        weight += Latest.weight(latest) - Latest.weight(tasks.put(sequence, latest));
    }

    private void put(long sequence, Optional<Batch> batch) {
        Optional<Batch> before = batches.getOrDefault(sequence, Optional.empty());
        weight += batches.containsKey(sequence) ? 0 : SMALL;
        weight += batch.map(Batch::weight).orElse(0) - before.map(Batch::weight).orElse(0);
        batches.put(sequence, batch);
    }
}
