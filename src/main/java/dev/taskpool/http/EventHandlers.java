package dev.taskpool.http;

import dev.taskpool.engine.Engine;
import dev.taskpool.engine.Events;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.Task;
import dev.taskpool.output.OutputFiles;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** What happens, as a stream. */
final class EventHandlers {
    static final Set<String> PARAMETERS = Set.of("pool", "batch_id", "task_id", "from", "after");
    static final Set<String> TASK_PARAMETERS = Set.of("output", "after");

    private final TaskHandlers tasks;
    private final OutputFiles files;
    private final Engine engine;
    private final OpenWaits waits;

    EventHandlers(TaskHandlers tasks, OutputFiles files, Engine engine, OpenWaits waits) {
        this.tasks = tasks;
        this.files = files;
        this.engine = engine;
        this.waits = waits;
    }

    CompletableFuture<Reply> all(Exchange exchange) {
        String pool = exchange.query("pool");
        String batch = exchange.query("batch_id");
        String task = exchange.query("task_id");
        boolean now = now(exchange);
        if ((pool == null ? 0 : 1) + (batch == null ? 0 : 1) + (task == null ? 0 : 1) > 1) {
            throw Exchange.badQuery("pool", "may be given, or batch_id, or task_id: one of them");
        }
        if (now && (batch != null || task != null)) {
            throw Exchange.badQuery("from", "is for all events, or those of a pool; a batch or a task has few");
        }
        if (task != null) {
            return tasks.find(exchange, task).thenApply(found -> () -> ofTask(exchange, found, true));
        }
        if (batch != null) {
            return ofBatch(exchange, batch);
        }
        EventCursor from = EventCursor.of(exchange, EventCursor.OfLog.class);
        if (from instanceof EventCursor.OfLog place && !LogEvents.kept(engine.events(), place)) {
            throw Problem.of(
                    ProblemCode.EVENTS_EXPIRED,
                    "the log does not keep what came behind " + place
                            + " any more: begin anew without Last-Event-ID, and list the tasks for what was missed");
        }
        Events.Scope scope = new Events.Scope(pool, null, null);
        Reply reply = () -> ofLog(exchange, scope, from, now);
        return pool == null
                ? CompletableFuture.completedFuture(reply)
                : engine.pool(PoolHandlers.visible(exchange, pool)).thenApply(found -> reply);
    }

    private static boolean now(Exchange exchange) {
        String from = exchange.query("from");
        if (from == null || from.equals("oldest")) {
            return false;
        }
        if (from.equals("now")) {
            return true;
        }
        throw Exchange.badQuery("from", "must be oldest or now, is '" + Exchange.shortened(from) + "'");
    }

    private Answer ofLog(Exchange exchange, Events.Scope scope, @Nullable EventCursor from, boolean now) {
        EventWriter writer = EventWriter.of(exchange);
        return writer.answer(out -> new EventLoop(engine, waits, exchange, writer)
                .write(new LogEvents(engine, exchange.caller(), writer, scope, null, from, now), out));
    }

    private CompletableFuture<Reply> ofBatch(Exchange exchange, String text) {
        EventCursor from = EventCursor.of(exchange, EventCursor.OfLog.class, EventCursor.OfStory.class);
        EventWriter writer = EventWriter.of(exchange);
        return BatchHandlers.visible(engine, exchange.caller(), text).thenApply(batch -> {
            Events.Scope scope = new Events.Scope(null, batch.id(), null);
            return () -> writer.answer(out -> new EventLoop(engine, waits, exchange, writer)
                    .write(new LogEvents(engine, exchange.caller(), writer, scope, batch, from, false), out));
        });
    }

    CompletableFuture<Reply> ofTask(Exchange exchange) {
        String output = exchange.query("output");
        if (output != null && !output.equals("true") && !output.equals("false")) {
            throw Exchange.badQuery("output", "must be true or false, is '" + Exchange.shortened(output) + "'");
        }
        return tasks.find(exchange).thenApply(task -> () -> ofTask(exchange, task, !"false".equals(output)));
    }

    private Answer ofTask(Exchange exchange, Task task, boolean output) {
        EventCursor from = EventCursor.of(exchange, EventCursor.OfTask.class);
        EventWriter writer = EventWriter.of(exchange);
        return writer.answer(out -> {
            try (TaskEvents events = new TaskEvents(
                    engine, exchange.caller(), writer, files, task.id(), (EventCursor.OfTask) from, output)) {
                new EventLoop(engine, waits, exchange, writer).write(events, out);
            }
        });
    }
}
