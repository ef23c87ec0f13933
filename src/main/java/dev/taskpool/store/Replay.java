package dev.taskpool.store;

import dev.taskpool.model.Batch;
import dev.taskpool.model.BatchId;
import dev.taskpool.model.Callbacks;
import dev.taskpool.model.Task;
import java.nio.ByteBuffer;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Brings H2 up to the end of the journal, in pieces: the journal may have more than fits into memory. What a change leaves out comes
 * from an earlier frame of its piece, or from H2.
 */
final class Replay {
    /** How much is put together before it is written. */
    private static final long MOST = Applier.MAX_WEIGHT / 2;

    private final LongFunction<Optional<Task>> stored;
    private final Function<BatchId, Optional<Batch>> storedBatch;
    private final Map<Long, Task> latest = new HashMap<>();
    private final Map<Long, Callbacks> callbacks = new HashMap<>();
    private final H2Writer writer;
    private Pending piece = new Pending();
    private long changes;
    private long lastFrame;

    Replay(LongFunction<Optional<Task>> stored, Function<BatchId, Optional<Batch>> storedBatch, H2Writer writer) {
        this.stored = stored;
        this.storedBatch = storedBatch;
        this.writer = writer;
    }

    /** @throws StorageException where H2 cannot be written */
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
                piece.add(change);
                changes++;
            }
        }
        piece.reached(sequence);
        lastFrame = sequence;
        if (piece.weight() > MOST) {
            write();
        }
    }

    private void write() {
        try {
            writer.apply(piece);
        } catch (SQLException e) {
            throw new StorageException("the database cannot be written", e);
        }
        piece = new Pending();
        latest.clear();
        callbacks.clear();
    }

    /** Writes what is left, and makes all of it survive without the journal. */
    void finish() {
        if (lastFrame == 0) {
            return;
        }
        if (!piece.isEmpty()) {
            write();
        }
        try {
            writer.checkpoint();
        } catch (SQLException e) {
            throw new StorageException("the database cannot be written", e);
        }
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

    /** Returns how many changes there were. */
    long changes() {
        return changes;
    }

    /** Returns the number of the last frame, or 0 where there was none. */
    long lastFrame() {
        return lastFrame;
    }
}
