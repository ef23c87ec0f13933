package dev.taskpool.store;

import dev.taskpool.model.BatchId;
import dev.taskpool.model.TaskState;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Which tasks to list, newest first.
 *
 * @param states any of these; empty is any
 * @param pool of this pool, or null
 * @param callable of this callable, or null
 * @param batch of this batch, or null
 * @param labels with all of these
 * @param createdAfter Unix milliseconds, at or after; 0 is any
 * @param before only sequences below this
 * @param limit at most this many
 */
public record TaskQuery(
        Set<TaskState> states,
        @Nullable String pool,
        @Nullable String callable,
        @Nullable BatchId batch,
        Map<String, String> labels,
        long createdAfter,
        long before,
        int limit) {}
