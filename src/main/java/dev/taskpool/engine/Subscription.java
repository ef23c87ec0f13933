package dev.taskpool.engine;

import dev.taskpool.pool.Run;
import dev.taskpool.store.Store;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One follower of what happens: a place in the log, and word that there is more behind it. For one thread, which may block;
 * {@link #wake} is for any.
 */
public final class Subscription implements AutoCloseable {
    /** Runs whose progress waits to be told; of more than these it is not told until there is room. */
    private static final int MAX_PROGRESS = 10_000;

    private final Events events;
    private final Events.Scope scope;
    private final Semaphore news = new Semaphore(0);

    /** By task: the runs that said how far they are since it was told last. */
    private final Map<Long, Run> progress = new ConcurrentHashMap<>();

    /** The first frame that concerns this and that it has not looked at; 0 where there is none. */
    private volatile long dirty;

    /** Everything up to this frame was read. Confined to the follower. */
    private long position;

    Subscription(Events events, Events.Scope scope) {
        this.events = events;
        this.scope = scope;
    }

    public Events.Scope scope() {
        return scope;
    }

    /** Returns the frame up to which all was read. */
    public long position() {
        return position;
    }

    /** Goes to a place behind a frame. */
    public void seek(long frame) {
        position = frame;
        dirty = frame + 1;
    }

    /** By the engine's thread: a frame concerns this. */
    void dirty(long frame) {
        if (dirty == 0) {
            dirty = frame;
        }
        wake();
    }

    /** By any thread: a run that concerns this says how far it is. */
    void progressed(Run run) {
        long sequence = run.id().sequence();
        if (progress.size() < MAX_PROGRESS || progress.containsKey(sequence)) {
            if (progress.put(sequence, run) == null) {
                wake();
            }
        }
    }

    /** Has {@link #await} return. */
    public void wake() {
        if (news.availablePermits() == 0) {
            news.release();
        }
    }

    /** Waits for something to be read; returns false where nothing came in time. Interrupted, it returns at once. */
    public boolean await(long millis) {
        try {
            boolean woken = news.tryAcquire(millis, TimeUnit.MILLISECONDS);
            news.drainPermits();
            return woken;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return true;
        }
    }

    /**
     * Reads what came since the last time, whether it is of the scope or not.
     *
     * @return false where the log does not keep all of it any more
     */
    public boolean read(Store.Reread to) throws IOException {
        long from = dirty;
        // Taken back before it is asked how far everybody was told: what comes behind that sets it again.
        dirty = 0;
        if (from == 0) {
            return true;
        }
        long read = events.read(Math.max(position, from - 1), to);
        if (read < 0) {
            return false;
        }
        position = read;
        return true;
    }

    /** Returns whether a run has said how far it is. */
    public boolean hasProgress() {
        return !progress.isEmpty();
    }

    /** Takes what runs have said since it was taken last. */
    public List<Run> takeProgress() {
        List<Run> taken = List.copyOf(progress.values());
        taken.forEach(run -> progress.remove(run.id().sequence(), run));
        return taken;
    }

    /** As {@link #takeProgress()}, of one task; null where there is nothing. */
    public @Nullable Run takeProgress(long sequence) {
        return progress.remove(sequence);
    }

    @Override
    public void close() {
        events.end(this);
    }
}
