package dev.taskpool.http;

import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes the answers of suspended requests, on threads of the server. All requests of one commit become answerable at once:
 * one thread that takes them in turn costs a wake-up for all of them, where a thread for each costs a wake-up for each, which is
 * more than the writing itself (measured, see ARCHITECTURE.md). A client that does not read holds the thread that writes
 * to it: {@link #relieve} puts another in its place.
 */
final class AnswerThreads implements Executor {
    private static final Logger LOG = LoggerFactory.getLogger(AnswerThreads.class);

    /** A second thread is worth its wake-up where so many answers wait for each that is at work. */
    private static final int ENOUGH_FOR_ANOTHER = 16;

    private final Executor threads;
    private final int usual;
    private final ConcurrentLinkedQueue<Runnable> queue = new ConcurrentLinkedQueue<>();
    private final AtomicInteger queued = new AtomicInteger();
    private final AtomicInteger active = new AtomicInteger();
    private final AtomicInteger written = new AtomicInteger();

    /** Confined to the caller of {@link #relieve}. */
    private int writtenBefore;

    /** @param usual threads at work at once, as long as none is held up */
    AnswerThreads(Executor threads, int usual) {
        this.threads = threads;
        this.usual = usual;
    }

    @Override
    public void execute(Runnable answer) {
        queue.add(answer);
        int waiting = queued.incrementAndGet();
        int now = active.get();
        if (now == 0 || (now < usual && waiting > now * ENOUGH_FOR_ANOTHER)) {
            if (active.compareAndSet(now, now + 1)) {
                begin();
            }
        }
    }

    /** To be called now and then: where answers wait and no thread came further since the last call, one more is started. */
    void relieve() {
        int now = written.get();
        if (now == writtenBefore && !queue.isEmpty()) {
            active.incrementAndGet();
            begin();
        }
        writtenBefore = now;
    }

    private void begin() {
        try {
            threads.execute(this::run);
        } catch (RejectedExecutionException e) {
            active.decrementAndGet();
            LOG.debug("the server is stopped: answers are dropped");
        }
    }

    private void run() {
        do {
            Runnable next = queue.poll();
            while (next != null) {
                queued.decrementAndGet();
                next.run();
                written.incrementAndGet();
                next = queue.poll();
            }
            active.decrementAndGet();
            // What came after the last look saw a thread at work, and started none.
        } while (!queue.isEmpty() && active.compareAndSet(0, 1));
    }
}
