package dev.taskpool.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The database's file is written anew while others read. */
class RewriteTest {
    @TempDir
    Path folder;

    @Test
    void readersGoOnAndWhatLivesStays() throws Exception {
        Files.writeString(folder.resolve("tasks.mv.db.tempFile"), "left by a kill");
        H2 h2 = new H2(folder);
        h2.migrate();
        fill(h2, 400);
        empty(h2, 390);
        long before = Files.size(folder.resolve("tasks.mv.db"));
        try (Readers readers = new Readers(h2)) {
            AtomicBoolean over = new AtomicBoolean();
            CountDownLatch reading = new CountDownLatch(1);
            CompletableFuture<List<Long>> read = CompletableFuture.supplyAsync(() -> {
                List<Long> seen = new ArrayList<>();
                while (!over.get()) {
                    seen.add(readers.run(Queries::appliedFrame).join());
                    reading.countDown();
                }
                return seen;
            });
            reading.await();
            h2.rewrite();
            // Twice: the second goes on what the first has made.
            h2.rewrite();
            long after = readers.run(Queries::appliedFrame).join();
            over.set(true);
            assertThat(read.join()).isNotEmpty().containsOnly(400L);
            assertThat(after).isEqualTo(400L);
        }
        assertThat(rows(h2)).isEqualTo(10);
        assertThat(Files.size(folder.resolve("tasks.mv.db")))
                .as("of %d bytes before", before)
                .isLessThan(before / 4);
        assertThat(folder.resolve("tasks.mv.db.tempFile")).doesNotExist();
        h2.shutdown();
        assertThat(rows(new H2(folder))).as("at the next start").isEqualTo(10);
    }

    private static void fill(H2 h2, int rows) throws SQLException {
        Random random = new Random(3);
        try (Connection c = h2.connect();
                PreparedStatement insert = c.prepareStatement("INSERT INTO payload VALUES (?, 0, 0, ?)");
                Statement statement = c.createStatement()) {
            byte[] data = new byte[50_000];
            for (int i = 0; i < rows; i++) {
                random.nextBytes(data);
                insert.setLong(1, i);
                insert.setBytes(2, data);
                insert.executeUpdate();
            }
            statement.execute("UPDATE applied SET frame = " + rows + " WHERE id = 1");
            statement.execute("CHECKPOINT SYNC");
        }
    }

    private static void empty(H2 h2, int upTo) throws SQLException {
        try (Connection c = h2.connect();
                Statement statement = c.createStatement()) {
            statement.execute("DELETE FROM payload WHERE seq < " + upTo);
        }
    }

    private static long rows(H2 h2) throws SQLException {
        try (Connection c = h2.connect();
                Statement statement = c.createStatement();
                var rs = statement.executeQuery("SELECT COUNT(*) FROM payload")) {
            rs.next();
            return rs.getLong(1);
        }
    }
}
