package dev.taskpool.engine;

import dev.taskpool.model.Batch;
import dev.taskpool.model.Task;

/** Is told what became durable, in order, by the engine's thread: must be quick and must not throw. */
public interface Observer {
    /** Watches nothing. */
    Observer NONE = new Observer() {};

    /** A task was accepted. */
    default void accepted(Task task) {}

    /** A run began. */
    default void started(Task task) {}

    /** A task is done. */
    default void done(Task task) {}

    /** A done task has another callback, or one is further on. */
    default void callbacksChanged(Task task) {}

    /** A batch is done and has callbacks, or a callback of one that is done is new or further on. */
    default void callbacksChanged(Batch batch) {}

    /** A run ended and the task will run again. */
    default void retried(Task task) {}

    /** A pool is gone, and all its tasks were done before. */
    default void poolDeleted(String name) {}

    /** A batch of changes became durable. */
    default void committed(int changes, long nanos) {}

    /** A worker spoke of a run that is over: its word was dropped. */
    default void lateWord() {}

    /** Tells two observers. */
    static Observer both(Observer first, Observer second) {
        return new Observer() {
            @Override
            public void accepted(Task task) {
                first.accepted(task);
                second.accepted(task);
            }

            @Override
            public void started(Task task) {
                first.started(task);
                second.started(task);
            }

            @Override
            public void done(Task task) {
                first.done(task);
                second.done(task);
            }

            @Override
            public void callbacksChanged(Task task) {
                first.callbacksChanged(task);
                second.callbacksChanged(task);
            }

            @Override
            public void callbacksChanged(Batch batch) {
                first.callbacksChanged(batch);
                second.callbacksChanged(batch);
            }

            @Override
            public void retried(Task task) {
                first.retried(task);
                second.retried(task);
            }

            @Override
            public void poolDeleted(String name) {
                first.poolDeleted(name);
                second.poolDeleted(name);
            }

            @Override
            public void committed(int changes, long nanos) {
                first.committed(changes, nanos);
                second.committed(changes, nanos);
            }

            @Override
            public void lateWord() {
                first.lateWord();
                second.lateWord();
            }
        };
    }
}
