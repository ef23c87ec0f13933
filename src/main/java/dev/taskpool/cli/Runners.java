package dev.taskpool.cli;

import dev.taskpool.model.Breakage;
import dev.taskpool.model.PoolSettings;
import dev.taskpool.model.Ticker;
import dev.taskpool.pool.CallableInvoker;
import dev.taskpool.pool.CommandRunner;
import dev.taskpool.pool.CommandTemplate;
import dev.taskpool.pool.ProcessRunner;
import dev.taskpool.pool.Runner;
import dev.taskpool.pool.ThreadRunner;
import dev.taskpool.process.Spawner;
import dev.taskpool.worker.WorkerType;
import java.nio.file.Path;
import java.util.Map;
import java.util.function.Consumer;

/** Makes what runs the tasks of a pool, by its kind. */
record Runners(
        CallableInvoker invoker,
        Map<String, CommandTemplate> templates,
        Map<String, WorkerType> workerTypes,
        Spawner spawner,
        Path scratch,
        Path sockets,
        long maxResultBytes,
        boolean traces) {

    Runner runner(String pool, PoolSettings settings, Consumer<Breakage> broken) {
        return switch (settings.kind()) {
            case THREAD -> new ThreadRunner(pool, settings, invoker);
            case PROCESS ->
                new ProcessRunner(pool, settings, type(settings), spawner, sockets, maxResultBytes, traces, broken);
            case COMMAND ->
                new CommandRunner(pool, settings, templates, spawner, scratch, maxResultBytes, Ticker.SYSTEM);
        };
    }

    private WorkerType type(PoolSettings settings) {
        WorkerType type = workerTypes.get(settings.workerType());
        if (type == null) {
            // A pool of an earlier run may name one that is no longer configured: its workers cannot be started, and
            // say so.
            return new WorkerType(
                    settings.workerType(),
                    java.util.List.of("/nonexistent/worker-type-" + settings.workerType()),
                    Map.of(),
                    Path.of("/"),
                    dev.taskpool.process.ResourceLimits.INHERITED);
        }
        return type;
    }
}
