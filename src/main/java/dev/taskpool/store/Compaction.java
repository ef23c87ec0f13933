package dev.taskpool.store;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import org.h2.engine.SessionLocal;
import org.h2.jdbc.JdbcConnection;
import org.h2.mvstore.MVStore;
import org.h2.mvstore.RandomAccessStore;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes H2's file small again, a bounded step at a time. H2 looks after itself only while it writes, and gives up early: after a
 * million tasks had been cleaned away 1.1 GB stayed, with nothing in them. A step lets go of chunks that are
 * dead for longer than H2's retention (which takes a write), writes what lives in sparse ones once more, and moves those at the end into gaps.
 *
 * <p>Not everything comes back this way: H2 (2.5.252 was seen to) loses count of some pages that are written and given up at the same time,
 * takes them for live, and keeps the chunks in which they lie (after a million tasks a few hundred pages, of the emptied
 * indexes mostly). Where steps have come to their end with little alive the file is written anew.
 *
 * <p>H2 syncs before anything is overwritten, and {@link H2File} has it look for the newest state in the whole of the file, among
 * the copies that a kill in the middle leaves: it costs nothing that was behind a checkpoint. Confined to the applier's thread.
 */
final class Compaction {
    private static final Logger LOG = LoggerFactory.getLogger(Compaction.class);

    /** A file up to here is small enough. */
    private static final long FLOOR = 32L << 20;

    /** Fill rates above these, in percent, are good enough. */
    private static final int CHUNKS_FILLED = 70;

    private static final int FILE_FILLED = 90;
    private static final int STEP_BYTES = 16 << 20;

    /** Steps in a row that won nothing, after which they are given up. */
    private static final int VAIN_STEPS = 60;

    /** What is to be written anew as a whole: nobody can read meanwhile, about a second for so much. */
    private static final long MAX_REWRITTEN = 64L << 20;

    private final long floor;
    private int vainSteps;

    Compaction() {
        this(FLOOR);
    }

    Compaction(long floor) {
        this.floor = floor;
    }

    /**
     * Does a step if there is something to gain.
     *
     * @param c the connection that writes, with no transaction begun
     * @return whether steps do not help any more, and little enough lives for the file to be written anew ({@link H2#rewrite})
     */
    boolean step(Connection c) throws SQLException {
        MVStore store = ((SessionLocal) c.unwrap(JdbcConnection.class).getSession())
                .getDatabase()
                .getStore()
                .getMvStore();
        if (!(store.getFileStore() instanceof RandomAccessStore file)) {
            return false;
        }
        long before = file.size();
        if (before <= floor || before <= floor + 2 * live(file)) {
            vainSteps = 0;
            return false;
        }
        try (Statement statement = c.createStatement()) {
            statement.execute("UPDATE applied SET frame = frame WHERE id = 1");
            c.commit();
            statement.execute("CHECKPOINT SYNC");
        }
        file.compact(CHUNKS_FILLED, STEP_BYTES);
        file.compactMoveChunks(FILE_FILLED, STEP_BYTES, store);
        if (file.size() < before) {
            LOG.debug("the database's file went from {} to {} bytes", before, file.size());
            vainSteps = 0;
            return false;
        }
        long lives = live(file);
        if (++vainSteps < VAIN_STEPS || lives > MAX_REWRITTEN || file.size() < 2 * floor + 4 * lives) {
            return false;
        }
        // Where that does not help either it is not tried again soon.
        vainSteps = -10 * VAIN_STEPS;
        return true;
    }

    private static long live(RandomAccessStore file) {
        return file.size() / 100 * file.getFillRate() / 100 * file.getChunksFillRate();
    }
}
