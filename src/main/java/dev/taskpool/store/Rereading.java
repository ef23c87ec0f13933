package dev.taskpool.store;

import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import dev.taskpool.model.TaskSpec;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Frames of the journal as changes again. The journal has a task's spec once, with its creation: of other tasks it is asked
 * for, for all of a frame at once. For one thread.
 */
final class Rereading {
    private static final int MAX_KNOWN = 10_000;

    private final Function<Set<TaskId>, Map<TaskId, TaskSpec>> specs;
    private final Store.Reread to;

    /** Without what can be large. */
    private final Map<TaskId, TaskSpec> known = new LinkedHashMap<>(256, 0.75f, true) {
        private static final long serialVersionUID = 1;

        @Override
        protected boolean removeEldestEntry(Map.Entry<TaskId, TaskSpec> eldest) {
            return size() > MAX_KNOWN;
        }
    };

    Rereading(Function<Set<TaskId>, Map<TaskId, TaskSpec>> specs, Store.Reread to) {
        this.specs = specs;
        this.to = to;
    }

    void frame(long sequence, ByteBuffer payload) throws IOException {
        Set<TaskId> unknown = new LinkedHashSet<>();
        List<@Nullable Change> changes = decoded(payload, unknown);
        if (!unknown.isEmpty()) {
            known.putAll(specs.apply(unknown));
            changes = decoded(payload, new LinkedHashSet<>());
        }
        for (int i = 0; i < changes.size(); i++) {
            Change change = changes.get(i);
            if (change != null) {
                to.change(sequence, i, change);
            }
        }
    }

    /** @param unknown gets the tasks whose spec is missing; their changes are null */
    private List<@Nullable Change> decoded(ByteBuffer payload, Set<TaskId> unknown) {
        Bytes.Reader in = new Bytes.Reader(payload.duplicate());
        List<@Nullable Change> changes = new ArrayList<>();
        while (in.more()) {
            Change change = Codec.read(in, id -> {
                TaskSpec spec = known.get(id);
                if (spec == null) {
                    unknown.add(id);
                }
                // Of what is known of it, only this is asked for: what became of callbacks is no event.
                return spec == null ? null : Task.accepted(id, spec, 0, 0);
            });
            if (change instanceof Change.TaskCreated(var task)) {
                known.put(task.id(), Codec.brief(task).spec());
            }
            changes.add(change);
        }
        return changes;
    }
}
