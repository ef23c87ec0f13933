package dev.taskpool.http;

import dev.taskpool.engine.Engine;
import dev.taskpool.model.Callback;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.Task;
import java.util.concurrent.CompletableFuture;

/** Who is told of the end of a task: add, list, deliver again. */
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
        CallbackJson.Draft draft = new CallbackJson.Draft();
        source.read(exchange.body(), CallbackJson.PROPERTIES, draft);
        Callback.Wish wish = draft.wish(check, "");
        return tasks.find(exchange)
                .thenCompose(task -> engine.addCallback(task.id(), wish))
                .thenApply(task -> reply(201, task, task.callbacks().all().getLast()));
    }

    CompletableFuture<Reply> list(Exchange exchange) {
        return tasks.find(exchange)
                .thenApply(task -> () -> Answer.json(200, out -> {
                    out.writeStartObject();
                    out.writeArrayFieldStart("items");
                    for (Callback each : task.callbacks().all()) {
                        CallbackJson.write(out, task.id(), each);
                    }
                    out.writeEndArray();
                    out.writeEndObject();
                }));
    }

    CompletableFuture<Reply> redeliver(Exchange exchange) {
        String text = exchange.path("callback_number");
        if (!text.matches("[1-9]\\d{0,2}")) {
            throw Problem.of(ProblemCode.CALLBACK_NOT_FOUND, "there is no callback '" + Exchange.shortened(text) + "'");
        }
        int number = Integer.parseInt(text);
        return tasks.find(exchange)
                .thenCompose(task -> engine.redeliver(task.id(), number))
                .thenApply(task -> reply(200, task, task.callbacks().numbered(number)));
    }

    private static Reply reply(int status, Task task, Callback callback) {
        return () -> Answer.json(status, out -> CallbackJson.write(out, task.id(), callback));
    }
}
