package dev.taskpool.engine;

import dev.taskpool.model.Batch;
import dev.taskpool.model.BatchId;
import dev.taskpool.model.BatchPart;
import dev.taskpool.model.BatchRules;
import dev.taskpool.model.Callback;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.Task;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Predicate;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/** What can be done with batches. Safe for all threads; futures as {@link Engine} has them. */
public final class Batches {
    private final Live live;

    Batches(Live live) {
        this.live = live;
    }

    /** Returns the problem that there is no such batch. */
    public static Problem notFound(BatchId id) {
        return Problem.of(ProblemCode.BATCH_NOT_FOUND, "there is no batch " + id + ", or it has expired");
    }

    /** Returns a batch, or nothing where there is none. */
    public CompletableFuture<Optional<Batch>> find(BatchId id) {
        Batch here = live.batches.find(id);
        if (here != null) {
            return CompletableFuture.completedFuture(Optional.of(here));
        }
        return live.store.batch(id).thenApply(found -> found.filter(batch -> !live.expired(batch)));
    }

    /** Has one more receiver told of a batch's end, at once where it is done. */
    public CompletableFuture<Noted<Batch>> addCallback(BatchId id, Callback.Wish wish) {
        return live.batchCallbacks.on(id, false, CallbackCommands.add(wish, live.ticker));
    }

    /** Has a callback of a done batch delivered once more, or now instead of later. */
    public CompletableFuture<Noted<Batch>> redeliver(BatchId id, int callback) {
        return live.batchCallbacks.on(id, false, CallbackCommands.again(callback, live.ticker));
    }

    /** Notes a try to deliver a callback; see {@link Engine#tried}. */
    public CompletableFuture<Noted<Batch>> tried(BatchId id, int callback, Callback.Verdict verdict) {
        return live.batchCallbacks.on(id, true, CallbackCommands.tried(callback, verdict));
    }

    /** Watches a batch from now on; returns false where it is done, or there is none. */
    public boolean watch(BatchId id, BatchWatcher watcher) {
        return live.batches.watch(id, watcher);
    }

    /** Ends watching. */
    public void unwatch(BatchId id, BatchWatcher watcher) {
        live.batches.unwatch(id, watcher);
    }

    /** Begins a batch that is to be filled by and by. */
    public CompletableFuture<Batch> open(String owner, BatchRules rules) {
        Request<Batch> request = new Request<>() {
            @Override
            public void decide(Transaction tx) {
                if (live.draining) {
                    throw Problem.retryable(ProblemCode.DRAINING, "the service is draining and takes no new tasks", 5);
                }
                BatchId id = new BatchId(live.ids.sequences(1), live.ids.nonce());
                Batch batch = Batch.of(id, owner, rules, live.ticker.millis(), true);
                live.batches.reserve(tx, null, batch);
                tx.batch(batch);
                tx.after(() -> answer.complete(batch));
            }
        };
        live.mailbox.put(request);
        return request.answer;
    }

    /**
     * Takes a batch back.
     *
     * @param interrupt whether that stops running tasks as well
     * @param mine whose tasks are touched
     * @return the batch, when what can be cancelled is; one that was done already is as it was
     */
    public CompletableFuture<Batch> cancel(BatchId id, boolean interrupt, Predicate<Task> mine) {
        if (live.batches.find(id) == null) {
            return find(id).thenApply(found -> found.orElseThrow(() -> notFound(id)));
        }
        CancelBatch command = new CancelBatch(live, id, interrupt, mine, false);
        live.mailbox.put(command);
        return command.answer;
    }

    /** Forgets a batch that is done, and its tasks. */
    public CompletableFuture<Boolean> delete(BatchId id) {
        DeleteBatch command = new DeleteBatch(live, id);
        live.mailbox.put(command);
        return command.answer;
    }

    /**
     * Returns the tasks of a batch that there still are, in order; without arguments and result where they are not in
     * memory.
     *
     * @param limit about so many at most
     */
    public CompletableFuture<List<Task>> tasks(BatchId id, int limit) {
        return live.store.parts(id, 0, limit).thenCompose(parts -> {
            long[] sequences = parts.stream()
                    .flatMapToLong(part -> LongStream.range(part.sequence(), part.sequence() + part.count()))
                    .limit(limit)
                    .toArray();
            Map<Long, Task> there = new HashMap<>();
            List<Long> missing = new ArrayList<>();
            for (long sequence : sequences) {
                Task here = live.memory.task(sequence);
                if (here == null) {
                    missing.add(sequence);
                } else {
                    there.put(sequence, here);
                }
            }
            CompletableFuture<List<Task>> read =
                    missing.isEmpty() ? CompletableFuture.completedFuture(List.of()) : live.store.find(missing);
            return read.thenApply(stored -> {
                stored.stream()
                        .filter(task -> !live.expired(task))
                        .forEach(task -> there.put(task.id().sequence(), task));
                return Arrays.stream(sequences)
                        .mapToObj(sequence -> current(sequence, there.get(sequence)))
                        .filter(Objects::nonNull)
                        .toList();
            });
        });
    }

    /**
     * Returns what is at some positions of a batch. Of many large tasks only the first, but one position at least where
     * there is one.
     *
     * @param batch as it was just now: positions that were given away since are not looked at
     */
    public CompletableFuture<BatchPage> page(Batch batch, long from, int limit) {
        return live.store.parts(batch.id(), from, limit).thenCompose(parts -> page(batch, parts, from, limit));
    }

    private CompletableFuture<BatchPage> page(Batch asked, List<BatchPart> parts, long from, int limit) {
        long end = Math.min(asked.taken(), from + limit);
        Map<Long, Long> sequences = new HashMap<>();
        long known = from;
        for (BatchPart part : parts) {
            for (long index = Math.max(from, part.index());
                    index < Math.min(end, part.index() + part.count());
                    index++) {
                sequences.put(index, part.sequence() + index - part.index());
            }
            known = part.index() + part.count();
        }
        // Where there are no parts behind those, what is behind them made no tasks.
        long upTo = parts.size() == limit ? Math.min(end, known) : end;
        List<Long> missing = new ArrayList<>();
        Map<Long, Task> there = new HashMap<>();
        for (long index = from; index < upTo; index++) {
            Long sequence = sequences.get(index);
            if (sequence != null) {
                Task here = live.memory.task(sequence);
                if (here == null) {
                    missing.add(sequence);
                } else {
                    there.put(sequence, here);
                }
            }
        }
        CompletableFuture<List<Task>> read =
                missing.isEmpty() ? CompletableFuture.completedFuture(List.of()) : live.store.whole(missing);
        return read.thenApply(stored -> {
            stored.forEach(task -> there.put(task.id().sequence(), task));
            // What is missing behind the last that was read may just not have been read.
            long readUpTo =
                    stored.isEmpty() ? Long.MAX_VALUE : stored.getLast().id().sequence();
            List<BatchPage.Position> positions = new ArrayList<>();
            for (long index = from; index < upTo; index++) {
                Long sequence = sequences.get(index);
                if (sequence != null && !there.containsKey(sequence) && sequence > readUpTo && index > from) {
                    break;
                }
                Task task = sequence == null ? null : current(sequence, there.get(sequence));
                boolean its = task != null && asked.id().equals(task.spec().batch()) && !live.expired(task);
                positions.add(new BatchPage.Position(index, its ? task : null, sequence == null));
            }
            return new BatchPage(positions, from + positions.size(), asked.taken());
        });
    }

    private @Nullable Task current(long sequence, @Nullable Task read) {
        Task now = live.memory.task(sequence);
        return now == null ? read : now;
    }
}
