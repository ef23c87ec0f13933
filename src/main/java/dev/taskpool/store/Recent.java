package dev.taskpool.store;

import dev.taskpool.model.Batch;
import dev.taskpool.model.BatchId;
import dev.taskpool.model.BatchPart;
import dev.taskpool.model.TaskId;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What was committed and is not behind a checkpoint of H2, as far as it spares reads the wait for H2: which tasks were deleted, and
 * what is new of batches. Who reads looks here first and into H2 then, so that nothing is missed that moves on in between. Added to
 * by the writer, taken from by the applier, read by all.
 */
final class Recent {
    private final Set<Long> deleted = ConcurrentHashMap.newKeySet();

    private final Map<Long, Batch> batches = new ConcurrentHashMap<>();
    private final Set<Long> deletedBatches = ConcurrentHashMap.newKeySet();

    /** By the sequence of their batch. */
    private final Map<Long, List<BatchPart>> parts = new ConcurrentHashMap<>();

    void add(Change change) {
        if (change instanceof Change.TaskDeleted(TaskId id)) {
            deleted.add(id.sequence());
        } else if (change instanceof Change.BatchSaved(Batch batch)) {
            batches.put(batch.id().sequence(), batch);
        } else if (change instanceof Change.BatchCounted(Batch batch)) {
            batches.put(batch.id().sequence(), batch);
        } else if (change instanceof Change.BatchDeleted(BatchId id)) {
            deletedBatches.add(id.sequence());
            batches.remove(id.sequence());
            parts.remove(id.sequence());
        } else if (change instanceof Change.PartAdded(BatchPart part)) {
            parts.merge(part.batch().sequence(), List.of(part), (before, more) -> {
                List<BatchPart> all = new ArrayList<>(before);
                all.addAll(more);
                return List.copyOf(all);
            });
        }
    }

    /** These are behind a checkpoint. What has changed since stays. */
    void settled(Collection<TaskId> gone, Map<Long, Optional<Batch>> saved, Collection<BatchPart> added) {
        gone.forEach(id -> deleted.remove(id.sequence()));
        saved.forEach((sequence, batch) ->
                batch.ifPresentOrElse(b -> batches.remove(sequence, b), () -> deletedBatches.remove(sequence)));
        added.stream()
                .collect(Collectors.groupingBy(part -> part.batch().sequence(), Collectors.toSet()))
                .forEach((batch, old) -> parts.computeIfPresent(batch, (sequence, all) -> {
                    List<BatchPart> left =
                            all.stream().filter(part -> !old.contains(part)).toList();
                    return left.isEmpty() ? null : left;
                }));
    }

    /** Returns whether a task was deleted, and H2 may not know yet. */
    boolean deleted(long sequence) {
        return deleted.contains(sequence);
    }

    /** As {@link #deleted(long)}, those of a range. */
    Set<Long> deleted(long from, long to) {
        return deleted.stream().filter(s -> s >= from && s <= to).collect(Collectors.toSet());
    }

    /** As {@link #deleted(long)}, of a batch. */
    boolean deleted(BatchId batch) {
        return deletedBatches.contains(batch.sequence());
    }

    /** Returns a batch as H2 may not have it yet, or null. */
    @Nullable
    Batch batch(BatchId id) {
        Batch known = batches.get(id.sequence());
        return known != null && known.id().equals(id) ? known : null;
    }

    /** Returns parts of a batch that H2 may not have yet, in no order. */
    List<BatchPart> parts(BatchId batch) {
        return parts.getOrDefault(batch.sequence(), List.of());
    }
}
