package dev.taskpool.worker;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Frames on their way from a Java worker, in order. A thread of its own writes them, because callables' threads may be
 * interrupted at any moment, and an interrupted write would close the connection.
 */
final class Outbox {
    private static final int MOST_QUEUED = 256;

    private final FrameChannel channel;

    /** Guards what follows. Held while a thread that had nothing to wait for writes itself. */
    private final ReentrantLock lock = new ReentrantLock();

    private final Condition changed = lock.newCondition();
    private final Deque<Frame> queue = new ArrayDeque<>();
    private boolean writing;

    Outbox(FrameChannel channel) {
        this.channel = channel;
        Thread.ofPlatform().daemon().name("worker-writer").start(this::run);
    }

    /** Queues a frame; waits where the service is slow to read. Interrupts do not matter here. */
    void put(Message message) {
        Frame frame = message.frame();
        lock.lock();
        try {
            while (queue.size() >= MOST_QUEUED) {
                changed.awaitUninterruptibly();
            }
            queue.add(frame);
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Writes a frame from this thread, where nothing is in front of it: it spares the way over the other. */
    void putNow(Message message) {
        lock.lock();
        try {
            if (queue.isEmpty() && !writing) {
                boolean interrupted = Thread.interrupted();
                write(message.frame());
                if (interrupted) {
                    Thread.currentThread().interrupt();
                }
                return;
            }
        } finally {
            lock.unlock();
        }
        put(message);
    }

    /** Interrupts a thread that may be in {@link #putNow}, and not while it writes. */
    void interrupt(Thread thread) {
        lock.lock();
        try {
            thread.interrupt();
        } finally {
            lock.unlock();
        }
    }

    private void run() {
        while (true) {
            Frame next;
            lock.lock();
            try {
                writing = false;
                changed.signalAll();
                while (queue.isEmpty()) {
                    changed.awaitUninterruptibly();
                }
                next = queue.remove();
                writing = true;
            } finally {
                lock.unlock();
            }
            write(next);
        }
    }

    private void write(Frame frame) {
        try {
            channel.write(frame);
        } catch (IOException e) {
            // The service is gone: so are we, at once. Nobody is left to tell.
            Runtime.getRuntime().halt(JavaWorker.EXIT_CONNECTION_LOST);
        }
    }
}
