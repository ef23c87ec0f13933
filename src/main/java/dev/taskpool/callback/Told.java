package dev.taskpool.callback;

import dev.taskpool.model.Batch;
import dev.taskpool.model.Callback;
import dev.taskpool.model.CallbackSubject;
import dev.taskpool.model.Callbacks;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskState;
import java.util.Locale;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What a receiver is told of.
 *
 * @param source of the CloudEvent: where such things are
 * @param kind in the event's type
 * @param end how it ended; null where it has not
 * @param finishedAt when, in Unix milliseconds
 * @param json it in JSON
 */
record Told(
        CallbackSubject subject,
        Callbacks callbacks,
        String source,
        String kind,
        @Nullable TaskState end,
        long finishedAt,
        Supplier<byte[]> json) {

    static Told of(Task task, Supplier<byte[]> json) {
        return new Told(
                task.id(),
                task.callbacks(),
                "/v1/tasks",
                "task",
                task.done() ? task.state() : null,
                task.finishedAt(),
                json);
    }

    static Told of(Batch batch, Supplier<byte[]> json) {
        // One of which each position was refused has no last task.
        long finished = batch.finishedMicros() == 0 ? batch.createdAt() : batch.finishedMicros() / 1000;
        return new Told(batch.id(), batch.callbacks(), "/v1/batches", "batch", batch.end(), finished, json);
    }

    /** Returns the callback of a number, or null. */
    @Nullable
    Callback callback(int number) {
        return number <= callbacks.all().size() ? callbacks.all().get(number - 1) : null;
    }

    /** Returns the type of the CloudEvent. */
    String type() {
        return "dev.taskpool." + kind + "." + String.valueOf(end).toLowerCase(Locale.ROOT);
    }
}
