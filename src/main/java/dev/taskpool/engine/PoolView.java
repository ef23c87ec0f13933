package dev.taskpool.engine;

import dev.taskpool.model.Breakage;
import dev.taskpool.model.PoolSettings;
import dev.taskpool.model.PoolState;
import dev.taskpool.pool.RunnerStatus;
import org.jspecify.annotations.Nullable;

/**
 * A pool as it is at one moment.
 *
 * @param pending tasks that are not started, delayed ones included
 * @param running tasks on a worker
 * @param brokenBy why it is BROKEN; null where it is not
 * @param stuck threads that ignore their interrupt
 * @param status how its workers fare
 * @param created whether the call that returns this made it
 */
public record PoolView(
        String name,
        PoolSettings settings,
        PoolState state,
        long pending,
        long running,
        @Nullable Breakage brokenBy,
        int stuck,
        RunnerStatus status,
        boolean created) {}
