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
import java.util.List;
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

        /** {@code wait([])} is satisfied at once. */
        @Override
        public void empty(String name) {
            if (name.equals("task_ids")) {
                ids = List.of();
            }
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
        TaskIds named = new TaskIds(engine, exchange.caller());
        CompletableFuture<List<TaskId>> ids = body.ids != null
                ? named.known(body.ids, index -> "/task_ids/" + index)
                : named.ofBatch(String.valueOf(body.batch), MAX_OF_BATCH);
        return ids.thenCompose(all -> waited(exchange, all, body.until, body.seconds));
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
                group.gone(ids.stream().filter(id -> !found.containsKey(id)).toList());
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
        void gone(List<TaskId> ids) {
            ids.forEach(open::remove);
            if (open.isEmpty()) {
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
