package dev.taskpool.engine;

import dev.taskpool.model.Batch;
import dev.taskpool.model.BatchId;
import dev.taskpool.store.Change;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * What is decided on the callbacks of batches. One that is done is in the store only: while something is being decided on it, what it has
 * come to is held here, so that no step starts from what was before another. Confined to the engine's thread, but for asking.
 */
final class BatchCallbacks {
    private final Live live;

    /** By sequence. */
    private final Map<Long, Held> held = new HashMap<>();

    private static final class Held {
        /** Commands that are at work on it. */
        int users;

        /** Whether it was read, or decided on, since the first of them came. */
        boolean known;

        /** As it was last decided; null where there is none. */
        @Nullable
        Batch now;
    }

    BatchCallbacks(Live live) {
        this.live = live;
    }

    /**
     * Has a step decided.
     *
     * @param fact whether it happened already
     */
    CompletableFuture<Noted<Batch>> on(BatchId id, boolean fact, CallbackCommands.Step step) {
        OnBatch command = new OnBatch(id, fact, step);
        live.mailbox.put(command);
        return command.answer;
    }

    /** A done batch is deleted. */
    void deleted(Transaction tx, BatchId id) {
        Held entry = held.get(id.sequence());
        if (entry != null) {
            set(tx, entry, null);
        }
    }

    private static void set(Transaction tx, Held entry, @Nullable Batch now) {
        Batch before = entry.now;
        boolean known = entry.known;
        entry.now = now;
        entry.known = true;
        tx.undo(() -> {
            entry.now = before;
            entry.known = known;
        });
    }

    private final class OnBatch extends Request<Noted<Batch>> {
        private final BatchId id;
        private final boolean fact;
        private final CallbackCommands.Step step;

        // Written before this is put into the mailbox again.
        private boolean wasRead;
        private @Nullable Batch stored;

        /** Confined to the engine's thread. */
        private @Nullable Held entry;

        OnBatch(BatchId id, boolean fact, CallbackCommands.Step step) {
            this.id = id;
            this.fact = fact;
            this.step = step;
        }

        @Override
        public boolean fact() {
            return fact;
        }

        @Override
        public void decide(Transaction tx) {
            Batch decided = tx.batch(id.sequence());
            Batch open = decided == null ? live.batches.find(id) : decided;
            if (open != null && open.id().equals(id) && !live.batches.expired(open)) {
                CallbackCommands.Stepped<Batch> further = CallbackCommands.on(open, step);
                if (further.after().changed()) {
                    live.batches.reserve(tx, open, further.subject());
                    tx.batch(further.subject());
                }
                letGo();
                tx.after(() -> {
                    Batch now = tx.batch(id.sequence());
                    answer.complete(further.noted(now == null ? further.subject() : now));
                });
                return;
            }
            Held mine = hold();
            if (!mine.known) {
                if (!wasRead) {
                    tx.after(this::read);
                    return;
                }
                // Nobody has decided on it since this was asked for, which was before it was read.
                mine.known = true;
                mine.now = stored;
            }
            Batch before = mine.now;
            if (before == null || !before.id().equals(id) || live.expired(before)) {
                throw Batches.notFound(id);
            }
            CallbackCommands.Stepped<Batch> stepped = CallbackCommands.on(before, step);
            Batch next = stepped.subject();
            if (stepped.after().changed()) {
                set(tx, mine, next);
                tx.add(new Change.BatchSaved(next));
                tx.after(() -> live.observer.callbacksChanged(next));
            }
            tx.after(() -> {
                letGo();
                answer.complete(stepped.noted(next));
            });
        }

        private Held hold() {
            Held mine = entry;
            if (mine == null) {
                mine = held.computeIfAbsent(id.sequence(), k -> new Held());
                mine.users++;
                entry = mine;
            }
            return mine;
        }

        private void read() {
            live.store.batch(id).whenComplete((found, error) -> {
                if (error == null) {
                    stored = found.orElse(null);
                    wasRead = true;
                    live.mailbox.put(this);
                } else {
                    live.mailbox.put(tx -> {
                        letGo();
                        answer.completeExceptionally(error);
                    });
                }
            });
        }

        @Override
        public void refused(RuntimeException reason) {
            letGo();
            super.refused(reason);
        }

        private void letGo() {
            Held mine = entry;
            if (mine != null && --mine.users == 0) {
                held.remove(id.sequence());
            }
            entry = null;
        }
    }
}
