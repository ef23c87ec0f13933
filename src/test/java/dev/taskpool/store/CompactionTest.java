package dev.taskpool.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import org.h2.store.fs.FilePath;
import org.h2.store.fs.FilePathWrapper;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** H2's file is compacted while it is in use, and the process is killed at any of the writes of that. */
@Execution(ExecutionMode.CONCURRENT)
class CompactionTest {
    @TempDir
    Path folder;

    /** Lets so many writes through; then the process is as good as dead, and all its threads with it. */
    private static final class Life {
        final AtomicLong writesLeft = new AtomicLong(Long.MAX_VALUE);
    }

    /** The one that files are opened in. */
    private static volatile Life life = new Life();

    /** For H2, which makes them itself. */
    public static final class MortalFile extends FilePathWrapper {
        @Override
        public String getScheme() {
            return "mortal";
        }

        @Override
        public FileChannel open(String mode) throws IOException {
            FileChannel file = unwrap().open(mode);
            Life opened = life;
            return new FileLayer(file) {
                private void live() throws IOException {
                    if (opened.writesLeft.decrementAndGet() < 0) {
                        throw new IOException("killed");
                    }
                }

                @Override
                public synchronized int write(ByteBuffer source, long position) throws IOException {
                    live();
                    return super.write(source, position);
                }

                @Override
                public FileChannel truncate(long size) throws IOException {
                    live();
                    return super.truncate(size);
                }

                @Override
                public int write(ByteBuffer source) throws IOException {
                    live();
                    return super.write(source);
                }
            };
        }
    }

    private Connection connect() throws SQLException {
        H2File.register();
        FilePath.register(new MortalFile());
        Connection c = DriverManager.getConnection("jdbc:h2:" + H2File.SCHEME + ":mortal:" + folder.toAbsolutePath()
                + "/tasks;DB_CLOSE_ON_EXIT=FALSE;DB_CLOSE_DELAY=-1;MAX_COMPACT_TIME=0;COMPRESS=TRUE");
        try (Statement statement = c.createStatement()) {
            // So that dead chunks are written over at once, and not after 45 s.
            statement.execute("SET RETENTION_TIME 0");
        }
        c.setAutoCommit(false);
        return c;
    }

    @ParameterizedTest
    @ValueSource(longs = {5, 6, 7})
    void killAtAnyWriteOfACompactionCostsNothing(long seed) throws SQLException {
        Random random = new Random(seed);
        Compaction compaction = new Compaction(1 << 20);
        life = new Life();
        try (Connection c = connect();
                Statement statement = c.createStatement()) {
            statement.execute("CREATE TABLE item (id BIGINT PRIMARY KEY, data VARBINARY(2000000))");
            statement.execute("CREATE TABLE applied (id INT PRIMARY KEY, frame BIGINT)");
            statement.execute("INSERT INTO applied VALUES (1, 0)");
            c.commit();
            statement.execute("CHECKPOINT SYNC");
        }
        long written = 0;
        int killed = 0;
        for (int round = 0; round < 60; round++) {
            try (Connection c = connect();
                    Statement statement = c.createStatement()) {
                try (ResultSet rs = statement.executeQuery("SELECT frame, (SELECT COUNT(*) FROM item) FROM applied")) {
                    rs.next();
                    assertThat(rs.getLong(1)).as("round %d", round).isGreaterThanOrEqualTo(written);
                    written = rs.getLong(1);
                }
                life.writesLeft.set(random.nextInt(70));
                for (int i = 0; i < 20; i++) {
                    write(c, written + 1, random);
                    statement.execute("CHECKPOINT SYNC");
                    written++;
                    compaction.step(c);
                }
                life.writesLeft.set(Long.MAX_VALUE);
            } catch (SQLException | RuntimeException e) {
                killed++;
                end();
            }
        }
        assertThat(killed).isGreaterThan(20);
    }

    /** Ends the process's database without a write more, and begins the next life. */
    private void end() {
        life.writesLeft.set(0);
        try (Connection c = connect();
                Statement statement = c.createStatement()) {
            statement.execute("SHUTDOWN IMMEDIATELY");
        } catch (SQLException e) {
            assertThat(e.getErrorCode()).as("it is closed").isPositive();
        }
        life = new Life();
    }

    private static void write(Connection c, long frame, Random random) throws SQLException {
        try (PreparedStatement merge = c.prepareStatement("MERGE INTO item VALUES (?, ?)");
                PreparedStatement delete = c.prepareStatement("DELETE FROM item WHERE id = ?");
                PreparedStatement note = c.prepareStatement("UPDATE applied SET frame = ? WHERE id = 1")) {
            for (int row = random.nextInt(6); row > 0; row--) {
                byte[] data = new byte[random.nextInt(10) == 0 ? random.nextInt(700_000) : random.nextInt(20_000)];
                random.nextBytes(data);
                merge.setLong(1, random.nextInt(40));
                merge.setBytes(2, data);
                merge.executeUpdate();
            }
            delete.setLong(1, random.nextInt(40));
            delete.executeUpdate();
            note.setLong(1, frame);
            note.executeUpdate();
            c.commit();
        }
    }
}
