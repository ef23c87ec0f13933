package dev.taskpool.callable;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.model.Limits;
import dev.taskpool.model.OnLost;
import dev.taskpool.model.PoolKind;
import dev.taskpool.model.RetryPolicy;
import java.time.Duration;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What is known of a callable before it runs.
 *
 * @param name 1 to 128 letters, digits, {@code .}, {@code _}, {@code -}, {@code :}; first a letter or digit
 * @param description for people, one sentence
 * @param poolKinds kinds of pool that can run it; not empty
 * @param onLost whether it may run twice
 * @param maxAttempts runs allowed in all where the submission does not say; 1 to 100
 * @param retry which failures are tried again and when, where the submission does not say
 * @param timeout run time allowed where the submission does not say; null is the pool's
 * @param schema JSON Schema (2020-12) of {@code {"args": […], "kwargs": {…}}}, enforced at submission; null is anything
 * @param limits what its process may use where the submission does not say; of commands only
 */
public record CallableSpec(
        String name,
        String description,
        Set<PoolKind> poolKinds,
        OnLost onLost,
        int maxAttempts,
        RetryPolicy retry,
        @Nullable Duration timeout,
        @Nullable JsonNode schema,
        Limits limits) {

    /** One that does not limit its process. */
    public CallableSpec(
            String name,
            String description,
            Set<PoolKind> poolKinds,
            OnLost onLost,
            int maxAttempts,
            RetryPolicy retry,
            @Nullable Duration timeout,
            @Nullable JsonNode schema) {
        this(name, description, poolKinds, onLost, maxAttempts, retry, timeout, schema, Limits.NONE);
    }

    public CallableSpec {
        if (!name.matches("[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")) {
            throw new IllegalArgumentException("not a name for a callable: " + name);
        }
        if (poolKinds.isEmpty()) {
            throw new IllegalArgumentException(name + " names no kind of pool");
        }
        if (maxAttempts < 1 || maxAttempts > 100) {
            throw new IllegalArgumentException(name + ": max attempts must be 1 to 100, is " + maxAttempts);
        }
        poolKinds = Set.copyOf(poolKinds);
    }

    /** A callable that runs on threads and in Java workers, once, and must not run twice. */
    public static CallableSpec of(String name, String description) {
        return new CallableSpec(
                name,
                description,
                Set.of(PoolKind.THREAD, PoolKind.PROCESS),
                OnLost.FAIL,
                1,
                RetryPolicy.DEFAULT,
                null,
                null);
    }

    /** The same, and it may run twice: it changes nothing outside, or repeating that is harmless. */
    public CallableSpec repeatable() {
        return new CallableSpec(
                name, description, poolKinds, OnLost.RETRY, maxAttempts, retry, timeout, schema, limits);
    }

    /** The same with a schema for its arguments. */
    public CallableSpec withSchema(JsonNode argumentSchema) {
        return new CallableSpec(
                name, description, poolKinds, onLost, maxAttempts, retry, timeout, argumentSchema, limits);
    }

    /** The same with so many runs allowed. */
    public CallableSpec withMaxAttempts(int attempts) {
        return new CallableSpec(name, description, poolKinds, onLost, attempts, retry, timeout, schema, limits);
    }

    /** The same with another rule for what is tried again. */
    public CallableSpec withRetry(RetryPolicy policy) {
        return new CallableSpec(name, description, poolKinds, onLost, maxAttempts, policy, timeout, schema, limits);
    }

    /** The same with a limit of run time. */
    public CallableSpec withTimeout(Duration limit) {
        return new CallableSpec(name, description, poolKinds, onLost, maxAttempts, retry, limit, schema, limits);
    }

    /** The same with limits of its process. */
    public CallableSpec withLimits(Limits ofProcess) {
        return new CallableSpec(name, description, poolKinds, onLost, maxAttempts, retry, timeout, schema, ofProcess);
    }
}
