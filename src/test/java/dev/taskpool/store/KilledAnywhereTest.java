package dev.taskpool.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.taskpool.model.Callback;
import dev.taskpool.model.Callbacks;
import dev.taskpool.model.Task;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.h2.store.fs.FilePath;
import org.h2.store.fs.FilePathWrapper;
import org.h2.store.fs.async.FilePathAsync;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** Whatever write to H2's file is the last before a kill, the file opens, and has all of the frames that it says to have and nothing else. */
@Execution(ExecutionMode.CONCURRENT)
class KilledAnywhereTest {
    /** Each with 32 KB of callbacks, so that H2 writes in the middle of transactions. */
    private static final int TASKS = 60;

    private static final int FRAMES = 40;

    @TempDir
    Path folder;

    @AfterEach
    void asItWas() {
        FilePath.register(new FilePathAsync());
    }

    /** What H2 holds. */
    private record Content(long tasks, long done, long callbacks) {}

    @Test
    void eachWriteLeavesAStateBetweenTwoTransactions() throws Exception {
        Path live = Files.createDirectories(folder.resolve("live"));
        Images images = new Images(live, folder);
        Recorder.images = images;
        open(live).close(); // the tables
        FilePath.register(new Recorder());
        Map<Long, Content> expected = new HashMap<>();
        try (Store store = open(live)) {
            expected.put(store.lastFrame(), new Content(0, 0, 0));
            images.on = true;
            for (int frame = 0; frame < FRAMES; frame++) {
                List<Change> changes = new ArrayList<>();
                for (long i = 0; i < TASKS; i++) {
                    long sequence = 1 + (long) frame * TASKS + i;
                    if (frame > 0) {
                        changes.add(
                                new Change.TaskChanged(StoreTest.done(task(sequence - TASKS), "1", Long.MAX_VALUE)));
                    }
                    changes.add(new Change.TaskCreated(task(sequence)));
                }
                long created = (frame + 1L) * TASKS;
                expected.put(store.commit(changes), new Content(created, created - TASKS, created * Callbacks.MAX));
            }
            store.left();
            images.on = false;
        }
        asItWas();
        assertThat(images.taken)
                .as("there were writes in the middle of transactions")
                .hasSizeGreaterThan(20);
        List<String> wrong = new ArrayList<>();
        for (Path image : images.taken) {
            try {
                Map.Entry<Long, Content> found = read(image);
                if (!found.getValue().equals(expected.get(found.getKey()))) {
                    wrong.add(image.getFileName() + ": " + found + ", not " + expected.get(found.getKey()));
                }
            } catch (SQLException e) {
                wrong.add(image.getFileName() + ": " + e);
            }
        }
        assertThat(wrong).as("of %d", images.taken.size()).isEmpty();
    }

    private static Store open(Path directory) {
        return StoreTest.open(directory, Duration.ofMillis(200), Duration.ofSeconds(10), ids -> {});
    }

    /** Returns the frame that an image says to have, and what is there. */
    private static Map.Entry<Long, Content> read(Path image) throws IOException, SQLException {
        Path copy = Files.createDirectories(image.resolveSibling("copy"));
        for (String name : List.of("tasks.mv.db", "tasks.mv.db.chunks")) {
            Files.copy(image.resolve(name), copy.resolve(name), StandardCopyOption.REPLACE_EXISTING);
        }
        H2 h2 = new H2(copy);
        try (Connection c = h2.connect();
                Statement statement = c.createStatement()) {
            return Map.entry(
                    one(statement, "SELECT frame FROM applied"),
                    new Content(
                            one(statement, "SELECT COUNT(*) FROM (SELECT spec FROM task)"),
                            one(statement, "SELECT COUNT(*) FROM task WHERE state = 3"),
                            one(statement, "SELECT COUNT(body) FROM callback")));
        } finally {
            h2.shutdown();
        }
    }

    private static long one(Statement statement, String sql) throws SQLException {
        try (ResultSet rs = statement.executeQuery(sql)) {
            rs.next();
            return rs.getLong(1);
        }
    }

    private static Task task(long sequence) {
        Random random = new Random(sequence);
        List<Callback.Wish> wishes = new ArrayList<>();
        for (int i = 0; i < Callbacks.MAX; i++) {
            StringBuilder url = new StringBuilder("http://127.0.0.1:9/");
            while (url.length() < 2_000) {
                url.append(Long.toHexString(random.nextLong()));
            }
            wishes.add(new Callback.Wish(url.toString(), Callback.Wish.ALL));
        }
        return StoreTest.task(sequence).withCallbacks(Callbacks.of(wishes, 1));
    }

    /** The file and its log, as they are behind each write. */
    private static final class Images {
        final Path live;
        final Path folder;
        final List<Path> taken = new ArrayList<>();
        volatile boolean on;

        Images(Path live, Path folder) {
            this.live = live;
            this.folder = folder;
        }

        synchronized void take() throws IOException {
            if (on) {
                Path image = Files.createDirectories(folder.resolve("image" + taken.size()));
                for (String name : List.of("tasks.mv.db", "tasks.mv.db.chunks")) {
                    Files.copy(live.resolve(name), image.resolve(name));
                }
                taken.add(image);
            }
        }
    }

    /** For H2, which makes them itself. */
    public static final class Recorder extends FilePathWrapper {
        private static volatile @Nullable Images images;

        @Override
        public String getScheme() {
            return "async";
        }

        @Override
        public FileChannel open(String mode) throws IOException {
            Images taken = Objects.requireNonNull(images);
            return new FileLayer(unwrap().open(mode)) {
                @Override
                public synchronized int write(ByteBuffer source, long position) throws IOException {
                    int written = super.write(source, position);
                    taken.take();
                    return written;
                }

                @Override
                public int write(ByteBuffer source) throws IOException {
                    int written = super.write(source);
                    taken.take();
                    return written;
                }

                @Override
                public FileChannel truncate(long size) throws IOException {
                    super.truncate(size);
                    taken.take();
                    return this;
                }
            };
        }
    }
}
