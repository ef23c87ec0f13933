package dev.taskpool.http;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.taskpool.engine.Engine;
import dev.taskpool.model.Task;
import dev.taskpool.pool.WorkerView;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** Who works for a pool, and what can be done to them. */
final class WorkerHandlers {
    private static final List<String> SIGNALS =
            List.of("TERM", "KILL", "INT", "HUP", "QUIT", "USR1", "USR2", "STOP", "CONT");
    private static final List<String> ENDING_SIGNALS = List.of("TERM", "KILL");

    private final Engine engine;

    WorkerHandlers(Engine engine) {
        this.engine = engine;
    }

    CompletableFuture<Reply> list(Exchange exchange) {
        Caller caller = exchange.caller();
        return engine.workers(PoolHandlers.name(exchange))
                .thenApply(workers -> () -> Answer.json(200, out -> {
                    out.writeStartObject();
                    out.writeArrayFieldStart("items");
                    for (WorkerView worker : workers.get()) {
                        write(out, worker, caller);
                    }
                    out.writeEndArray();
                    out.writeEndObject();
                }));
    }

    CompletableFuture<Reply> signal(Exchange exchange) {
        String signal = word(exchange, SIGNALS);
        return engine.signalWorker(PoolHandlers.name(exchange), exchange.path("worker_id"), "SIG" + signal)
                .thenApply(sent -> Answer.empty(204));
    }

    CompletableFuture<Reply> terminate(Exchange exchange) {
        boolean kill = word(exchange, ENDING_SIGNALS).equals("KILL");
        return engine.terminatePool(PoolHandlers.name(exchange), kill).thenApply(pool -> PoolHandlers.reply(200, pool));
    }

    /** Returns the query parameter {@code signal}. */
    private static String word(Exchange exchange, List<String> allowed) {
        String given = exchange.query("signal");
        if (given == null) {
            throw Exchange.badQuery("signal", "is required: one of " + String.join(", ", allowed));
        }
        if (!allowed.contains(given)) {
            throw Exchange.badQuery(
                    "signal",
                    "must be one of " + String.join(", ", allowed) + ", is '" + Exchange.shortened(given) + "'");
        }
        return given;
    }

    private void write(JsonGenerator out, WorkerView worker, Caller caller) throws IOException {
        out.writeStartObject();
        out.writeStringField("id", worker.id());
        if (worker.pid() != null) {
            out.writeNumberField("pid", worker.pid());
        }
        out.writeStringField("state", worker.state().name());
        if (worker.task() != null) {
            Task task = engine.resident(worker.task());
            if (task != null && caller.maySee(task)) {
                out.writeStringField("task_id", worker.task().toString());
            }
        }
        out.writeStringField("since", Instants.text(worker.sinceMillis()));
        out.writeStringField("started_at", Instants.text(worker.startedAtMillis()));
        out.writeNumberField("tasks_done", worker.tasksDone());
        if (worker.memoryBytes() != null) {
            out.writeNumberField("memory_bytes", worker.memoryBytes());
        }
        out.writeEndObject();
    }
}
