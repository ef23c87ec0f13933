package dev.taskpool.engine;

import dev.taskpool.model.BatchId;
import dev.taskpool.model.BatchRules;
import dev.taskpool.model.Callback;
import java.util.List;

/** What submissions have to do with each other. */
public sealed interface Grouping {
    /** Nothing: it is one. */
    record Alone() implements Grouping {}

    /**
     * They are a batch.
     *
     * @param owner name of the token that submits it
     * @param rules of the batch
     * @param callbacks who is to be told of its end
     * @param atomic whether all are accepted, or none
     * @param span positions, those that were refused before included
     * @param pointer JSON Pointer to a submission, up to its position; empty where they share what a problem is about
     */
    record AsBatch(
            String owner, BatchRules rules, List<Callback.Wish> callbacks, boolean atomic, int span, String pointer)
            implements Grouping {}

    /**
     * They are more of a batch that is open.
     *
     * @param batch that batch
     * @param from how many positions it has, or this is not what follows
     * @param span further positions, those that were refused before included
     * @param last whether no more come
     */
    record More(BatchId batch, long from, int span, boolean last) implements Grouping {}
}
