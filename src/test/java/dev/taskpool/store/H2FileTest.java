package dev.taskpool.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.h2.mvstore.DataUtils;
import org.h2.store.fs.FilePath;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What H2 has said to be on the disk is there after a kill (which leaves the file as it is: it is copied) and after a stop,
 * however often and soon one follows the other.
 */
class H2FileTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void checkpointSurvivesKillsAndStops(boolean withLog) throws Exception {
        assertThat(lostCheckpoints(1, withLog)).isEmpty();
    }

    /** A loss of power: of the last chunk, and of nothing before it, a page in the middle did not reach the disk. */
    @Test
    void chunkThatIsNotWholeIsNotBelieved() throws Exception {
        Path copy = killed(4);
        notSynced(copy);
        assertThat(logged(copy)).hasSizeGreaterThan(1);
        ChunkLog.Chunk last = logged(copy).getLast();
        assertThat(last.length()).isGreaterThan(100_000);
        spoil(copy, last);
        try (Connection c = connect(copy)) {
            assertThat(mark(c)).isEqualTo(3);
            assertThat(readable(c)).isTrue();
        }
    }

    /** A page in the middle of a chunk did not reach the disk. */
    private static void spoil(Path file, ChunkLog.Chunk chunk) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.allocate(4096), (chunk.start() + chunk.length() / 2) & -4096);
        }
    }

    /** Takes the last line of the log away, as a loss of power before it does. */
    private static void notSynced(Path file) throws IOException {
        try (FileChannel log = FileChannel.open(log(file), StandardOpenOption.WRITE)) {
            log.truncate(log.size() - 48);
        }
    }

    /** Who can submit arguments can write what he likes into pages. */
    @Test
    void bytesThatLookLikeAChunkAreNotBelieved() throws Exception {
        Path copy = killed(4);
        ChunkLog.Chunk last = logged(copy).getLast();
        try (FileChannel file = FileChannel.open(copy, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            ByteBuffer chunk = ByteBuffer.allocate(Math.toIntExact(last.length()));
            file.read(chunk, last.start());
            String text = new String(chunk.array(), StandardCharsets.ISO_8859_1);
            String version = ",version:" + Long.toHexString(last.version());
            assertThat(text).contains(version);
            file.write(
                    ByteBuffer.wrap(forged(text, version).getBytes(StandardCharsets.ISO_8859_1)),
                    (file.size() + 4095) / 4096 * 4096);
        }
        try (Connection c = connect(copy)) {
            assertThat(mark(c)).isEqualTo(4);
            assertThat(readable(c)).isTrue();
        }
    }

    /** A chunk of a version that is not there yet, in which all pages are zeros. */
    private static String forged(String chunk, String version) {
        String next = ",version:f" + version.substring(version.length() - 1);
        String head = chunk.substring(0, 1024).replace(version, next);
        String footer = chunk.substring(chunk.length() - 128).strip();
        footer = footer.substring(0, footer.indexOf(",fletcher:")).replace(version, next);
        byte[] bytes = footer.getBytes(StandardCharsets.ISO_8859_1);
        footer += ",fletcher:" + Integer.toHexString(DataUtils.getFletcher32(bytes, 0, bytes.length));
        return head + "\0".repeat(chunk.length() - head.length() - 128) + footer + " ".repeat(127 - footer.length())
                + "\n";
    }

    /** Returns a database's file as a kill leaves it behind so many checkpoints, with its log. */
    private Path killed(int checkpoints) throws Exception {
        Path from = Files.createDirectories(folder.resolve("from")).resolve("tasks.mv.db");
        Path to = Files.createDirectories(folder.resolve("to")).resolve("tasks.mv.db");
        try (Connection c = connect(from);
                Statement statement = c.createStatement()) {
            mark(c);
            c.setAutoCommit(false);
            byte[] data = new byte[300_000];
            for (int i = 1; i <= checkpoints; i++) {
                new Random(i).nextBytes(data);
                try (PreparedStatement insert = c.prepareStatement("INSERT INTO item VALUES (?, ?)")) {
                    insert.setLong(1, i);
                    insert.setBytes(2, data);
                    insert.executeUpdate();
                }
                statement.execute("MERGE INTO mark VALUES (1, " + i + ")");
                c.commit();
                statement.execute("CHECKPOINT SYNC");
            }
            Files.copy(from, to);
            Files.copy(log(from), log(to));
        }
        return to;
    }

    private static Connection connect(Path file) throws SQLException {
        H2File.register();
        return DriverManager.getConnection(url(H2File.SCHEME + ":async:", file));
    }

    private static String url(String scheme, Path file) {
        String name = file.toAbsolutePath().toString().replace(".mv.db", "");
        return "jdbc:h2:" + scheme + name + ";DB_CLOSE_ON_EXIT=FALSE;MAX_COMPACT_TIME=0";
    }

    private static boolean readable(Connection c) throws SQLException {
        try (Statement statement = c.createStatement();
                ResultSet rs = statement.executeQuery("SELECT id, data FROM item")) {
            while (rs.next()) {
                byte[] data = new byte[300_000];
                new Random(rs.getLong(1)).nextBytes(data);
                if (!Arrays.equals(data, rs.getBytes(2))) {
                    return false;
                }
            }
        }
        return true;
    }

    private static Path log(Path file) {
        return file.resolveSibling(file.getFileName() + ".chunks");
    }

    private static List<ChunkLog.Chunk> logged(Path file) throws IOException {
        return new ChunkLog(FilePath.get(log(file).toString())).candidates();
    }

    /** Should this fail one day, H2 has been mended, and {@link H2File} can go. */
    @Test
    void h2AloneBelievesAChunkThatIsNotWhole() throws Exception {
        Path copy = killed(4);
        spoil(copy, logged(copy).getLast());
        assertThatThrownBy(() -> DriverManager.getConnection(url("async:", copy)))
                .as("corrupted: it does not go back to the checkpoint before")
                .isInstanceOfSatisfying(
                        SQLException.class, e -> assertThat(e.getErrorCode()).isEqualTo(90030));
    }

    private List<String> lostCheckpoints(long seed, boolean withLog) throws Exception {
        H2File.register();
        List<String> lost = new ArrayList<>();
        Random random = new Random(seed);
        Path at = Files.createDirectories(folder.resolve("0"));
        long written = 0;
        for (int round = 1; round <= 60; round++) {
            Path next = Files.createDirectories(folder.resolve(String.valueOf(round)));
            // A stop that compacts, so that there are gaps that chunks are written into.
            String url = "jdbc:h2:" + H2File.SCHEME + ":async:" + at.toAbsolutePath()
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
                    if (withLog) {
                        Files.copy(log(at.resolve("tasks.mv.db")), log(next.resolve("tasks.mv.db")));
                    }
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
