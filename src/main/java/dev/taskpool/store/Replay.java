package dev.taskpool.store;

import dev.taskpool.model.Task;
import dev.taskpool.model.TaskSpec;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/** The changes that the journal has and H2 has not, in order. A changed task's spec comes from an earlier frame or H2. */
final class Replay {
    private final LongFunction<Optional<Task>> stored;
    private final Map<Long, TaskSpec> created = new HashMap<>();
    private final List<Change> changes = new ArrayList<>();
    private long lastFrame;

    Replay(LongFunction<Optional<Task>> stored) {
        this.stored = stored;
    }

    void frame(long sequence, ByteBuffer payload) {
        Bytes.Reader in = new Bytes.Reader(payload);
        while (in.more()) {
            Change change = Codec.read(in, id -> spec(id.sequence()));
            if (change instanceof Change.TaskCreated(Task task)) {
                created.put(task.id().sequence(), task.spec());
            }
            // A change of a task that the cleaner has forgotten since has nothing to change.
            if (change != null) {
                changes.add(change);
            }
        }
        lastFrame = sequence;
    }

    private @Nullable TaskSpec spec(long sequence) {
        TaskSpec spec = created.get(sequence);
        if (spec != null) {
            return spec;
        }
        Optional<Task> task = stored.apply(sequence);
        task.ifPresent(t -> created.put(sequence, t.spec()));
        return task.map(Task::spec).orElse(null);
    }

    List<Change> changes() {
        return changes;
    }

    /** Returns the number of the last frame, or 0 where there was none. */
    long lastFrame() {
        return lastFrame;
    }
}
