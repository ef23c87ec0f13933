package dev.taskpool.store;

import dev.taskpool.model.HeapShare;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.flywaydb.core.Flyway;
import org.h2.jdbcx.JdbcDataSource;
import org.h2.mvstore.MVStore;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The H2 database of one data folder.
 *
 * <p>2.4.240, and not 2.5: 2.5.252 writes chunks in which a transaction is there by half, and others that do not know the chunk before
 * them; killed behind one of these a database did not open, or had rows twice. {@code KilledAnywhereTest} shows it.
 *
 * <p>{@code async:} uses channels that an interrupt cannot close (an interrupt inside H2's file I/O otherwise closes the
 * whole database); {@code DB_CLOSE_ON_EXIT=FALSE} because H2's own shutdown hook would close it during our drain;
 * {@code OPTIMIZE_REUSE_RESULTS=0} guards against h2database#4208; RETENTION_TIME keeps its default,
 * since lowering it has cost others their files (h2database#4012, #4387). {@code WRITE_DELAY=0} leaves H2 without a thread of
 * its own: only the applier's writes, at the end of a transaction or where memory is short, so that no state is saved while
 * another thread is in the middle of changing it: with a delay of a millisecond 2.4.240 too left files that do not open. {@code taskpool:} is {@link H2File}, which knows what is whole on the disk;
 * {@code MAX_COMPACT_TIME=0} because closing would otherwise move chunks about, for at most 200 ms, and with a retention of zero;
 * {@code COMPRESS} because a task's pages, written several times each and kept for 45 s, take a third of the file then.
 */
final class H2 {
    private static final Logger LOG = LoggerFactory.getLogger(H2.class);
    private static final Set<Integer> CLOSED = Set.of(90098, 90121, 90020, 90067, 50000, 90028, 90030);

    private final JdbcDataSource source;
    private final Path file;

    /** Held to connect; alone while the database's file is replaced. */
    private final ReentrantReadWriteLock gate = new ReentrantReadWriteLock();

    /** Grows when connections made before are closed by {@link #rewrite}. */
    private final AtomicInteger generation = new AtomicInteger();

    H2(Path directory) {
        String path = directory.toAbsolutePath().toString();
        file = Path.of(path, "tasks.mv.db");
        if (path.indexOf(';') >= 0) {
            throw new IllegalArgumentException("store.directory must not contain ';': " + path);
        }
        H2File.register();
        source = new JdbcDataSource();
        source.setURL("jdbc:h2:" + H2File.SCHEME + ":async:" + path
                + "/tasks;DB_CLOSE_ON_EXIT=FALSE;DB_CLOSE_DELAY=-1;LOCK_TIMEOUT=5000;OPTIMIZE_REUSE_RESULTS=0"
                + ";CACHE_SIZE=" + HeapShare.of(32_768) + ";MAX_COMPACT_TIME=0;COMPRESS=TRUE;WRITE_DELAY=0");
        source.setUser("taskpool");
        source.setPassword("");
    }

    /** Brings the tables to this version's form. */
    void migrate() {
        Flyway.configure()
                .dataSource(source)
                .locations("classpath:db/migration")
                .loggers("slf4j")
                .load()
                .migrate();
    }

    Connection connect() throws SQLException {
        gate.readLock().lock();
        try {
            return source.getConnection();
        } finally {
            gate.readLock().unlock();
        }
    }

    /** Returns which of the database's files in a row connections lead to now. */
    int generation() {
        return generation.get();
    }

    /**
     * Writes what lives to a new file, which takes the place of the old one. All connections are closed by this, and who
     * connects meanwhile waits. A kill leaves the one file or the other, whole; a power failure too.
     *
     * @throws IOException where the new file cannot be written; the old one is still in its place then
     */
    void rewrite() throws SQLException, IOException {
        gate.writeLock().lock();
        try {
            generation.incrementAndGet();
            try (Connection c = source.getConnection();
                    Statement statement = c.createStatement()) {
                statement.execute("SHUTDOWN");
            }
            // H2 removes one that is left from before.
            Path next = file.resolveSibling(file.getFileName() + ".tempFile");
            String scheme = H2File.SCHEME + ":async:";
            MVStore.compact(scheme + file, scheme + next, true, null);
            force(next);
            Files.move(next, file, StandardCopyOption.ATOMIC_MOVE);
            force(Objects.requireNonNull(file.getParent()));
        } finally {
            gate.writeLock().unlock();
        }
    }

    private static void force(Path path) throws IOException {
        try (FileChannel opened = FileChannel.open(path, StandardOpenOption.READ)) {
            opened.force(true);
        }
    }

    /** Closes the database; what it has is on the disk afterwards. */
    void shutdown() {
        try (Connection c = connect();
                Statement statement = c.createStatement()) {
            statement.execute("SHUTDOWN");
        } catch (SQLException e) {
            LOG.warn("closing the database failed: {}", e.toString());
        }
    }

    /** Returns whether the database behind a failed statement is gone, and connections have to be made anew. */
    static boolean closed(@Nullable Throwable error) {
        for (Throwable t = error; t != null; t = t.getCause()) {
            if (t instanceof SQLException sql && CLOSED.contains(sql.getErrorCode())) {
                return true;
            }
        }
        return false;
    }
}
