package dev.taskpool.engine;

import dev.taskpool.model.Batch;
import dev.taskpool.model.Task;

/** Watches a batch. Told by the engine's thread, once it is durable, in the order in which tasks end: must be quick. */
public interface BatchWatcher {
    /** A task of the batch is done. */
    default void done(Task task) {}

    /** The batch has other counts, or takes no more tasks. Comes behind those of its tasks that are done. */
    default void moved(Batch now) {}
}
