package dev.taskpool.engine;

import dev.taskpool.model.Batch;
import dev.taskpool.model.BatchId;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import dev.taskpool.model.TaskSpec;
import dev.taskpool.pool.Run;
import dev.taskpool.store.Change;
import dev.taskpool.store.Store;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The log of what happens, in the order in which it became durable. The journal is that log; its last frames are held here as
 * well, as long as anybody follows, so that followers need not read and decode what the engine's thread just wrote. Older
 * ones are read from the journal as far as it keeps them. A change is found by its frame and its place there.
 *
 * <p>Costs the engine's thread one look at a counter per write where nobody follows. A follower holds nothing here but a
 * place: one that is slow falls back to the journal.
 */
public final class Events {
    /** Of changes that are held for followers. */
    private static final long MAX_WEIGHT = 8L << 20;

    private static final int MAX_FRAMES = 8_192;

    private final Store store;
    private final Function<Set<TaskId>, Map<TaskId, TaskSpec>> specs;
    private final AtomicInteger followers = new AtomicInteger();
    private final List<Subscription> broad = new CopyOnWriteArrayList<>();

    /** By the sequence of the task or batch that they follow. */
    private final Map<Long, List<Subscription>> narrow = new ConcurrentHashMap<>();

    /** The last frame of which everybody was told. Written by the engine's thread. */
    private volatile long told;

    private final ReentrantLock lock = new ReentrantLock();
    // Guarded by the lock.
    private final ArrayDeque<Frame> recent = new ArrayDeque<>();
    private long weight;

    /** All frames behind this one are in {@code recent}, where somebody follows. */
    private long recentAfter;

    private record Frame(long number, List<Change> changes, long weight) {}

    /**
     * What is followed: everything where all are null.
     *
     * @param pool tasks of this pool, and the pool itself
     * @param batch tasks of this batch
     * @param task this task
     */
    public record Scope(
            @Nullable String pool,
            @Nullable BatchId batch,
            @Nullable TaskId task) {
        boolean has(Task other) {
            return (pool == null || pool.equals(other.spec().pool()))
                    && (batch == null || batch.equals(other.spec().batch()))
                    && (task == null || task.equals(other.id()));
        }

        /** Returns whether an event is of this. */
        public boolean has(Event event) {
            return switch (event) {
                case Event.OfTask of -> has(of.task());
                case Event.OfPool(String name, String state) ->
                    batch == null && task == null && (pool == null || pool.equals(name));
            };
        }

        private @Nullable Long narrowTo() {
            return task != null ? Long.valueOf(task.sequence()) : batch != null ? Long.valueOf(batch.sequence()) : null;
        }
    }

    Events(Store store, Function<Set<TaskId>, Map<TaskId, TaskSpec>> specs) {
        this.store = store;
        this.specs = specs;
        this.told = store.lastFrame();
    }

    /** Returns the last frame of which everybody was told. */
    public long told() {
        return told;
    }

    /** Returns the number of the oldest frame that can still be followed from. */
    public long oldest() {
        return store.oldestFrame();
    }

    /** Begins to follow what comes behind what was told by now, or behind a frame that the follower names afterwards. */
    public Subscription subscribe(Scope scope) {
        Subscription subscription = new Subscription(this, scope);
        lock.lock();
        try {
            if (followers.getAndIncrement() == 0) {
                recent.clear();
                weight = 0;
                recentAfter = told;
            }
        } finally {
            lock.unlock();
        }
        Long key = scope.narrowTo();
        if (key == null) {
            broad.add(subscription);
        } else {
            narrow.merge(key, List.of(subscription), Events::concat);
        }
        subscription.seek(told);
        return subscription;
    }

    void end(Subscription subscription) {
        Long key = subscription.scope().narrowTo();
        if (key == null) {
            broad.remove(subscription);
        } else {
            narrow.computeIfPresent(key, (k, all) -> {
                List<Subscription> rest =
                        all.stream().filter(s -> s != subscription).toList();
                return rest.isEmpty() ? null : rest;
            });
        }
        lock.lock();
        try {
            if (followers.decrementAndGet() == 0) {
                recent.clear();
                weight = 0;
            }
        } finally {
            lock.unlock();
        }
    }

    private static List<Subscription> concat(List<Subscription> some, List<Subscription> more) {
        List<Subscription> all = new ArrayList<>(some);
        all.addAll(more);
        return List.copyOf(all);
    }

    /** A frame is durable, and the tasks stand as it says. By the engine's thread. */
    void told(long frame, List<Change> changes) {
        if (followers.get() == 0) {
            told = frame;
            // Whoever began to follow since then may not have seen it: see subscribe.
            if (followers.get() == 0) {
                return;
            }
        }
        hold(frame, changes);
        told = frame;
        for (Subscription each : broad) {
            each.dirty(frame);
        }
        if (!narrow.isEmpty()) {
            for (Change change : changes) {
                Task task = task(change);
                if (task != null) {
                    each(task, s -> s.dirty(frame));
                }
            }
        }
    }

    private void hold(long frame, List<Change> changes) {
        long bytes = 0;
        for (Change change : changes) {
            bytes += weight(change);
        }
        lock.lock();
        try {
            recent.addLast(new Frame(frame, changes, bytes));
            weight += bytes;
            while (weight > MAX_WEIGHT || recent.size() > MAX_FRAMES) {
                Frame oldest = recent.removeFirst();
                weight -= oldest.weight;
                recentAfter = oldest.number;
            }
        } finally {
            lock.unlock();
        }
    }

    private static long weight(Change change) {
        return switch (change) {
            case Change.TaskCreated(Task task) -> task.weight();
            case Change.TaskChanged(Task task, boolean _) -> task.weight();
            case Change.CallbacksBegun(Task task) -> task.weight();
            case Change.CallbacksChanged(Task task) -> task.weight();
            case Change.BatchSaved(Batch batch) -> batch.weight();
            case Change.BatchCounted(Batch batch) -> batch.weight();
            default -> 64;
        };
    }

    private static @Nullable Task task(Change change) {
        return switch (change) {
            case Change.TaskCreated(Task task) -> task;
            case Change.TaskChanged(Task task, boolean _) -> task;
            default -> null;
        };
    }

    @FunctionalInterface
    private interface Telling {
        void tell(Subscription subscription);
    }

    private void each(Task task, Telling telling) {
        narrow.getOrDefault(task.id().sequence(), List.of()).forEach(telling::tell);
        BatchId batch = task.spec().batch();
        if (batch != null) {
            narrow.getOrDefault(batch.sequence(), List.of()).forEach(telling::tell);
        }
    }

    /** A run says how far it is. By any thread. */
    void progressed(Task task, Run run) {
        if (followers.get() > 0) {
            for (Subscription each : broad) {
                if (each.scope().has(task)) {
                    each.progressed(run);
                }
            }
            each(task, s -> s.progressed(run));
        }
    }

    /** Returns the frames behind one that are held here, or null where some of them are not. */
    private @Nullable List<Frame> recent(long after) {
        lock.lock();
        try {
            if (after < recentAfter) {
                return null;
            }
            List<Frame> found = new ArrayList<>();
            for (var each = recent.descendingIterator(); each.hasNext(); ) {
                Frame frame = each.next();
                if (frame.number <= after) {
                    break;
                }
                found.add(frame);
            }
            return found.reversed();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Tells a follower what came behind a frame, up to what everybody was told when this was called.
     *
     * @return the frame up to which that was, or -1 where some of it is not kept any more
     */
    long read(long after, Store.Reread to) throws java.io.IOException {
        long upTo = told;
        long at = after;
        while (at < upTo) {
            List<Frame> frames = recent(at);
            if (frames == null) {
                if (!store.reread(at, upTo, specs, to)) {
                    return -1;
                }
                at = upTo;
            } else if (frames.isEmpty()) {
                // Just being held: word of it is to come.
                return at;
            } else {
                for (Frame frame : frames) {
                    for (int i = 0; i < frame.changes.size(); i++) {
                        to.change(frame.number, i, frame.changes.get(i));
                    }
                    at = frame.number;
                }
            }
        }
        return at;
    }

    /** Asks the engine for the specs of tasks; for a thread that may block. */
    static Function<Set<TaskId>, Map<TaskId, TaskSpec>> specsOf(Engine engine) {
        return ids -> {
            Map<TaskId, TaskSpec> found = new HashMap<>();
            engine.find(List.copyOf(ids)).join().forEach((id, task) -> found.put(id, task.spec()));
            return found;
        };
    }
}
