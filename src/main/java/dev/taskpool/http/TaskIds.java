package dev.taskpool.http;

import dev.taskpool.engine.Engine;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import dev.taskpool.store.TaskQuery;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntFunction;

/** The tasks that a request means: by their ids, their batch, or their labels; each once, and only what the caller may see. */
final class TaskIds {
    /** Tasks that one request may mean. */
    static final int MOST = 100_000;

    private static final int AT_ONCE = 1_000;

    /** A problem names no more of what is wrong. */
    private static final int MAX_ERRORS = 50;

    private final Engine engine;
    private final Caller caller;

    TaskIds(Engine engine, Caller caller) {
        this.engine = engine;
        this.caller = caller;
    }

    /**
     * Returns the tasks that texts name, by their own ids or by those that the caller chose, in their order.
     *
     * @param pointer where one stands
     * @return fails with {@code task_not_found}, naming those that there are not
     */
    CompletableFuture<List<TaskId>> known(List<String> texts, IntFunction<String> pointer) {
        return chosen(texts).thenCompose(chosen -> known(texts, chosen, pointer));
    }

    /** Returns the tasks whose ids the caller chose, by these. */
    private CompletableFuture<Map<String, TaskId>> chosen(List<String> texts) {
        List<String> names = texts.stream().filter(CallerIds::valid).distinct().toList();
        Map<String, TaskId> found = new ConcurrentHashMap<>();
        CompletableFuture<Void> all = CompletableFuture.completedFuture(null);
        for (int i = 0; i < names.size(); i += AT_ONCE) {
            List<String> some = names.subList(i, Math.min(names.size(), i + AT_ONCE));
            all = all.thenCompose(before -> CompletableFuture.allOf(some.stream()
                    .map(name -> engine.keyed(Keys.ofId(caller, name))
                            .thenAccept(id -> id.ifPresent(task -> found.put(name, task))))
                    .toArray(CompletableFuture[]::new)));
        }
        return all.thenApply(done -> found);
    }

    private CompletableFuture<List<TaskId>> known(
            List<String> texts, Map<String, TaskId> chosen, IntFunction<String> pointer) {
        SequencedMap<TaskId, Integer> asked = new LinkedHashMap<>();
        List<Problem.FieldError> unknown = new ArrayList<>();
        for (int i = 0; i < texts.size(); i++) {
            String text = texts.get(i);
            TaskId id = TaskId.parse(text).orElse(chosen.get(text));
            if (id != null) {
                asked.putIfAbsent(id, i);
            } else {
                unknown.add(new Problem.FieldError(
                        pointer.apply(i), "there is no task '" + Exchange.shortened(text) + "'"));
            }
        }
        refuse(unknown);
        List<TaskId> ids = List.copyOf(asked.sequencedKeySet());
        CompletableFuture<Void> found = CompletableFuture.completedFuture(null);
        for (int i = 0; i < ids.size(); i += AT_ONCE) {
            List<TaskId> some = ids.subList(i, Math.min(ids.size(), i + AT_ONCE));
            found = found.thenCompose(before -> engine.find(some))
                    .thenAccept(there -> some.forEach(id -> {
                        Task task = there.get(id);
                        if (task == null || !caller.maySee(task)) {
                            unknown.add(new Problem.FieldError(
                                    pointer.apply(asked.getOrDefault(id, 0)),
                                    "there is no task " + id + ", or it has expired"));
                        }
                    }));
        }
        return found.thenApply(all -> {
            refuse(unknown);
            return ids;
        });
    }

    private static void refuse(List<Problem.FieldError> unknown) {
        if (!unknown.isEmpty()) {
            throw Problem.fields(ProblemCode.TASK_NOT_FOUND, unknown.subList(0, Math.min(MAX_ERRORS, unknown.size())));
        }
    }

    /**
     * Returns the tasks that there still are of a batch.
     *
     * @param most so many it may have
     */
    CompletableFuture<List<TaskId>> ofBatch(String text, int most) {
        return BatchHandlers.visible(engine, caller, text).thenCompose(batch -> {
            if (batch.size() > most) {
                throw Problem.field(
                        ProblemCode.INVALID_REQUEST,
                        "/batch_id",
                        "has " + batch.size() + " tasks, and this is for " + most
                                + " at most; wait for the batch itself, and read its results in pages");
            }
            return engine.batches().tasks(batch.id(), most).thenApply(this::visible);
        });
    }

    /** Returns the tasks that there are now with all of some labels, the oldest first. */
    CompletableFuture<List<TaskId>> labelled(Map<String, String> labels) {
        return labelled(labels, Long.MAX_VALUE, new ArrayList<>());
    }

    private CompletableFuture<List<TaskId>> labelled(Map<String, String> labels, long before, List<TaskId> found) {
        TaskQuery query = new TaskQuery(Set.of(), null, null, null, labels, 0, before, AT_ONCE);
        return engine.list(query).thenCompose(page -> {
            found.addAll(visible(page));
            if (found.size() > MOST) {
                throw Problem.of(
                        ProblemCode.INVALID_REQUEST,
                        "more than " + MOST + " tasks have these labels; name fewer, or a batch");
            }
            return page.size() < AT_ONCE
                    ? CompletableFuture.completedFuture(found.reversed())
                    : labelled(labels, page.getLast().id().sequence(), found);
        });
    }

    private List<TaskId> visible(List<Task> tasks) {
        return tasks.stream().filter(caller::maySee).map(Task::id).toList();
    }
}
