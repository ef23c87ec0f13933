package dev.taskpool.engine;

import dev.taskpool.model.Task;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Some positions of a batch, in their order.
 *
 * @param positions one after the other, without a gap
 * @param next the index behind the last
 * @param taken how many positions the batch had when asked for
 */
public record BatchPage(List<Position> positions, long next, long taken) {
    /**
     * A position.
     *
     * @param index from 0
     * @param task what is there, with all it has; null where there is no task
     * @param refused where there is none, whether there never was one
     */
    public record Position(long index, @Nullable Task task, boolean refused) {}
}
