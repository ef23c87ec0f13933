package dev.taskpool.http;

import dev.taskpool.engine.Accepted;
import dev.taskpool.engine.Engine;
import dev.taskpool.model.Outcome;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import dev.taskpool.pool.Run;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** One task: submit, get, result, cancel, delete. */
final class TaskHandlers {
    private final Engine engine;
    private final OpenWaits waits;
    private final Submissions submissions;

    TaskHandlers(Engine engine, OpenWaits waits, Submissions submissions) {
        this.engine = engine;
        this.waits = waits;
        this.submissions = submissions;
    }

    CompletableFuture<Reply> submit(Exchange exchange) {
        return submit(exchange, submissions.task(exchange));
    }

    /** Submits under an id that the caller chose. */
    CompletableFuture<Reply> put(Exchange exchange) {
        String callerId = exchange.path("task_id");
        if (!CallerIds.valid(callerId)) {
            throw Problem.field(
                    ProblemCode.INVALID_REQUEST,
                    "path:task_id",
                    "must match " + CallerIds.PATTERN + " and not begin with t_, is '" + Exchange.shortened(callerId)
                            + "'");
        }
        return submit(exchange, submissions.task(exchange, callerId));
    }

    private CompletableFuture<Reply> submit(Exchange exchange, Submissions.Asked asked) {
        int seconds = exchange.waitSeconds();
        return engine.submit(asked.items(), false, asked.key()).thenCompose((Accepted accepted) -> {
            Task task = accepted.tasks().getFirst();
            boolean replayed = accepted.replayed();
            if (seconds == 0 || task.done()) {
                return CompletableFuture.completedFuture(submitted(task, replayed));
            }
            return waits.untilDone(exchange, task, seconds).thenApply(now -> submitted(now, replayed));
        });
    }

    private Reply submitted(Task task, boolean replayed) {
        return () -> {
            Answer answer = one(replayed ? 200 : 201, task).with("Location", "/v1/tasks/" + task.id());
            return replayed ? answer.with(Keys.REPLAYED, "true") : answer;
        };
    }

    private Answer one(int status, Task task) {
        return one(status, task, engine.run(task.id()));
    }

    private static Answer one(int status, Task task, @Nullable Run run) {
        // The tag first: where a run goes further in between, it is the older one, and a client asks once more.
        String tag = TaskJson.etag(task, run);
        return Answer.json(status, TaskJson.bytes(task, run)).with("ETag", tag);
    }

    CompletableFuture<Reply> get(Exchange exchange) {
        int seconds = exchange.waitSeconds();
        String known = exchange.header("If-None-Match");
        return ended(exchange, seconds).thenApply(task -> () -> {
            Run run = engine.run(task.id());
            String tag = TaskJson.etag(task, run);
            return known != null && matches(known, tag) ? Answer.empty(304).with("ETag", tag) : one(200, task, run);
        });
    }

    /** RFC 9110 section 13.1.2: weak comparison with any tag of the list. */
    private static boolean matches(String header, String tag) {
        for (String each : header.split(",")) {
            String one = each.strip();
            if (one.equals("*")
                    || one.equals(tag)
                    || (one.startsWith("W/") && one.substring(2).equals(tag))) {
                return true;
            }
        }
        return false;
    }

    CompletableFuture<Reply> result(Exchange exchange) {
        return ended(exchange, exchange.waitSeconds()).thenApply(task -> () -> bare(task));
    }

    private static Answer bare(Task task) {
        return switch (task.outcome()) {
            case null ->
                throw Problem.ofTask(ProblemCode.TASK_NOT_DONE, "task " + task.id() + " is " + task.state(), task);
            case Outcome.Succeeded(var result) -> Answer.json(200, result.utf8());
            case Outcome.Failed(var failure) ->
                throw Problem.ofTask(
                        ProblemCode.TASK_FAILED,
                        "task " + task.id() + " failed: " + failure.code()
                                + (failure.message().isEmpty() ? "" : ": " + failure.message()),
                        task);
            case Outcome.Cancelled() ->
                throw Problem.ofTask(ProblemCode.TASK_CANCELLED, "task " + task.id() + " was cancelled", task);
        };
    }

    CompletableFuture<Reply> cancel(Exchange exchange) {
        int seconds = exchange.waitSeconds();
        boolean interrupt = exchange.flag("interrupt");
        return find(exchange)
                .thenCompose(task -> engine.cancel(task.id(), interrupt))
                .thenCompose(task -> waits.untilDone(exchange, task, seconds))
                .thenApply(task -> () -> one(200, task));
    }

    CompletableFuture<Reply> delete(Exchange exchange) {
        return find(exchange).thenCompose(task -> engine.delete(task.id())).thenApply(task -> Answer.empty(204));
    }

    private CompletableFuture<Task> ended(Exchange exchange, int seconds) {
        TaskId id = TaskId.parse(exchange.path("task_id")).orElse(null);
        Task here = id == null ? null : engine.resident(id);
        if (id != null && here != null && (seconds == 0 || here.done())) {
            return CompletableFuture.completedFuture(visible(exchange, here, id));
        }
        return find(exchange).thenCompose(task -> waits.untilDone(exchange, task, seconds));
    }

    /** Returns the task that the path names, by its own id or by one that the caller chose. */
    CompletableFuture<Task> find(Exchange exchange) {
        return find(exchange, exchange.path("task_id"));
    }

    /** Returns the task that a text names, likewise. */
    CompletableFuture<Task> find(Exchange exchange, String text) {
        Optional<TaskId> own = TaskId.parse(text);
        if (own.isPresent()) {
            return find(exchange, own.get());
        }
        if (!CallerIds.valid(text)) {
            throw unknown(text);
        }
        return engine.keyed(Keys.ofId(exchange.caller(), text))
                .thenCompose(id -> find(exchange, id.orElseThrow(() -> unknown(text))));
    }

    private CompletableFuture<Task> find(Exchange exchange, TaskId id) {
        return engine.find(id).thenApply(found -> visible(exchange, found.orElse(null), id));
    }

    private static Problem unknown(String text) {
        return Problem.of(ProblemCode.TASK_NOT_FOUND, "there is no task '" + Exchange.shortened(text) + "'");
    }

    private static Task visible(Exchange exchange, @Nullable Task task, TaskId id) {
        if (task == null || !exchange.caller().maySee(task)) {
            throw Engine.notFound(id);
        }
        return task;
    }
}
