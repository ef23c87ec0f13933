package dev.taskpool.store;

import dev.taskpool.model.Batch;
import dev.taskpool.model.BatchPart;
import dev.taskpool.model.TaskId;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The only connection that writes H2: opened when it is needed, and anew after it was closed. For one thread at a time: first the one
 * that opens the store, then the applier's.
 */
final class H2Writer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(H2Writer.class);

    /** A batch that is being streamed may go on in its last moment: what H2 has is not that young. */
    private static final long BATCH_LINGER_MILLIS = 10_000;

    private final H2 h2;
    private final long ageingMillis;
    private @Nullable Connection connection;
    private @Nullable Writes writes;
    private @Nullable Queries queries;
    private @Nullable Handle handle;

    H2Writer(H2 h2, long ageingMillis) {
        this.h2 = h2;
        this.ageingMillis = ageingMillis;
    }

    private Writes writes() throws SQLException {
        if (writes == null) {
            Connection opened = h2.connect();
            connection = opened;
            opened.setAutoCommit(false);
            writes = new Writes(opened, ageingMillis);
            handle = Jdbi.open(opened);
            queries = new Queries(handle);
        }
        return writes;
    }

    /** Returns it, opened. */
    Connection connection() throws SQLException {
        writes();
        return Objects.requireNonNull(connection);
    }

    /** Writes it in one transaction, unless H2 has it. */
    void apply(Pending taken) throws SQLException {
        Writes out = writes();
        Connection c = Objects.requireNonNull(connection);
        Queries in = Objects.requireNonNull(queries);
        // The last try may have reached the disk although it answered with an error.
        if (in.appliedFrame() >= taken.lastFrame()) {
            c.rollback();
            return;
        }
        try {
            out.clear();
            for (Pending.Latest latest : taken.tasks.values()) {
                if (latest.task() == null) {
                    TaskId id = Objects.requireNonNull(latest.deleted());
                    Optional<Queries.Stored> old = in.stored(id.sequence());
                    if (old.isPresent()) {
                        out.delete(old.get());
                    }
                } else if (latest.created()) {
                    out.create(latest.task());
                } else if (!latest.task().callbacks().isEmpty()
                        && !in.exists(latest.task().id().sequence())) {
                    LOG.debug(
                            "{} has expired: what is new of its callbacks goes with it",
                            latest.task().id());
                } else if (latest.callbacksOnly()) {
                    out.callbacks(latest.task());
                } else {
                    out.change(latest.task());
                }
            }
            for (BatchPart part : taken.parts) {
                out.add(part);
            }
            for (Map.Entry<Long, Optional<Batch>> batch : taken.batches.entrySet()) {
                if (batch.getValue().isPresent()) {
                    out.save(batch.getValue().get(), taken.called.contains(batch.getKey()));
                } else {
                    out.deleteBatch(batch.getKey());
                }
            }
            for (Map.Entry<String, Optional<Change.StoredPool>> pool : taken.pools.entrySet()) {
                if (pool.getValue().isPresent()) {
                    out.save(pool.getValue().get());
                } else {
                    out.deletePool(pool.getKey());
                }
            }
            out.mark(taken.lastFrame());
            out.flush();
            c.commit();
        } catch (SQLException | RuntimeException e) {
            rollback(c);
            throw e;
        }
    }

    /** Makes what was written survive without the journal. */
    void checkpoint() throws SQLException {
        try (Statement statement = connection().createStatement()) {
            statement.execute("CHECKPOINT SYNC");
        }
    }

    /**
     * Forgets tasks and batches whose retention is over.
     *
     * @param most of each
     * @return the tasks; null where there was nothing to forget
     */
    @Nullable
    List<TaskId> clean(long nowMillis, int most) throws SQLException {
        Writes out = writes();
        Connection c = Objects.requireNonNull(connection);
        Queries in = Objects.requireNonNull(queries);
        List<Queries.Stored> expired = in.expired(nowMillis, most);
        List<Long> batches = in.expiredBatches(nowMillis - BATCH_LINGER_MILLIS, most);
        if (expired.isEmpty() && batches.isEmpty()) {
            c.rollback();
            return null;
        }
        try {
            out.clear();
            for (Queries.Stored each : expired) {
                out.delete(each);
            }
            for (long batch : batches) {
                out.deleteBatch(batch);
            }
            out.flush();
            c.commit();
        } catch (SQLException | RuntimeException e) {
            rollback(c);
            throw e;
        }
        return expired.stream().map(each -> each.task().id()).toList();
    }

    private static void rollback(Connection c) {
        try {
            c.rollback();
        } catch (SQLException e) {
            LOG.debug("rolling back failed as well", e);
        }
    }

    /** Closes the connection; the next use opens another. */
    @Override
    public void close() {
        Connection old = connection;
        connection = null;
        writes = null;
        queries = null;
        handle = null;
        if (old != null) {
            try {
                old.close();
            } catch (SQLException e) {
                LOG.debug("closing a broken connection failed", e);
            }
        }
    }
}
