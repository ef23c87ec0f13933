package dev.taskpool.http;

import dev.taskpool.engine.BatchWatcher;
import dev.taskpool.model.Batch;
import dev.taskpool.model.Json;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Between the lines that a streamed map takes and the results that it sends: so many at most are on their way. Whoever reads
 * lines waits here for room, whoever writes results waits for them; the engine's thread brings them.
 */
final class MapWindow implements BatchWatcher {
    /** A result that is larger is read again when its turn comes. */
    private static final int KEPT_WEIGHT = 4 << 10;

    private final boolean ordered;
    private final int size;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition room = lock.newCondition();
    private final Condition news = lock.newCondition();

    // Guarded by the lock.
    /** Index of the first line of this request. */
    private long base = Long.MAX_VALUE;

    /** By index, where they are sent in order. */
    private @Nullable Settled[] ring;

    /** Where they are sent as they come. */
    private final ArrayDeque<Settled> ready = new ArrayDeque<>();

    private long nextIn;
    private long nextOut;
    private int inside;
    private boolean older;
    private boolean full;
    private @Nullable String ended;
    private boolean closing;
    private boolean stopped;
    private @Nullable Throwable failure;

    /**
     * What became of a line.
     *
     * @param task where it is small; otherwise its id says what to read
     * @param line what to send, where there is no task
     */
    record Settled(
            long index,
            @Nullable Task task,
            @Nullable TaskId id,
            @Nullable Json line) {}

    MapWindow(boolean ordered, int size) {
        this.ordered = ordered;
        this.size = size;
        this.ring = new Settled[ordered ? size : 0];
    }

    /** Says which lines are this request's: those from an index on. */
    void begin(long first) {
        lock.lock();
        try {
            base = first;
            nextIn = first;
            nextOut = first;
        } finally {
            lock.unlock();
        }
    }

    // --- the engine's thread ---

    @Override
    public void done(Task task) {
        boolean small = task.weight() < KEPT_WEIGHT;
        settle(new Settled(task.spec().batchIndex(), small ? task : null, task.id(), null));
    }

    @Override
    public void moved(Batch now) {
        lock.lock();
        try {
            if (!now.open() && !closing) {
                end("closed");
            }
        } finally {
            lock.unlock();
        }
    }

    /** What became of a line is known. */
    void settle(Settled settled) {
        lock.lock();
        try {
            if (!ordered) {
                ready.add(settled);
            } else if (settled.index < base) {
                older = true;
            } else {
                ring[(int) (settled.index % size)] = settled;
                if (settled.index != nextOut) {
                    return;
                }
            }
            news.signal();
        } finally {
            lock.unlock();
        }
    }

    // --- who reads lines ---

    /** Waits for room for a line; returns false where no more are to be taken. */
    boolean enter() throws InterruptedException {
        lock.lock();
        try {
            while (inside == size && !stopped) {
                full = true;
                room.await();
            }
            return !stopped && take();
        } finally {
            lock.unlock();
        }
    }

    /** Takes room for a line if there is some. */
    boolean tryEnter() {
        lock.lock();
        try {
            return inside < size && !stopped && take();
        } finally {
            lock.unlock();
        }
    }

    private boolean take() {
        inside++;
        nextIn++;
        return true;
    }

    /** Gives room back that was taken for lines that were not. */
    void leave(int lines) {
        lock.lock();
        try {
            inside -= lines;
            nextIn -= lines;
            news.signal();
        } finally {
            lock.unlock();
        }
    }

    /** Waits until results were sent, or a while. */
    @SuppressWarnings("WaitNotInLoop") // waking early does no harm: callers look again
    void awaitSent(long millis) throws InterruptedException {
        lock.lock();
        try {
            if (!stopped) {
                full = true;
                room.await(millis, TimeUnit.MILLISECONDS);
            }
        } finally {
            lock.unlock();
        }
    }

    /** The batch is about to be closed by this request. */
    void closing() {
        lock.lock();
        try {
            closing = true;
        } finally {
            lock.unlock();
        }
    }

    /** No more lines are taken: what is inside is to come. The first reason stands. */
    void end(String reason) {
        lock.lock();
        try {
            if (ended == null) {
                ended = reason;
            }
            news.signal();
        } finally {
            lock.unlock();
        }
    }

    /** Nothing is to come any more. */
    void stop(String reason) {
        lock.lock();
        try {
            stopped = true;
            if (ended == null || !ended.equals("complete")) {
                ended = reason;
            }
            room.signalAll();
            news.signal();
        } finally {
            lock.unlock();
        }
    }

    /** The connection is broken. */
    void fail(Throwable cause) {
        lock.lock();
        try {
            failure = cause;
        } finally {
            lock.unlock();
        }
        stop("cut");
    }

    boolean stopped() {
        lock.lock();
        try {
            return stopped;
        } finally {
            lock.unlock();
        }
    }

    // --- who writes results ---

    /** Returns what can be sent, waiting for it a while; nothing where nothing came, or no more is to come. */
    @SuppressWarnings("WaitNotInLoop") // waking early does no harm: callers look again
    List<Settled> next(int most, long millis) throws InterruptedException {
        lock.lock();
        try {
            if (!has() && !over() && millis > 0) {
                news.await(millis, TimeUnit.MILLISECONDS);
            }
            List<Settled> some = new ArrayList<>();
            while (some.size() < most && has()) {
                if (ordered) {
                    int slot = (int) (nextOut++ % size);
                    Settled settled = ring[slot];
                    ring[slot] = null;
                    if (settled != null) {
                        some.add(settled);
                    }
                } else {
                    some.add(ready.remove());
                }
            }
            return some;
        } finally {
            lock.unlock();
        }
    }

    private boolean has() {
        if (!ordered) {
            return !ready.isEmpty();
        }
        Settled next = ring[(int) (nextOut % size)];
        return nextOut < nextIn && next != null && next.index == nextOut;
    }

    /** Returns whether a line is this request's. */
    boolean mine(long index) {
        lock.lock();
        try {
            return index >= base;
        } finally {
            lock.unlock();
        }
    }

    /** Waits a while for an earlier request's lines. */
    @SuppressWarnings("WaitNotInLoop") // waking early does no harm: callers look again
    void awaitOlder(long millis) throws InterruptedException {
        lock.lock();
        try {
            if (!older && !stopped) {
                news.await(millis, TimeUnit.MILLISECONDS);
            }
            older = false;
        } finally {
            lock.unlock();
        }
    }

    /** Results of this request's lines were sent. */
    void sent(int lines) {
        lock.lock();
        try {
            inside -= lines;
            if (full && (inside <= size / 2 || inside == 0)) {
                full = false;
                room.signalAll();
            }
        } finally {
            lock.unlock();
        }
    }

    /** Returns whether no more is to come. */
    boolean finished() {
        lock.lock();
        try {
            return over();
        } finally {
            lock.unlock();
        }
    }

    private boolean over() {
        return stopped || (ended != null && inside == 0);
    }

    /** Returns why no more lines are taken; null where they are. */
    @Nullable
    String reason() {
        lock.lock();
        try {
            return ended;
        } finally {
            lock.unlock();
        }
    }

    /** Returns what broke the connection, or null. */
    @Nullable
    Throwable failure() {
        lock.lock();
        try {
            return failure;
        } finally {
            lock.unlock();
        }
    }
}
