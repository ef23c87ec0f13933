package dev.taskpool.cli;

import dev.taskpool.callable.CallableSpec;
import dev.taskpool.model.PoolSettings;
import dev.taskpool.process.Spawner;
import dev.taskpool.worker.Interview;
import dev.taskpool.worker.WorkerType;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Asks the configured workers what they can run. */
final class WorkerOffers {
    private WorkerOffers() {}

    /**
     * Starts one worker of each type, all at the same time, and hears what it can run. The Java worker is not asked: it has what
     * this JVM has.
     *
     * @param sockets a short path
     * @return callables by the name of the type, none for the Java worker
     * @throws CannotStartException where one does not say, with the last lines of what it wrote
     */
    static Map<String, List<CallableSpec>> ask(Collection<WorkerType> types, Spawner spawner, Path sockets) {
        List<WorkerType> foreign = types.stream()
                .filter(type -> !type.name().equals(PoolSettings.JAVA_WORKER))
                .toList();
        Map<String, List<CallableSpec>> offers = new LinkedHashMap<>();
        if (foreign.isEmpty()) {
            return offers;
        }
        Map<String, Future<List<CallableSpec>>> answers = new LinkedHashMap<>();
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (WorkerType type : foreign) {
                answers.put(type.name(), threads.submit(() -> Interview.callables(type, spawner, sockets)));
            }
        }
        answers.forEach((name, answer) -> offers.put(name, heard(name, answer)));
        return offers;
    }

    private static List<CallableSpec> heard(String name, Future<List<CallableSpec>> answer) {
        try {
            return answer.get();
        } catch (ExecutionException e) {
            Throwable cause = e.getCause() instanceof IOException io ? io : e;
            throw new CannotStartException("workers." + name + " cannot be used: " + cause.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CannotStartException("interrupted while workers." + name + " was asked", e);
        }
    }
}
