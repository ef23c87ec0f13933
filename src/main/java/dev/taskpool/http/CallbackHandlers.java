package dev.taskpool.http;

import dev.taskpool.engine.Engine;
import dev.taskpool.engine.Noted;
import dev.taskpool.model.Batch;
import dev.taskpool.model.Callback;
import dev.taskpool.model.CallbackSubject;
import dev.taskpool.model.Callbacks;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import java.util.concurrent.CompletableFuture;

/** Who is told of the end of a task or a batch: add, list, deliver again. */
final class CallbackHandlers {
    private final Engine engine;
    private final TaskHandlers tasks;
    private final JsonIn.Source source;
    private final CallbackCheck check;

    CallbackHandlers(Engine engine, TaskHandlers tasks, JsonIn.Source source, CallbackCheck check) {
        this.engine = engine;
        this.tasks = tasks;
        this.source = source;
        this.check = check;
    }

    CompletableFuture<Reply> add(Exchange exchange) {
        Callback.Wish wish = wish(exchange);
        return tasks.find(exchange)
                .thenCompose(task -> engine.addCallback(task.id(), wish))
                .thenApply(noted -> added(noted.subject().id(), noted));
    }

    CompletableFuture<Reply> addToBatch(Exchange exchange) {
        Callback.Wish wish = wish(exchange);
        return batch(exchange)
                .thenCompose(batch -> engine.batches().addCallback(batch.id(), wish))
                .thenApply(noted -> added(noted.subject().id(), noted));
    }

    CompletableFuture<Reply> list(Exchange exchange) {
        return tasks.find(exchange).thenApply(task -> reply(task.id(), task.callbacks()));
    }

    CompletableFuture<Reply> listOfBatch(Exchange exchange) {
        return batch(exchange).thenApply(batch -> reply(batch.id(), batch.callbacks()));
    }

    CompletableFuture<Reply> redeliver(Exchange exchange) {
        int number = number(exchange);
        return tasks.find(exchange)
                .thenCompose(task -> engine.redeliver(task.id(), number))
                .thenApply(noted -> () -> one(200, noted.subject().id(), noted.callback()));
    }

    CompletableFuture<Reply> redeliverOfBatch(Exchange exchange) {
        int number = number(exchange);
        return batch(exchange)
                .thenCompose(batch -> engine.batches().redeliver(batch.id(), number))
                .thenApply(noted -> () -> one(200, noted.subject().id(), noted.callback()));
    }

    private CompletableFuture<Batch> batch(Exchange exchange) {
        return BatchHandlers.visible(engine, exchange.caller(), exchange.path("batch_id"));
    }

    private Callback.Wish wish(Exchange exchange) {
        String key = Keys.header(exchange);
        CallbackJson.Draft draft = new CallbackJson.Draft();
        source.read(exchange.body(), CallbackJson.PROPERTIES, draft);
        return draft.wish(check, "", key == null ? null : Keys.hash(exchange.caller(), key));
    }

    private static int number(Exchange exchange) {
        String text = exchange.path("callback_number");
        if (!text.matches("[1-9]\\d{0,2}")) {
            throw Problem.of(ProblemCode.CALLBACK_NOT_FOUND, "there is no callback '" + Exchange.shortened(text) + "'");
        }
        return Integer.parseInt(text);
    }

    private static Reply reply(CallbackSubject subject, Callbacks callbacks) {
        return () -> Answer.json(200, out -> {
            out.writeStartObject();
            out.writeArrayFieldStart("items");
            for (Callback each : callbacks.all()) {
                CallbackJson.write(out, subject, each);
            }
            out.writeEndArray();
            out.writeEndObject();
        });
    }

    private static Reply added(CallbackSubject subject, Noted<?> noted) {
        return () -> noted.replayed()
                ? one(200, subject, noted.callback()).with(Keys.REPLAYED, "true")
                : one(201, subject, noted.callback());
    }

    private static Answer one(int status, CallbackSubject subject, Callback callback) {
        return Answer.json(status, out -> CallbackJson.write(out, subject, callback));
    }
}
