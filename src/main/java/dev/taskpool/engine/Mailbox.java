package dev.taskpool.engine;

import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Many threads put, one takes. A put costs an append, and a wake-up only where the taker sleeps: with one lock and a
 * condition the wake-ups alone cost more than the work (measured, see ARCHITECTURE.md).
 */
final class Mailbox<T> {
    private final ConcurrentLinkedQueue<T> queue = new ConcurrentLinkedQueue<>();
    /** The taker's thread while it sleeps, or is about to. */
    private volatile @Nullable Thread sleeper;

    void put(T item) {
        queue.add(item);
        Thread waiting = sleeper;
        if (waiting != null) {
            LockSupport.unpark(waiting);
        }
    }

    /** Moves what is there to a list, up to a number. */
    void drainTo(List<T> out, int max) {
        for (int i = 0; i < max; i++) {
            T item = queue.poll();
            if (item == null) {
                return;
            }
            out.add(item);
        }
    }

    /** Sleeps until something is there, the time is over, or for no reason. For the one taker. */
    void await(long nanos) {
        sleeper = Thread.currentThread();
        // Looked at after the flag is up: a put before sees the flag, or is seen here.
        if (queue.isEmpty() && nanos > 0) {
            LockSupport.parkNanos(this, nanos);
        }
        sleeper = null;
    }
}
