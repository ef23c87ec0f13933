package dev.taskpool.http;

import dev.taskpool.engine.Engine;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.TaskId;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** {@code concurrent.futures.as_completed}: a stream of tasks as they end. */
final class CompletionHandlers {
    static final Set<String> PARAMETERS = Set.of("task_id", "batch_id", "label", "after");

    private final Engine engine;
    private final OpenWaits waits;
    private final JsonIn.Source source;

    CompletionHandlers(Engine engine, OpenWaits waits, JsonIn.Source source) {
        this.engine = engine;
        this.waits = waits;
        this.source = source;
    }

    private static final class Body implements JsonIn.Reading {
        private @Nullable List<String> ids;
        private @Nullable String batch;
        private @Nullable Map<String, String> labels;

        @Override
        public boolean property(JsonIn in, String name) throws IOException {
            switch (name) {
                case "task_ids" -> ids = in.stringList(TaskIds.MOST);
                case "batch_id" -> batch = in.string(1, 64);
                case "labels" -> labels = in.strings(8, 256, 256);
                default -> {
                    return false;
                }
            }
            return true;
        }

        @Override
        public void empty(String name) {
            if (name.equals("task_ids")) {
                ids = List.of();
            }
        }
    }

    CompletableFuture<Reply> get(Exchange exchange) {
        List<String> ids = exchange.queries("task_id");
        List<String> labels = exchange.queries("label");
        String batch = exchange.query("batch_id");
        requireOne(!ids.isEmpty(), batch != null, !labels.isEmpty(), "query:task_id", "task_id, batch_id or label");
        TaskIds named = new TaskIds(engine, exchange.caller());
        return stream(
                exchange,
                !ids.isEmpty()
                        ? named.known(ids, index -> "query:task_id")
                        : batch != null
                                ? named.ofBatch(batch, TaskIds.MOST)
                                : named.labelled(ListHandlers.labels(labels)));
    }

    CompletableFuture<Reply> post(Exchange exchange) {
        Body body = new Body();
        source.read(exchange.body(), "task_ids, batch_id, labels", body);
        requireOne(body.ids != null, body.batch != null, body.labels != null, "", "task_ids, batch_id or labels");
        TaskIds named = new TaskIds(engine, exchange.caller());
        return stream(
                exchange,
                body.ids != null
                        ? named.known(body.ids, index -> "/task_ids/" + index)
                        : body.batch != null
                                ? named.ofBatch(body.batch, TaskIds.MOST)
                                : named.labelled(body.labels == null ? Map.of() : body.labels));
    }

    private static void requireOne(boolean ids, boolean batch, boolean labels, String pointer, String names) {
        int given = (ids ? 1 : 0) + (batch ? 1 : 0) + (labels ? 1 : 0);
        if (given != 1) {
            throw Problem.field(
                    ProblemCode.INVALID_REQUEST, pointer, "must have one of " + names + ", has " + given + " of them");
        }
    }

    private CompletableFuture<Reply> stream(Exchange exchange, CompletableFuture<List<TaskId>> ids) {
        EventCursor from = EventCursor.of(exchange, EventCursor.Completed.class);
        EventWriter writer = EventWriter.of(exchange);
        return ids.thenApply(all -> () ->
                writer.answer(new Completions(engine, waits, exchange, writer, all, (EventCursor.Completed) from)));
    }
}
