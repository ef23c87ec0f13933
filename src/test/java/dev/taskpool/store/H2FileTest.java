package dev.taskpool.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What H2 has said to be on the disk is there after a kill (which leaves the file as it is: it is copied) and after a stop,
 * however often and soon one follows the other. Without {@link H2File} about a third of the kills lose something.
 */
class H2FileTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(longs = {1, 2})
    void checkpointSurvivesKillsAndStops(long seed) throws Exception {
        assertThat(lostCheckpoints(seed, H2File.SCHEME + ":async:")).isEmpty();
    }

    /** Should this fail one day, H2 has been mended, and {@link H2File} can go. */
    @Test
    void h2AloneLosesCheckpoints() throws Exception {
        assertThat(lostCheckpoints(1, "async:")).isNotEmpty();
    }

    private List<String> lostCheckpoints(long seed, String scheme) throws Exception {
        H2File.register();
        List<String> lost = new ArrayList<>();
        Random random = new Random(seed);
        Path at = Files.createDirectories(folder.resolve("0"));
        long written = 0;
        for (int round = 1; round <= 60; round++) {
            Path next = Files.createDirectories(folder.resolve(String.valueOf(round)));
            // A stop that compacts, so that there are gaps that chunks are written into.
            String url = "jdbc:h2:" + scheme + at.toAbsolutePath()
                    + "/tasks;DB_CLOSE_ON_EXIT=FALSE;DB_CLOSE_DELAY=-1;MAX_COMPACT_TIME=50";
            boolean killed = random.nextInt(5) < 2;
            try (Connection c = DriverManager.getConnection(url);
                    Statement statement = c.createStatement()) {
                long found = mark(c);
                if (found != written) {
                    lost.add("round %d: %d instead of %d".formatted(round, found, written));
                }
                for (int i = random.nextInt(4); i >= 0; i--) {
                    write(c, ++written, random);
                }
                if (killed) {
                    Files.copy(at.resolve("tasks.mv.db"), next.resolve("tasks.mv.db"));
                }
                statement.execute(killed ? "SHUTDOWN IMMEDIATELY" : "SHUTDOWN");
            } catch (SQLException e) {
                assertThat(e.getErrorCode()).as("closed, as asked").isIn(90098, 90121);
            }
            if (!killed) {
                Files.copy(at.resolve("tasks.mv.db"), next.resolve("tasks.mv.db"));
            }
            Files.delete(at.resolve("tasks.mv.db"));
            at = next;
        }
        return lost;
    }

    private static long mark(Connection c) throws SQLException {
        try (Statement statement = c.createStatement()) {
            statement.execute("CREATE TABLE IF NOT EXISTS item (id BIGINT PRIMARY KEY, data VARBINARY(2000000))");
            statement.execute("CREATE TABLE IF NOT EXISTS mark (id INT PRIMARY KEY, at BIGINT)");
            try (ResultSet rs = statement.executeQuery("SELECT COALESCE(MAX(at), 0) FROM mark")) {
                rs.next();
                return rs.getLong(1);
            }
        }
    }

    private static void write(Connection c, long mark, Random random) throws SQLException {
        c.setAutoCommit(false);
        try (PreparedStatement merge = c.prepareStatement("MERGE INTO item VALUES (?, ?)");
                PreparedStatement delete = c.prepareStatement("DELETE FROM item WHERE id = ?");
                PreparedStatement note = c.prepareStatement("MERGE INTO mark VALUES (1, ?)");
                Statement statement = c.createStatement()) {
            for (int row = random.nextInt(5); row > 0; row--) {
                byte[] data = new byte[random.nextInt(10) == 0 ? random.nextInt(900_000) : random.nextInt(2_000)];
                random.nextBytes(data);
                merge.setLong(1, random.nextInt(60));
                merge.setBytes(2, data);
                merge.executeUpdate();
            }
            delete.setLong(1, random.nextInt(60));
            delete.executeUpdate();
            note.setLong(1, mark);
            note.executeUpdate();
            c.commit();
            statement.execute("CHECKPOINT SYNC");
        }
    }
}
