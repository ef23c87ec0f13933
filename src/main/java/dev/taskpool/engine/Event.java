package dev.taskpool.engine;

import dev.taskpool.model.Task;
import dev.taskpool.store.Change;
import java.util.List;
import java.util.Locale;

/**
 * What a durable change means to those who follow it. The same change always gives the same events, so that a place in the
 * journal and a number name one of them for ever.
 */
public sealed interface Event {
    /**
     * A task moved on.
     *
     * @param task what it became
     * @param revision of the task, by which later events of it are told from earlier ones
     */
    record OfTask(Kind kind, Task task, long revision) implements Event {
        OfTask(Kind kind, Task task) {
            this(kind, task, task.revision());
        }
    }

    /**
     * A pool was made or changed.
     *
     * @param state of the pool, or {@code DELETED}
     */
    record OfPool(String name, String state) implements Event {}

    /** How a task moved on. */
    enum Kind {
        /** It is durable. */
        ACCEPTED,
        /** A run began. */
        RUNNING,
        /** A running task was asked to stop. */
        CANCEL_REQUESTED,
        /** A run did not settle it: it is PENDING again. */
        RETRY,
        /** Its delay is over. */
        READY,
        /** It succeeded, failed or was cancelled. */
        DONE;

        /** Returns the name that clients see. */
        public String word() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** Returns what a change means, in order: two events at most. */
    public static List<Event> of(Change change) {
        return switch (change) {
            case Change.TaskCreated(Task task) -> created(task);
            case Change.TaskChanged(Task task, boolean ran) -> changed(task, ran);
            case Change.PoolSaved(Change.StoredPool pool) ->
                List.of(new OfPool(pool.name(), pool.state().name()));
            case Change.PoolDeleted(String name) -> List.of(new OfPool(name, "DELETED"));
            default -> List.of();
        };
    }

    private static List<Event> created(Task task) {
        if (task.revision() == 1) {
            return List.of(new OfTask(Kind.ACCEPTED, task));
        }
        return List.of(new OfTask(Kind.ACCEPTED, TaskStory.accepted(task), 1), new OfTask(kind(task), task));
    }

    private static List<Event> changed(Task task, boolean ran) {
        OfTask last = new OfTask(kind(task), task);
        return ran
                ? List.of(new OfTask(Kind.RUNNING, TaskStory.running(task), task.revision() - 1), last)
                : List.of(last);
    }

    /** Returns how a task came to where it is, by its last change. */
    public static Kind kind(Task task) {
        return switch (task.state()) {
            case PENDING -> task.notBefore() == 0 && !task.front() ? Kind.READY : Kind.RETRY;
            case RUNNING -> task.cancelRequestedAt() > 0 ? Kind.CANCEL_REQUESTED : Kind.RUNNING;
            case SUCCEEDED, FAILED, CANCELLED -> Kind.DONE;
        };
    }
}
