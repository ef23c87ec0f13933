package dev.taskpool.engine;

import dev.taskpool.model.Breakage;
import dev.taskpool.model.PoolSettings;
import dev.taskpool.pool.Runner;
import java.util.function.Consumer;

/** Makes what runs the tasks of a pool. */
@FunctionalInterface
public interface RunnerFactory {
    /**
     * Makes one. Called by the engine's thread: must not block.
     *
     * @param broken may be told, by any thread, why the pool cannot go on; its tasks fail then
     */
    Runner runner(String pool, PoolSettings settings, Consumer<Breakage> broken);
}
