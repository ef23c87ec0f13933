package dev.taskpool.http;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.taskpool.engine.Accepted;
import dev.taskpool.engine.BatchPage;
import dev.taskpool.engine.BatchWatcher;
import dev.taskpool.engine.Batches;
import dev.taskpool.engine.Engine;
import dev.taskpool.engine.Refusal;
import dev.taskpool.model.Batch;
import dev.taskpool.model.BatchId;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.Task;
import java.io.IOException;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/** Many tasks at once: submit, map, get, results, cancel, delete. */
final class BatchHandlers {
    static final Set<String> RESULT_PARAMETERS = Set.of("offset", "limit");

    private final Engine engine;
    private final Submissions submissions;
    private final OpenWaits waits;

    BatchHandlers(Engine engine, Submissions submissions, OpenWaits waits) {
        this.engine = engine;
        this.submissions = submissions;
        this.waits = waits;
    }

    CompletableFuture<Reply> submit(Exchange exchange) {
        return submit(submissions.batch(exchange));
    }

    /** {@code Executor.map}: one callable, many argument lists. */
    CompletableFuture<Reply> map(Exchange exchange) {
        return submit(submissions.map(exchange));
    }

    private CompletableFuture<Reply> submit(BatchSubmission asked) {
        return engine.submit(asked.items(), asked.grouping(), asked.key()).thenCompose((Accepted accepted) -> {
            BatchId id = batch(accepted.tasks());
            if (!accepted.replayed()) {
                List<Refusal> refusals = asked.refusalsWith(accepted.refusals());
                return CompletableFuture.completedFuture(submitted(201, id, accepted.tasks(), refusals));
            }
            return engine.batches()
                    .tasks(id, Integer.MAX_VALUE)
                    .thenApply(tasks -> submitted(200, id, tasks, List.of()));
        });
    }

    private static BatchId batch(List<Task> tasks) {
        BatchId id = tasks.getFirst().spec().batch();
        if (id == null) {
            throw new IllegalStateException(tasks.getFirst().id() + " came from a batch and knows none");
        }
        return id;
    }

    private static Reply submitted(int status, BatchId id, List<Task> tasks, List<Refusal> refusals) {
        return () -> {
            Answer answer = Answer.json(status, out -> {
                out.writeStartObject();
                out.writeStringField("id", id.toString());
                out.writeArrayFieldStart("items");
                for (Task task : tasks) {
                    TaskJson.brief(out, task);
                }
                out.writeEndArray();
                if (!refusals.isEmpty()) {
                    out.writeArrayFieldStart("refused");
                    for (Refusal refusal : refusals) {
                        out.writeStartObject();
                        out.writeNumberField("index", refusal.at());
                        out.writeFieldName("problem");
                        Problems.brief(out, refusal.problem());
                        out.writeEndObject();
                    }
                    out.writeEndArray();
                }
                out.writeEndObject();
            });
            answer.with("Location", "/v1/batches/" + id);
            return status == 200 ? answer.with(Keys.REPLAYED, "true") : answer;
        };
    }

    CompletableFuture<Reply> get(Exchange exchange) {
        int seconds = exchange.waitSeconds();
        return visible(engine, exchange.caller(), exchange.path("batch_id"))
                .thenCompose(batch -> untilDone(exchange, batch, seconds))
                .thenApply(BatchHandlers::reply);
    }

    CompletableFuture<Reply> cancel(Exchange exchange) {
        int seconds = exchange.waitSeconds();
        boolean interrupt = exchange.flag("interrupt");
        return visible(engine, exchange.caller(), exchange.path("batch_id"))
                .thenCompose(batch -> engine.batches()
                        .cancel(batch.id(), interrupt, task -> exchange.caller().maySee(task)))
                .thenCompose(batch -> untilDone(exchange, batch, seconds))
                .thenApply(BatchHandlers::reply);
    }

    CompletableFuture<Reply> delete(Exchange exchange) {
        return visible(engine, exchange.caller(), exchange.path("batch_id"))
                .thenCompose(batch -> engine.batches().delete(batch.id()))
                .thenApply(gone -> Answer.empty(204));
    }

    CompletableFuture<Reply> results(Exchange exchange) {
        int offset = exchange.query("offset", 0, 0, Integer.MAX_VALUE);
        int limit = exchange.query("limit", 100, 1, 1000);
        return visible(engine, exchange.caller(), exchange.path("batch_id"))
                .thenCompose(batch -> engine.batches()
                        .page(batch, offset, limit)
                        .thenApply(page ->
                                () -> Answer.json(200, out -> results(out, exchange.caller(), batch, page))));
    }

    private static void results(JsonGenerator out, Caller caller, Batch batch, BatchPage page) throws IOException {
        out.writeStartObject();
        out.writeArrayFieldStart("items");
        for (BatchPage.Position position : page.positions()) {
            BatchJson.position(out, position, caller);
        }
        out.writeEndArray();
        if (page.next() < page.taken()) {
            out.writeNumberField("next_offset", page.next());
        }
        out.writeBooleanField("done", batch.done());
        out.writeEndObject();
    }

    private static Reply reply(Batch batch) {
        return () -> Answer.json(200, out -> BatchJson.status(out, batch));
    }

    /** Returns the batch that there is under an id, for whom it is there. */
    static CompletableFuture<Batch> visible(Engine engine, Caller caller, String text) {
        BatchId id = BatchId.parse(text)
                .orElseThrow(() -> Problem.of(
                        ProblemCode.BATCH_NOT_FOUND, "there is no batch '" + Exchange.shortened(text) + "'"));
        return engine.batches()
                .find(id)
                .thenApply(found -> found.filter(
                                batch -> !caller.restricted() || batch.owner().equals(caller.name()))
                        .orElseThrow(() -> Batches.notFound(id)));
    }

    private CompletableFuture<Batch> untilDone(Exchange exchange, Batch now, int seconds) {
        if (now.done() || seconds <= 0) {
            return CompletableFuture.completedFuture(now);
        }
        CompletableFuture<Void> done = new CompletableFuture<>();
        BatchWatcher watcher = new BatchWatcher() {
            @Override
            public void moved(Batch moved) {
                if (moved.done()) {
                    done.complete(null);
                }
            }
        };
        boolean open = engine.batches().watch(now.id(), watcher);
        CompletableFuture<Batch> result = new CompletableFuture<>();
        OpenWaits.Wait wait = waits.begin(exchange, seconds, () -> {
            engine.batches().unwatch(now.id(), watcher);
            engine.batches()
                    .find(now.id())
                    .thenApply(found -> found.orElse(now))
                    .whenComplete((batch, error) -> {
                        if (error != null) {
                            result.completeExceptionally(error);
                        } else {
                            result.complete(batch);
                        }
                    });
        });
        if (!open) {
            wait.end();
        }
        done.thenRun(wait::end);
        return result;
    }
}
