package dev.taskpool.engine;

import dev.taskpool.model.Batch;
import dev.taskpool.model.Task;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What became of a submission.
 *
 * @param tasks as they are now, in the order submitted
 * @param batch the batch, where it was one, as it was when they were accepted
 * @param replayed whether an earlier request with the same key made them
 * @param refusals those that were not accepted, where the others were
 */
public record Accepted(List<Task> tasks, @Nullable Batch batch, boolean replayed, List<Refusal> refusals) {}
