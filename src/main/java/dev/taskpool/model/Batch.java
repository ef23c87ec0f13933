package dev.taskpool.model;

import org.jspecify.annotations.Nullable;

/**
 * Tasks that were submitted together, and what has become of them. The counts are durable with the tasks that they count, so
 * they are exact after every crash; tasks that are deleted or past their retention are still counted.
 *
 * @param id the batch's id
 * @param owner name of the token that submitted it; empty where there are none
 * @param rules when it has succeeded, and when the rest is cancelled
 * @param createdAt Unix milliseconds
 * @param open whether more tasks may come: it is being streamed
 * @param taken positions given away: items of the submission, or lines that were read
 * @param refused positions of them that made no task
 * @param pending tasks that have not started
 * @param running tasks that run
 * @param succeeded tasks that are SUCCEEDED
 * @param failed tasks that are FAILED
 * @param cancelled tasks that are CANCELLED
 * @param finishedMicros when the last of those that are done became so, in Unix microseconds; 0 where none is
 * @param expiresAt when it is forgotten; 0 while tasks of it are not done
 * @param callbacks who is to be told of its end
 */
public record Batch(
        BatchId id,
        String owner,
        BatchRules rules,
        long createdAt,
        boolean open,
        long taken,
        long refused,
        long pending,
        long running,
        long succeeded,
        long failed,
        long cancelled,
        long finishedMicros,
        long expiresAt,
        Callbacks callbacks) {

    /** One without tasks. */
    public static Batch of(BatchId id, String owner, BatchRules rules, long now, boolean open) {
        return new Batch(id, owner, rules, now, open, 0, 0, 0, 0, 0, 0, 0, 0, 0, Callbacks.NONE);
    }

    /** Returns how many tasks it has or had. */
    public long size() {
        return pending + running + succeeded + failed + cancelled;
    }

    /** Returns whether all its tasks are done, and no more come. */
    public boolean done() {
        return !open && pending + running == 0;
    }

    /** Returns how many tasks have to succeed. */
    public long needed() {
        return rules.needed(size());
    }

    /** Returns what has become of it. */
    public BatchState state() {
        if (!done()) {
            return BatchState.RUNNING;
        }
        if (succeeded >= needed()) {
            return BatchState.SUCCEEDED;
        }
        return failed == 0 ? BatchState.CANCELLED : BatchState.FAILED;
    }

    /** Returns whether, by its rules, what is left of it is not wanted any more. */
    public boolean decided() {
        return switch (rules.cancelRestOn()) {
            case NEVER -> false;
            case FIRST_FAILURE -> failed > 0;
            case FIRST_SUCCESS -> succeeded > 0;
            case DECIDED ->
                (rules.successCount() > 0 && succeeded >= rules.successCount())
                        || (!open && succeeded + pending + running < needed());
        };
    }

    /** The same with positions given away, of which some made no task. */
    public Batch took(long more, long moreRefused) {
        return new Batch(
                id,
                owner,
                rules,
                createdAt,
                open,
                taken + more,
                refused + moreRefused,
                pending,
                running,
                succeeded,
                failed,
                cancelled,
                finishedMicros,
                expiresAt,
                callbacks);
    }

    /** The same, with no more to come. */
    public Batch closed() {
        return new Batch(
                id,
                owner,
                rules,
                createdAt,
                false,
                taken,
                refused,
                pending,
                running,
                succeeded,
                failed,
                cancelled,
                finishedMicros,
                expiresAt,
                callbacks);
    }

    /** The same with other counts. */
    public Batch counted(
            long nowPending,
            long nowRunning,
            long nowSucceeded,
            long nowFailed,
            long nowCancelled,
            long lastMicros,
            long expires) {
        return new Batch(
                id,
                owner,
                rules,
                createdAt,
                open,
                taken,
                refused,
                nowPending,
                nowRunning,
                nowSucceeded,
                nowFailed,
                nowCancelled,
                lastMicros,
                expires,
                callbacks);
    }

    /** The same with other callbacks. */
    public Batch with(Callbacks others) {
        return new Batch(
                id,
                owner,
                rules,
                createdAt,
                open,
                taken,
                refused,
                pending,
                running,
                succeeded,
                failed,
                cancelled,
                finishedMicros,
                expiresAt,
                others);
    }

    /** Returns about how many bytes it takes in memory. */
    public int weight() {
        return 320 + owner.length() + callbacks.weight();
    }

    /** Returns how it ended, as callbacks tell it; null where it is not done. */
    public @Nullable TaskState end() {
        return switch (state()) {
            case RUNNING -> null;
            case SUCCEEDED -> TaskState.SUCCEEDED;
            case FAILED -> TaskState.FAILED;
            case CANCELLED -> TaskState.CANCELLED;
        };
    }
}
