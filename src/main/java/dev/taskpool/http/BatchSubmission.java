package dev.taskpool.http;

import dev.taskpool.engine.Grouping;
import dev.taskpool.engine.Placed;
import dev.taskpool.engine.Refusal;
import dev.taskpool.model.IdempotencyKey;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a batch asks for.
 *
 * @param items those that can be done, as far as can be told before anybody asked their pools
 * @param refusals the others, where the batch may be accepted in part
 * @param key null where the request has none
 */
record BatchSubmission(
        List<Placed> items,
        List<Refusal> refusals,
        Grouping grouping,
        @Nullable IdempotencyKey key) {
    /** All that are refused, in their order. */
    List<Refusal> refusalsWith(List<Refusal> others) {
        List<Refusal> all = new ArrayList<>(refusals);
        all.addAll(others);
        all.sort(Comparator.comparingInt(Refusal::at));
        return all;
    }
}
