package dev.taskpool.store;

import dev.taskpool.model.Batch;
import dev.taskpool.model.BatchId;
import dev.taskpool.model.Callbacks;
import dev.taskpool.model.Task;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/** The changes that the journal has and H2 has not, in order. What a change leaves out comes from an earlier frame or H2. */
final class Replay {
    private final LongFunction<Optional<Task>> stored;
    private final Function<BatchId, Optional<Batch>> storedBatch;
    private final Map<Long, Task> latest = new HashMap<>();
    private final Map<Long, Callbacks> callbacks = new HashMap<>();
    private final List<Change> changes = new ArrayList<>();
    private long lastFrame;

    Replay(LongFunction<Optional<Task>> stored, Function<BatchId, Optional<Batch>> storedBatch) {
        this.stored = stored;
        this.storedBatch = storedBatch;
    }

    void frame(long sequence, ByteBuffer payload) {
        Bytes.Reader in = new Bytes.Reader(payload);
        while (in.more()) {
            Change change = Codec.read(in, id -> task(id.sequence()));
            switch (change) {
                case Change.TaskCreated(Task task) -> latest.put(task.id().sequence(), task);
                case Change.TaskChanged(Task task, boolean _) ->
                    latest.put(task.id().sequence(), task);
                case Change.CallbacksBegun(Task task) -> latest.put(task.id().sequence(), task);
                case Change.CallbacksChanged(Task task) -> latest.put(task.id().sequence(), task);
                case Change.BatchSaved(Batch batch) -> callbacks.put(batch.id().sequence(), batch.callbacks());
                case Change.BatchCounted(Batch batch) -> change = new Change.BatchCounted(whole(batch));
                case null, default -> {}
            }
            // A change of a task that the cleaner has forgotten since has nothing to change.
            if (change != null) {
                changes.add(change);
            }
        }
        lastFrame = sequence;
    }

    private Batch whole(Batch counted) {
        return counted.with(callbacks.computeIfAbsent(
                counted.id().sequence(),
                k -> storedBatch.apply(counted.id()).map(Batch::callbacks).orElse(Callbacks.NONE)));
    }

    private @Nullable Task task(long sequence) {
        Task known = latest.get(sequence);
        if (known != null) {
            return known;
        }
        Optional<Task> task = stored.apply(sequence);
        task.ifPresent(t -> latest.put(sequence, t));
        return task.orElse(null);
    }

    List<Change> changes() {
        return changes;
    }

    /** Returns the number of the last frame, or 0 where there was none. */
    long lastFrame() {
        return lastFrame;
    }
}
