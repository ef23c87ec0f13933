package dev.taskpool.store;

import java.sql.SQLException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
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
    private final ThreadLocal<@Nullable Handle> handles = new ThreadLocal<>();
    private final ExecutorService threads;

    Readers(H2 h2) {
        this.h2 = h2;
        AtomicInteger count = new AtomicInteger();
        this.threads = Executors.newFixedThreadPool(
                THREADS,
                task -> Thread.ofPlatform()
                        .name("store-reader-" + count.incrementAndGet())
                        .unstarted(task));
    }

    <T> CompletableFuture<T> run(Function<Queries, T> read) {
        CompletableFuture<T> result = new CompletableFuture<>();
        try {
            threads.execute(() -> {
                try {
                    result.complete(read(read));
                } catch (Throwable e) {
                    result.completeExceptionally(
                            e instanceof StorageException ? e : new StorageException("the database cannot be read", e));
                }
            });
        } catch (RejectedExecutionException e) {
            result.completeExceptionally(new StorageException("the store is closed", e));
        }
        return result;
    }

    private <T> T read(Function<Queries, T> read) throws SQLException {
        try {
            return read.apply(new Queries(handle()));
        } catch (RuntimeException e) {
            drop();
            if (!H2.closed(e)) {
                throw e;
            }
            // The database closed itself under us (a full disk does that): it opens again with the next connection.
            LOG.warn("the database was closed; opening it again", e);
            return read.apply(new Queries(handle()));
        }
    }

    private Handle handle() throws SQLException {
        Handle handle = handles.get();
        if (handle == null) {
            handle = Jdbi.open(h2.connect());
            handles.set(handle);
        }
        return handle;
    }

    private void drop() {
        Handle handle = handles.get();
        handles.remove();
        if (handle != null) {
            try {
                handle.close();
            } catch (RuntimeException e) {
                LOG.debug("closing a broken connection failed", e);
            }
        }
    }

    @Override
    public void close() {
        threads.shutdown();
        try {
            if (!threads.awaitTermination(10, TimeUnit.SECONDS)) {
                LOG.warn("reads are still under way after ten seconds");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
