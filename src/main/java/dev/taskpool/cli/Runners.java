package dev.taskpool.cli;

import dev.taskpool.model.PoolSettings;
import dev.taskpool.pool.CallableInvoker;
import dev.taskpool.pool.CommandRunner;
import dev.taskpool.pool.CommandTemplate;
import dev.taskpool.pool.Runner;
import dev.taskpool.pool.ThreadRunner;
import dev.taskpool.process.Spawner;
import java.nio.file.Path;
import java.util.Map;

/** Makes what runs the tasks of a pool, by its kind. */
record Runners(
        CallableInvoker invoker,
        Map<String, CommandTemplate> templates,
        Spawner spawner,
        Path scratch,
        long maxResultBytes) {

    Runner runner(String pool, PoolSettings settings) {
        return switch (settings.kind()) {
            case THREAD, PROCESS -> new ThreadRunner(pool, settings, invoker);
            case COMMAND -> new CommandRunner(pool, settings, templates, spawner, scratch, maxResultBytes);
        };
    }
}
