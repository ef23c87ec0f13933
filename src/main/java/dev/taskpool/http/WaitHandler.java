package dev.taskpool.http;

import dev.taskpool.engine.Engine;
import dev.taskpool.engine.Waits;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import dev.taskpool.model.TaskState;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** {@code concurrent.futures.wait}: many tasks, one wait. */
final class WaitHandler {
    private static final int MAX_IDS = 1000;

    /** A batch that was streamed may have any number. */
    private static final int MAX_OF_BATCH = 10_000;

    private final Engine engine;
    private final OpenWaits waits;
    private final JsonIn.Source source;

    WaitHandler(Engine engine, OpenWaits waits, JsonIn.Source source) {
        this.engine = engine;
        this.waits = waits;
        this.source = source;
    }

    /** When a wait is satisfied; the names are those of concurrent.futures, and one more. */
    private enum ReturnWhen {
        FIRST_COMPLETED,
        FIRST_EXCEPTION,
        FIRST_SUCCESS,
        ALL_COMPLETED;

        /** Returns whether the end of this task is enough by itself. */
        boolean metBy(Task task) {
            return switch (this) {
                case FIRST_COMPLETED -> task.done();
                case FIRST_EXCEPTION -> task.state() == TaskState.FAILED;
                case FIRST_SUCCESS -> task.state() == TaskState.SUCCEEDED;
                case ALL_COMPLETED -> false;
            };
        }
    }

    private static final class Body implements JsonIn.Reading {
        private @Nullable List<String> ids;
        private @Nullable String batch;
        private ReturnWhen until = ReturnWhen.ALL_COMPLETED;
        private int seconds;

        @Override
        public boolean property(JsonIn in, String name) throws IOException {
            switch (name) {
                case "task_ids" -> ids = in.stringList(MAX_IDS);
                case "batch_id" -> batch = in.string(1, 64);
                case "return_when" -> {
                    String word =
                            in.word(List.of("FIRST_COMPLETED", "FIRST_EXCEPTION", "FIRST_SUCCESS", "ALL_COMPLETED"));
                    until = word == null ? until : ReturnWhen.valueOf(word);
                }
                case "wait" -> {
                    Long asked = in.integer(0, Exchange.MAX_WAIT_SECONDS);
                    seconds = asked == null ? 0 : asked.intValue();
                }
                default -> {
                    return false;
                }
            }
            return true;
        }
    }

    CompletableFuture<Reply> handle(Exchange exchange) {
        Body body = new Body();
        source.read(exchange.body(), "task_ids, batch_id, return_when, wait", body);
        if ((body.ids == null) == (body.batch == null)) {
            throw Problem.field(
                    ProblemCode.INVALID_REQUEST,
                    "",
                    body.ids == null ? "must have task_ids or batch_id" : "may have task_ids or batch_id, not both");
        }
        CompletableFuture<List<TaskId>> ids =
                body.ids != null ? known(exchange, parsed(body.ids)) : ofBatch(exchange, String.valueOf(body.batch));
        return ids.thenCompose(all -> waited(exchange, all, body.until, body.seconds));
    }

    /** Returns the tasks in order, and where each stands first. */
    private static SequencedMap<TaskId, Integer> parsed(List<String> texts) {
        SequencedMap<TaskId, Integer> ids = new LinkedHashMap<>();
        List<Problem.FieldError> unknown = new ArrayList<>();
        for (int i = 0; i < texts.size(); i++) {
            var id = TaskId.parse(texts.get(i));
            if (id.isPresent()) {
                ids.putIfAbsent(id.get(), i);
            } else {
                unknown.add(new Problem.FieldError(
                        "/task_ids/" + i, "there is no task '" + Exchange.shortened(texts.get(i)) + "'"));
            }
        }
        refuse(unknown);
        return ids;
    }

    private static void refuse(List<Problem.FieldError> unknown) {
        if (!unknown.isEmpty()) {
            throw Problem.fields(ProblemCode.TASK_NOT_FOUND, unknown);
        }
    }

    private CompletableFuture<List<TaskId>> known(Exchange exchange, SequencedMap<TaskId, Integer> asked) {
        List<TaskId> ids = List.copyOf(asked.sequencedKeySet());
        return engine.find(ids).thenApply(found -> {
            List<Problem.FieldError> unknown = new ArrayList<>();
            asked.forEach((id, index) -> {
                Task task = found.get(id);
                if (task == null || !exchange.caller().maySee(task)) {
                    unknown.add(new Problem.FieldError(
                            "/task_ids/" + index, "there is no task " + id + ", or it has expired"));
                }
            });
            refuse(unknown);
            return ids;
        });
    }

    private CompletableFuture<List<TaskId>> ofBatch(Exchange exchange, String text) {
        return BatchHandlers.visible(engine, exchange, text).thenCompose(batch -> {
            if (batch.size() > MAX_OF_BATCH) {
                throw Problem.field(
                        ProblemCode.INVALID_REQUEST,
                        "/batch_id",
                        "has " + batch.size() + " tasks, and one wait is for " + MAX_OF_BATCH
                                + " at most; wait for the batch itself, and read its results in pages");
            }
            return engine.batches()
                    .tasks(batch.id(), MAX_OF_BATCH)
                    .thenApply(tasks -> tasks.stream()
                            .filter(t -> exchange.caller().maySee(t))
                            .map(Task::id)
                            .toList());
        });
    }

    private CompletableFuture<Reply> waited(Exchange exchange, List<TaskId> ids, ReturnWhen until, int seconds) {
        if (seconds == 0) {
            return snapshot(ids, until);
        }
        Group group = new Group(Set.copyOf(ids), until);
        for (TaskId id : ids) {
            engine.waits().enter(id.sequence(), group);
        }
        CompletableFuture<Reply> reply = new CompletableFuture<>();
        OpenWaits.Wait wait = waits.begin(exchange, seconds, () -> {
            for (TaskId id : ids) {
                engine.waits().leave(id.sequence(), group);
            }
            snapshot(ids, until).whenComplete((r, error) -> {
                if (error != null) {
                    reply.completeExceptionally(error);
                } else {
                    reply.complete(r);
                }
            });
        });
        group.begun(wait);
        // Those that were done before the waiter was entered.
        engine.find(ids).whenComplete((found, error) -> {
            if (error != null) {
                wait.end();
            } else {
                found.values().stream().filter(Task::done).forEach(group::done);
                group.gone(ids.size() - found.size());
            }
        });
        return reply;
    }

    /** Counts those that end until it is enough. Told by the engine's thread and the request's. */
    private static final class Group implements Waits.Waiter {
        private final ReturnWhen until;
        private final Set<TaskId> open = ConcurrentHashMap.newKeySet();
        private volatile boolean met;
        private volatile OpenWaits.@Nullable Wait wait;

        Group(Set<TaskId> ids, ReturnWhen until) {
            this.until = until;
            this.open.addAll(ids);
            this.met = ids.isEmpty();
        }

        @Override
        public void done(Task task) {
            open.remove(task.id());
            if (until.metBy(task) || open.isEmpty()) {
                meet();
            }
        }

        /** Some tasks were forgotten in between: nobody will tell of their end. */
        void gone(int count) {
            if (count > 0 && open.size() <= count) {
                meet();
            }
        }

        private void meet() {
            met = true;
            OpenWaits.Wait mine = wait;
            if (mine != null) {
                mine.end();
            }
        }

        void begun(OpenWaits.Wait begun) {
            wait = begun;
            if (met) {
                begun.end();
            }
        }
    }

    private CompletableFuture<Reply> snapshot(List<TaskId> ids, ReturnWhen until) {
        return engine.find(ids).thenCompose(found -> {
            List<Task> done = new ArrayList<>();
            List<TaskId> notDone = new ArrayList<>();
            for (TaskId id : ids) {
                Task task = found.get(id);
                if (task != null && task.done()) {
                    done.add(task);
                } else if (task != null) {
                    notDone.add(id);
                }
            }
            done.sort(Comparator.comparingLong(Task::finishedMicros));
            boolean satisfied = notDone.isEmpty() || done.stream().anyMatch(until::metBy);
            EndedTasks ended =
                    new EndedTasks(engine, done.stream().map(Task::id).toList(), satisfied, notDone);
            return ended.first().thenApply(all -> (Reply) () -> ended.answer());
        });
    }
}
