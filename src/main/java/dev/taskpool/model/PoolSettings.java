package dev.taskpool.model;

import org.jspecify.annotations.Nullable;

/**
 * What an operator or a client asked a pool to be. Checked where it enters (configuration or HTTP).
 *
 * @param kind never changes while the pool exists
 * @param maxWorkers 1 to 1024: tasks that run at once
 * @param minWorkers 0 to {@code maxWorkers}: workers kept ready
 * @param virtualThreads in THREAD pools, whether tasks run on virtual threads
 * @param workerType in PROCESS pools, which worker to start
 * @param maxTasksPerWorker a worker is replaced after this many tasks; null is never
 * @param idleTimeoutMillis an idle worker above {@code minWorkers} is stopped after this; null is never
 * @param onWorkerLost what the death of a worker does to its pool
 * @param ttlMillis the pool is shut down when no call has named it for this long; null is never
 * @param queueCapacity 0 to 1,000,000 pending tasks held before submissions are refused
 * @param defaultTimeoutMillis run time of tasks that name none; null is no limit
 * @param graceMillis from TERM to KILL
 * @param worker how its workers begin and when they are replaced
 * @param limits what its tasks may use
 * @param ttlCancelsPending whether the end of its time to live cancels what has not started
 */
public record PoolSettings(
        PoolKind kind,
        int maxWorkers,
        int minWorkers,
        boolean virtualThreads,
        String workerType,
        @Nullable Integer maxTasksPerWorker,
        @Nullable Long idleTimeoutMillis,
        OnWorkerLost onWorkerLost,
        @Nullable Long ttlMillis,
        int queueCapacity,
        @Nullable Long defaultTimeoutMillis,
        long graceMillis,
        WorkerPolicy worker,
        PoolLimits limits,
        boolean ttlCancelsPending) {

    /** One that runs what it has when its time to live ends. */
    public PoolSettings(
            PoolKind kind,
            int maxWorkers,
            int minWorkers,
            boolean virtualThreads,
            String workerType,
            @Nullable Integer maxTasksPerWorker,
            @Nullable Long idleTimeoutMillis,
            OnWorkerLost onWorkerLost,
            @Nullable Long ttlMillis,
            int queueCapacity,
            @Nullable Long defaultTimeoutMillis,
            long graceMillis,
            WorkerPolicy worker,
            PoolLimits limits) {
        this(
                kind,
                maxWorkers,
                minWorkers,
                virtualThreads,
                workerType,
                maxTasksPerWorker,
                idleTimeoutMillis,
                onWorkerLost,
                ttlMillis,
                queueCapacity,
                defaultTimeoutMillis,
                graceMillis,
                worker,
                limits,
                false);
    }

    /** One whose workers begin with nothing and stay, and whose tasks are not limited. */
    public PoolSettings(
            PoolKind kind,
            int maxWorkers,
            int minWorkers,
            boolean virtualThreads,
            String workerType,
            @Nullable Integer maxTasksPerWorker,
            @Nullable Long idleTimeoutMillis,
            OnWorkerLost onWorkerLost,
            @Nullable Long ttlMillis,
            int queueCapacity,
            @Nullable Long defaultTimeoutMillis,
            long graceMillis) {
        this(
                kind,
                maxWorkers,
                minWorkers,
                virtualThreads,
                workerType,
                maxTasksPerWorker,
                idleTimeoutMillis,
                onWorkerLost,
                ttlMillis,
                queueCapacity,
                defaultTimeoutMillis,
                graceMillis,
                WorkerPolicy.NONE,
                PoolLimits.NONE);
    }

    /** The same with another policy for workers. */
    public PoolSettings with(WorkerPolicy other) {
        return with(other, limits, ttlCancelsPending);
    }

    /** The same with other limits. */
    public PoolSettings with(PoolLimits other) {
        return with(worker, other, ttlCancelsPending);
    }

    /** The same, where the end of the time to live cancels what has not started, or does not. */
    public PoolSettings withTtlCancelsPending(boolean cancels) {
        return with(worker, limits, cancels);
    }

    private PoolSettings with(WorkerPolicy policy, PoolLimits limit, boolean cancels) {
        return new PoolSettings(
                kind,
                maxWorkers,
                minWorkers,
                virtualThreads,
                workerType,
                maxTasksPerWorker,
                idleTimeoutMillis,
                onWorkerLost,
                ttlMillis,
                queueCapacity,
                defaultTimeoutMillis,
                graceMillis,
                policy,
                limit,
                cancels);
    }

    /** The worker type that every installation has. */
    public static final String JAVA_WORKER = "java";

    /** What the death of a worker does to its pool. */
    public enum OnWorkerLost {
        /** The worker is replaced; only the task that it held fails. */
        HEAL,
        /** The pool becomes BROKEN and all its tasks fail, as CPython's BrokenProcessPool has it. */
        BREAK
    }

    public PoolSettings {
        if (maxWorkers < 1 || maxWorkers > 1024 || minWorkers < 0 || minWorkers > maxWorkers) {
            throw new IllegalArgumentException("workers out of range: " + minWorkers + " to " + maxWorkers);
        }
        if (queueCapacity < 0 || queueCapacity > 1_000_000) {
            throw new IllegalArgumentException("queue capacity out of range: " + queueCapacity);
        }
    }

    /** Returns the number of workers that concurrent.futures would choose for this kind (semantics E4). */
    public static int defaultWorkers(PoolKind kind, int processors) {
        return switch (kind) {
            case THREAD -> Math.min(32, processors + 4);
            case PROCESS, COMMAND -> Math.max(1, Math.min(1024, processors));
        };
    }
}
