package dev.taskpool.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.taskpool.journal.Durability;
import dev.taskpool.journal.Repair;
import dev.taskpool.model.Callback;
import dev.taskpool.model.Callbacks;
import dev.taskpool.model.Json;
import dev.taskpool.model.OnLost;
import dev.taskpool.model.Outcome;
import dev.taskpool.model.RetryPolicy;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import dev.taskpool.model.TaskSpec;
import dev.taskpool.model.Ticker;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import org.h2.store.fs.FileBase;
import org.h2.store.fs.FilePath;
import org.h2.store.fs.FilePathWrapper;
import org.h2.store.fs.async.FilePathAsync;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whatever write to H2's file is the last before a kill, the file opens, and has all of the frames that it says to have and nothing else. */
class KilledAnywhereTest {
    /** Each with 32 KB of callbacks, so that H2 writes in the middle of transactions. */
    private static final int TASKS = 60;

    private static final int ROUNDS = 40;

    @TempDir
    Path folder;

    @AfterEach
    void asItWas() {
        FilePath.register(new FilePathAsync());
    }

    @Test
    void eachWriteLeavesAStateBetweenTwoTransactions() throws Exception {
        Path live = Files.createDirectories(folder.resolve("live"));
        Images images = new Images(live, folder);
        Map<Long, long[]> expected = new TreeMap<>(Map.of(0L, new long[] {0, 0, 0}));
        open(live).close(); // the tables
        Recorder.images = images;
        FilePath.register(new Recorder());
        List<String> wrong = new ArrayList<>();
        try (Store store = open(live)) {
            images.on = true;
            expected.put(store.lastFrame(), new long[] {0, 0, 0});
            List<Task> before = List.of();
            long created = 0;
            long done = 0;
            for (int i = 0; i < ROUNDS; i++) {
                List<Change> changes = new ArrayList<>();
                for (Task task : before) {
                    changes.add(new Change.TaskChanged(task.started(1)
                            .finished(
                                    new Outcome.Succeeded(Json.ofValid("1")),
                                    Task.Output.NONE,
                                    1_000,
                                    1,
                                    Long.MAX_VALUE)));
                }
                done += before.size();
                List<Task> now = new ArrayList<>();
                for (int k = 0; k < TASKS; k++) {
                    Task task = task(1 + created++);
                    now.add(task);
                    changes.add(new Change.TaskCreated(task));
                }
                before = now;
                expected.put(store.commit(changes), new long[] {created, done, 16 * created});
            }
            store.left();
            images.on = false;
        }
        FilePath.register(new FilePathAsync());
        assertThat(images.taken).as("writes: more than there were applies").hasSizeGreaterThan(20);
        for (Path image : images.taken) {
            String found = check(image, expected);
            if (!found.isEmpty()) {
                wrong.add(image.getFileName() + ": " + found);
            }
        }
        assertThat(wrong).isEmpty();
    }

    private static Store open(Path directory) {
        Store store = Store.open(
                new Store.Options(
                        directory,
                        Durability.PROCESS,
                        Duration.ofMillis(200),
                        1 << 20,
                        Repair.REFUSE,
                        0,
                        Duration.ofSeconds(10)),
                Ticker.SYSTEM);
        store.start(tasks -> {}, ids -> {});
        return store;
    }

    /** Returns what is wrong with an image; nothing where it is a state between two transactions. */
    private static String check(Path image, Map<Long, long[]> expected) {
        Path copy = image.resolveSibling("copy");
        try {
            Files.createDirectories(copy);
            for (String name : List.of("tasks.mv.db", "tasks.mv.db.chunks")) {
                Files.copy(image.resolve(name), copy.resolve(name), StandardCopyOption.REPLACE_EXISTING);
            }
            H2 h2 = new H2(copy);
            try (Connection c = h2.connect();
                    Statement statement = c.createStatement()) {
                long frame = one(statement, "SELECT frame FROM applied");
                long[] counts = {
                    one(statement, "SELECT COUNT(*) FROM (SELECT spec FROM task)"),
                    one(statement, "SELECT COUNT(*) FROM task WHERE state = 3"),
                    one(statement, "SELECT COUNT(body) FROM callback")
                };
                long[] wanted = expected.get(frame);
                statement.execute("SHUTDOWN IMMEDIATELY");
                if (wanted == null || !Arrays.equals(wanted, counts)) {
                    return "frame " + frame + " has " + Arrays.toString(counts) + ", not " + Arrays.toString(wanted);
                }
            } catch (SQLException e) {
                if (!H2.closed(e) || e.getErrorCode() == 90030) {
                    return String.valueOf(e);
                }
            }
            return "";
        } catch (IOException e) {
            return String.valueOf(e);
        }
    }

    private static long one(Statement statement, String sql) throws SQLException {
        try (ResultSet rs = statement.executeQuery(sql)) {
            rs.next();
            return rs.getLong(1);
        }
    }

    private static Task task(long sequence) {
        TaskSpec spec = new TaskSpec(
                "noop",
                null,
                null,
                "default",
                null,
                null,
                0,
                0,
                1,
                RetryPolicy.DEFAULT,
                null,
                OnLost.FAIL,
                Map.of(),
                null,
                0,
                null,
                null);
        List<Callback.Wish> wishes = new ArrayList<>();
        for (int i = 0; i < 16; i++) {
            StringBuilder url = new StringBuilder("http://127.0.0.1:9/");
            Random random = new Random(sequence * 16 + i);
            while (url.length() < 2_000) {
                url.append(Long.toHexString(random.nextLong()));
            }
            wishes.add(new Callback.Wish(url.toString(), Callback.Wish.ALL));
        }
        return Task.accepted(new TaskId(sequence, sequence * 31), spec, Callbacks.of(wishes, 1), 1, 0);
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
            if (!on) {
                return;
            }
            Path image = Files.createDirectories(folder.resolve("image" + taken.size()));
            Files.copy(live.resolve("tasks.mv.db"), image.resolve("tasks.mv.db"));
            Files.copy(live.resolve("tasks.mv.db.chunks"), image.resolve("tasks.mv.db.chunks"));
            taken.add(image);
        }
    }

    /** H2 makes one for each path. */
    public static final class Recorder extends FilePathWrapper {
        private static volatile @Nullable Images images;

        public Recorder() {}

        @Override
        public String getScheme() {
            return "async";
        }

        @Override
        public FileChannel open(String mode) throws IOException {
            return new Recording(unwrap().open(mode), Objects.requireNonNull(images));
        }
    }

    private static final class Recording extends FileBase {
        private final FileChannel file;
        private final Images images;

        Recording(FileChannel file, Images images) {
            this.file = file;
            this.images = images;
        }

        @Override
        public synchronized int write(ByteBuffer source, long position) throws IOException {
            int n = file.write(source, position);
            images.take();
            return n;
        }

        @Override
        public int write(ByteBuffer source) throws IOException {
            int n = file.write(source);
            images.take();
            return n;
        }

        @Override
        public FileChannel truncate(long size) throws IOException {
            file.truncate(size);
            images.take();
            return this;
        }

        @Override
        public int read(ByteBuffer target) throws IOException {
            return file.read(target);
        }

        @Override
        @SuppressWarnings("UnsynchronizedOverridesSynchronized")
        public int read(ByteBuffer target, long position) throws IOException {
            return file.read(target, position);
        }

        @Override
        public long size() throws IOException {
            return file.size();
        }

        @Override
        public long position() throws IOException {
            return file.position();
        }

        @Override
        public FileChannel position(long position) throws IOException {
            file.position(position);
            return this;
        }

        @Override
        public void force(boolean metaData) throws IOException {
            file.force(metaData);
        }

        @Override
        public FileLock tryLock(long position, long size, boolean shared) throws IOException {
            return file.tryLock(position, size, shared);
        }

        @Override
        protected void implCloseChannel() throws IOException {
            file.close();
        }
    }
}
