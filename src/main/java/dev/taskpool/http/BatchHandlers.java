package dev.taskpool.http;

import dev.taskpool.engine.Accepted;
import dev.taskpool.engine.Engine;
import dev.taskpool.model.BatchId;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.Task;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** Many tasks at once. */
final class BatchHandlers {
    private final Engine engine;
    private final Submissions submissions;

    BatchHandlers(Engine engine, Submissions submissions) {
        this.engine = engine;
        this.submissions = submissions;
    }

    CompletableFuture<Reply> submit(Exchange exchange) {
        Submissions.Asked asked = submissions.batch(exchange);
        return engine.submit(asked.items(), true, asked.key()).thenCompose((Accepted accepted) -> {
            if (!accepted.replayed()) {
                return CompletableFuture.completedFuture(reply(201, accepted.tasks()));
            }
            BatchId id = batch(accepted.tasks());
            return engine.batch(id)
                    .thenCompose(found -> engine.tasks(found.orElseThrow(() -> notFound(id.toString()))))
                    .thenApply(tasks -> reply(200, tasks));
        });
    }

    static Problem notFound(String id) {
        return Problem.of(ProblemCode.BATCH_NOT_FOUND, "there is no batch " + id + ", or it has expired");
    }

    private static BatchId batch(List<Task> tasks) {
        BatchId id = tasks.getFirst().spec().batch();
        if (id == null) {
            throw new IllegalStateException(tasks.getFirst().id() + " came from a batch and knows none");
        }
        return id;
    }

    private static Reply reply(int status, List<Task> tasks) {
        return () -> {
            Answer answer = Answer.json(status, out -> {
                out.writeStartObject();
                out.writeStringField("id", batch(tasks).toString());
                out.writeArrayFieldStart("items");
                for (Task task : tasks) {
                    TaskJson.brief(out, task);
                }
                out.writeEndArray();
                out.writeEndObject();
            });
            return status == 200 ? answer.with("Idempotent-Replayed", "true") : answer;
        };
    }
}
