package dev.taskpool.store;

import dev.taskpool.model.Batch;
import dev.taskpool.model.BatchId;
import dev.taskpool.model.BatchPart;
import dev.taskpool.model.Breakage;
import dev.taskpool.model.PoolSettings;
import dev.taskpool.model.PoolState;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import org.jspecify.annotations.Nullable;

/** One thing that becomes durable. A batch of changes becomes durable as a whole. */
public sealed interface Change {
    /** A task was accepted; it may be further on already. */
    record TaskCreated(Task task) implements Change {}

    /**
     * A task is at a later revision.
     *
     * @param ran whether it ran in between: its start became durable with what came of it
     */
    record TaskChanged(Task task, boolean ran) implements Change {
        /** One that did not, or still runs. */
        public TaskChanged(Task task) {
            this(task, false);
        }
    }

    /** A done task has callbacks, and had none before. */
    record CallbacksBegun(Task task) implements Change {}

    /** A done task is at a later revision, of which only the callbacks are new. */
    record CallbacksChanged(Task task) implements Change {}

    /** A done task is forgotten. */
    record TaskDeleted(TaskId id) implements Change {}

    /** A batch was accepted, or its callbacks changed, and maybe its counts; what its tasks did follows. */
    record BatchSaved(Batch batch) implements Change {}

    /** What has become of the tasks of a batch changed, and its callbacks did not; the tasks' own changes follow. */
    record BatchCounted(Batch batch) implements Change {}

    /** Tasks of a batch were accepted; their own changes follow. */
    record PartAdded(BatchPart part) implements Change {}

    /** A batch is forgotten. Its tasks are on their own. */
    record BatchDeleted(BatchId id) implements Change {}

    /** A pool was made or changed over the API, or its state changed. */
    record PoolSaved(StoredPool pool) implements Change {}

    /** A pool was deleted. */
    record PoolDeleted(String name) implements Change {}

    /**
     * A pool as the store keeps it.
     *
     * @param name its name
     * @param settings as they were last asked for
     * @param state what it does
     * @param byApi whether a client made it, not the configuration
     * @param brokenBy why it is BROKEN; null where it is not
     */
    record StoredPool(
            String name,
            PoolSettings settings,
            PoolState state,
            boolean byApi,
            @Nullable Breakage brokenBy) {

        /** One that is not broken. */
        public StoredPool(String name, PoolSettings settings, PoolState state, boolean byApi) {
            this(name, settings, state, byApi, null);
        }
    }
}
