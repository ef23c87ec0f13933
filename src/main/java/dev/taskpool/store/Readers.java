package dev.taskpool.store;

import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Function;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The few threads that read H2. They run nothing else and nobody interrupts them; everybody else waits for a future. Each
 * has one connection, made anew when the database behind it was closed.
 */
final class Readers implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Readers.class);
    private static final int THREADS = 3;

    private final H2 h2;
    private final BlockingQueue<Job> jobs = new LinkedBlockingQueue<>();
    private final List<Thread> threads = new ArrayList<>();
    private volatile boolean closed;

    /** Something to read; ends the thread where it returns false. */
    @FunctionalInterface
    private interface Job {
        boolean run(Reader reader);
    }

    Readers(H2 h2) {
        this.h2 = h2;
        for (int i = 1; i <= THREADS; i++) {
            threads.add(Thread.ofPlatform().name("store-reader-" + i).start(new Reader()));
        }
    }

    <T> CompletableFuture<T> run(Function<Queries, T> read) {
        CompletableFuture<T> result = new CompletableFuture<>();
        jobs.add(reader -> {
            try {
                result.complete(reader.read(read));
            } catch (SQLException | RuntimeException e) {
                result.completeExceptionally(
                        e instanceof StorageException ? e : new StorageException("the database cannot be read", e));
            }
            return true;
        });
        if (closed) {
            result.completeExceptionally(new StorageException("the store is closed"));
        }
        return result;
    }

    private final class Reader implements Runnable {
        /** Confined to this thread. */
        private @Nullable Handle handle;

        private int generation;

        @Override
        public void run() {
            try {
                while (jobs.take().run(this)) {
                    // The next one.
                }
            } catch (InterruptedException e) {
                throw new IllegalStateException("a reader is not interrupted", e);
            } finally {
                drop();
            }
        }

        <T> T read(Function<Queries, T> read) throws SQLException {
            try {
                return read.apply(new Queries(handle()));
            } catch (RuntimeException e) {
                drop();
                if (!H2.closed(e)) {
                    throw e;
                }
                if (generation == h2.generation()) {
                    // The database closed itself under us (a full disk does that): the next connection opens it again.
                    LOG.warn("the database was closed; opening it again", e);
                }
                return read.apply(new Queries(handle()));
            }
        }

        private Handle handle() throws SQLException {
            if (generation != h2.generation()) {
                drop();
            }
            Handle open = handle;
            if (open == null) {
                generation = h2.generation();
                open = Jdbi.open(h2.connect());
                handle = open;
            }
            return open;
        }

        private void drop() {
            Handle old = handle;
            handle = null;
            if (old != null) {
                try {
                    old.close();
                } catch (RuntimeException e) {
                    LOG.debug("closing a broken connection failed", e);
                }
            }
        }
    }

    /** Answers what was asked, and ends the threads. */
    @Override
    public void close() {
        closed = true;
        for (int i = 0; i < threads.size(); i++) {
            jobs.add(reader -> false);
        }
        boolean interrupted = false;
        for (Thread thread : threads) {
            while (thread.isAlive()) {
                try {
                    thread.join();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
