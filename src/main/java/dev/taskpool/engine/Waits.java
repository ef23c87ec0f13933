package dev.taskpool.engine;

import dev.taskpool.model.Task;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Who waits for which task: an entry in a map, not a thread. Entered by any thread, told by the engine's thread once the
 * end is durable, in the order in which tasks end.
 */
public final class Waits {
    /** Waits for tasks. Must not block. */
    @FunctionalInterface
    public interface Waiter {
        /** One of the tasks is done. */
        void done(Task task);
    }

    /** By task: one waiter, or a list of them. Changed by compute only. */
    private final Map<Long, Object> bySequence = new ConcurrentHashMap<>();

    private final AtomicInteger open = new AtomicInteger();

    /**
     * Enters a waiter for a task. The caller looks at the task again afterwards: it may have ended in between.
     *
     * @param sequence of the task
     */
    public void enter(long sequence, Waiter waiter) {
        bySequence.compute(sequence, (k, old) -> {
            if (old == null) {
                return waiter;
            }
            List<Waiter> all = old instanceof Waiter one ? new ArrayList<>(List.of(one)) : list(old);
            all.add(waiter);
            return all;
        });
        open.incrementAndGet();
    }

    /** Forgets a waiter, because its time is over, its client is gone, or it was told otherwise. */
    public void leave(long sequence, Waiter waiter) {
        bySequence.computeIfPresent(sequence, (k, old) -> {
            if (old.equals(waiter)) {
                open.decrementAndGet();
                return null;
            }
            if (old instanceof Waiter) {
                return old;
            }
            List<Waiter> all = list(old);
            if (all.remove(waiter)) {
                open.decrementAndGet();
            }
            return all.isEmpty() ? null : all;
        });
    }

    /** Returns the sequences of the tasks that somebody waits for, as they are now. */
    Iterable<Long> sequences() {
        return bySequence.keySet();
    }

    /** Returns how many entries there are: a waiter for ten tasks counts ten times. */
    public int open() {
        return open.get();
    }

    /** Tells those who wait for a task. */
    void fire(Task task) {
        Object waiting = bySequence.remove(task.id().sequence());
        switch (waiting) {
            case null -> {}
            case Waiter one -> {
                open.decrementAndGet();
                one.done(task);
            }
            default -> {
                List<Waiter> all = list(waiting);
                open.addAndGet(-all.size());
                all.forEach(w -> w.done(task));
            }
        }
    }

    @SuppressWarnings("unchecked")
    private static List<Waiter> list(@Nullable Object value) {
        return (List<Waiter>) java.util.Objects.requireNonNull(value);
    }
}
