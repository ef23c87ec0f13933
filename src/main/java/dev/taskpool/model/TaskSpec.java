package dev.taskpool.model;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What was submitted and accepted: the part of a task that never changes.
 *
 * @param callable name of what runs
 * @param args a JSON array, or null for none
 * @param kwargs a JSON object, or null for none
 * @param pool name of the pool it runs on
 * @param timeoutMillis run time allowed; null is no limit
 * @param queueTimeoutMillis time allowed between being ready and starting; null is no limit
 * @param delayMillis not started before this time has passed since acceptance; 0 or more
 * @param priority -100 to 100, higher first
 * @param maxAttempts runs allowed in all, 1 to 100
 * @param retry which failures are tried again, and when
 * @param deadlineMillis time allowed from acceptance until it is done, attempts and pauses included; null is no limit
 * @param onLost what becomes of it when the service dies while it runs
 * @param labels at most 32
 * @param batch the batch that it belongs to, or null
 * @param batchIndex its position there, 0 where there is no batch
 * @param callbackUrl where to POST it when it is done, or null
 * @param key the idempotency key that it was accepted under, or null
 * @param surroundings what it asks for of its process
 */
public record TaskSpec(
        String callable,
        @Nullable Json args,
        @Nullable Json kwargs,
        String pool,
        @Nullable Long timeoutMillis,
        @Nullable Long queueTimeoutMillis,
        long delayMillis,
        int priority,
        int maxAttempts,
        RetryPolicy retry,
        @Nullable Long deadlineMillis,
        OnLost onLost,
        Map<String, String> labels,
        @Nullable BatchId batch,
        int batchIndex,
        @Nullable String callbackUrl,
        @Nullable IdempotencyKey key,
        Surroundings surroundings) {

    /** One that asks for nothing of its process. */
    public TaskSpec(
            String callable,
            @Nullable Json args,
            @Nullable Json kwargs,
            String pool,
            @Nullable Long timeoutMillis,
            @Nullable Long queueTimeoutMillis,
            long delayMillis,
            int priority,
            int maxAttempts,
            RetryPolicy retry,
            @Nullable Long deadlineMillis,
            OnLost onLost,
            Map<String, String> labels,
            @Nullable BatchId batch,
            int batchIndex,
            @Nullable String callbackUrl,
            @Nullable IdempotencyKey key) {
        this(
                callable,
                args,
                kwargs,
                pool,
                timeoutMillis,
                queueTimeoutMillis,
                delayMillis,
                priority,
                maxAttempts,
                retry,
                deadlineMillis,
                onLost,
                labels,
                batch,
                batchIndex,
                callbackUrl,
                key,
                Surroundings.NONE);
    }

    /** Returns this with what was decided when it was accepted: pool, limit of run time, batch, and the key it came under. */
    public TaskSpec accepted(
            String onPool,
            @Nullable Long runMillis,
            @Nullable BatchId inBatch,
            int index,
            @Nullable IdempotencyKey underKey) {
        return new TaskSpec(
                callable,
                args,
                kwargs,
                onPool,
                runMillis,
                queueTimeoutMillis,
                delayMillis,
                priority,
                maxAttempts,
                retry,
                deadlineMillis,
                onLost,
                labels,
                inBatch,
                index,
                callbackUrl,
                underKey,
                surroundings);
    }

    /** Returns this with other limits of time in the queue and of its process. */
    public TaskSpec within(@Nullable Long queueMillis, Surroundings other) {
        return new TaskSpec(
                callable,
                args,
                kwargs,
                pool,
                timeoutMillis,
                queueMillis,
                delayMillis,
                priority,
                maxAttempts,
                retry,
                deadlineMillis,
                onLost,
                labels,
                batch,
                batchIndex,
                callbackUrl,
                key,
                other);
    }

    /** Returns about how many bytes it takes in memory beyond a fixed part. */
    public int weight() {
        return (args == null ? 0 : args.size())
                + (kwargs == null ? 0 : kwargs.size())
                + labels.size() * 64
                + surroundings.weight();
    }
}
