package dev.taskpool.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.taskpool.journal.Durability;
import dev.taskpool.journal.Repair;
import dev.taskpool.model.Batch;
import dev.taskpool.model.BatchId;
import dev.taskpool.model.BatchPart;
import dev.taskpool.model.BatchRules;
import dev.taskpool.model.Callback;
import dev.taskpool.model.Callbacks;
import dev.taskpool.model.IdempotencyKey;
import dev.taskpool.model.Json;
import dev.taskpool.model.OnLost;
import dev.taskpool.model.Outcome;
import dev.taskpool.model.RetryPolicy;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import dev.taskpool.model.TaskSpec;
import dev.taskpool.model.Ticker;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StoreTest {
    private static final long HOUR = 3_600_000;

    @TempDir
    Path folder;

    private final Set<TaskId> forgotten = ConcurrentHashMap.newKeySet();

    private Store open(Path directory, Duration applyInterval) {
        return open(directory, applyInterval, Duration.ofSeconds(10));
    }

    private Store open(Path directory, Duration applyInterval, Duration ageing) {
        return open(directory, applyInterval, ageing, forgotten::addAll);
    }

    static Store open(Path directory, Duration applyInterval, Duration ageing, Consumer<List<TaskId>> forgotten) {
        Store store = Store.open(
                new Store.Options(directory, Durability.PROCESS, applyInterval, 1 << 20, Repair.REFUSE, 0, ageing),
                Ticker.SYSTEM);
        store.start(tasks -> {}, forgotten);
        return store;
    }

    private Store open() {
        return open(folder, Duration.ofMillis(5));
    }

    private static Task task(long sequence, @Nullable BatchId batch, @Nullable IdempotencyKey key) {
        return task(sequence, 0, System.currentTimeMillis(), batch, key);
    }

    private static Task task(
            long sequence, int priority, long now, @Nullable BatchId batch, @Nullable IdempotencyKey key) {
        TaskSpec spec = new TaskSpec(
                "noop",
                null,
                null,
                "default",
                null,
                null,
                0,
                priority,
                1,
                RetryPolicy.DEFAULT,
                null,
                OnLost.FAIL,
                Map.of(),
                batch,
                0,
                null,
                key);
        return Task.accepted(new TaskId(sequence, sequence * 31), spec, now, 0);
    }

    static Task task(long sequence) {
        return task(sequence, null, null);
    }

    static Task done(Task task, String json, long expiresAt) {
        long now = System.currentTimeMillis();
        return task.started(now)
                .finished(new Outcome.Succeeded(Json.ofValid(json)), Task.Output.NONE, now * 1000, 1, expiresAt);
    }

    private static Set<Long> sequences(Store store) {
        Set<Long> all = new HashSet<>();
        store.list(new TaskQuery(Set.of(), null, null, null, Map.of(), 0, Long.MAX_VALUE, 100_000))
                .join()
                .forEach(t -> all.add(t.id().sequence()));
        return all;
    }

    @Test
    void queueIsReadInItsOrderWhenAgeingWasChanged() {
        long now = 1_000_000_000_000L;
        Task early = task(1, 0, now, null, null);
        Task late = task(2, 5, now + 20_000, null, null);
        try (Store store = open()) {
            store.commit(List.of(new Change.TaskCreated(early), new Change.TaskCreated(late)));
            assertThat(queue(store)).as("five times 10 s are more than 20 s").containsExactly(2L, 1L);
        }
        try (Store store = open(folder, Duration.ofMillis(5), Duration.ofSeconds(1))) {
            assertThat(queue(store)).as("five times 1 s are less").containsExactly(1L, 2L);
            List<Task> behind = store.pending("default", false, early.rank(1_000), 1, 10)
                    .join()
                    .tasks();
            assertThat(behind).extracting(t -> t.id().sequence()).containsExactly(2L);
        }
    }

    private static List<Long> queue(Store store) {
        return store.pending("default", false, Long.MIN_VALUE, Long.MIN_VALUE, 10).join().tasks().stream()
                .map(t -> t.id().sequence())
                .toList();
    }

    @Test
    void databaseOfSomeStopsAgoIsBroughtUpToDate() throws IOException {
        Path older = folder.resolve("older");
        long now = System.currentTimeMillis();
        Set<Long> expected = new HashSet<>();
        long sequence = 0;
        for (int start = 1; start <= 5; start++) {
            try (Store store = open()) {
                for (int i = 0; i < 20; i++) {
                    Task task = task(++sequence);
                    store.commit(List.of(new Change.TaskCreated(task)));
                    Task done = done(task, "\"" + sequence + "\"", sequence % 7 == 0 ? now - 1 : now + HOUR);
                    store.commit(List.of(new Change.TaskChanged(done)));
                    if (sequence % 5 == 0) {
                        store.commit(List.of(new Change.TaskDeleted(task.id())));
                    } else if (sequence % 7 != 0) {
                        expected.add(sequence);
                    }
                    if (start == 2 && i == 10) {
                        store.left(); // H2 has all of it
                        Files.copy(folder.resolve("tasks.mv.db"), older);
                    }
                }
                store.commit(List.of(new Change.PoolDeleted("p" + start)));
                await().untilAsserted(() -> assertThat(sequences(store)).isEqualTo(expected));
            }
        }
        Files.move(older, folder.resolve("tasks.mv.db"), java.nio.file.StandardCopyOption.REPLACE_EXISTING);
        try (Store store = open()) {
            await().untilAsserted(() -> assertThat(sequences(store))
                    .as("as before, and the cleaner has cleaned again")
                    .isEqualTo(expected));
            assertThat(store.find(99L).join().orElseThrow().outcome())
                    .isEqualTo(new Outcome.Succeeded(Json.ofValid("\"99\"")));
        }
    }

    @Test
    void journalKeepsWhatH2HasButNotWithoutBound() throws IOException {
        String large = "\"" + "x".repeat(500_000) + "\"";
        try (Store store = open()) {
            for (long i = 1; i <= 250; i++) {
                store.commit(List.of(new Change.TaskCreated(done(task(i), large, 1))));
            }
            store.left();
        }
        try (var files = Files.list(folder.resolve("journal"))) {
            long bytes = files.mapToLong(f -> f.toFile().length()).sum();
            assertThat(bytes).isBetween(60L << 20, 72L << 20);
        }
        for (int i = 0; i < 10; i++) {
            open().close();
        }
        try (var files = Files.list(folder.resolve("journal"))) {
            long bytes = files.mapToLong(f -> f.toFile().length()).sum();
            assertThat(bytes).as("a start costs no whole segment").isLessThan(72L << 20);
        }
    }

    @Test
    void deletedTaskIsNotFoundWhileH2StillHasIt() {
        IdempotencyKey key = new IdempotencyKey("k", "b");
        Task task = task(1, null, key);
        try (Store store = open()) {
            store.commit(List.of(new Change.TaskCreated(done(task, "1", Long.MAX_VALUE))));
            store.left();
            assertThat(store.keyed(key).join()).isPresent();
        }
        try (Store store = open(folder, Duration.ofHours(1))) {
            store.commit(List.of(new Change.TaskCreated(task(2)), new Change.TaskCreated(task(3))));
            store.left(); // the next frame waits for its hour
            store.commit(List.of(new Change.TaskDeleted(task.id())));
            assertThat(store.find(1).join()).isEmpty();
            assertThat(store.keyed(key).join()).isEmpty();
            assertThat(store.find(List.of(1L, 2L)).join())
                    .extracting(t -> t.id().sequence())
                    .containsExactly(2L);
            assertThat(store.whole(List.of(3L, 1L, 2L)).join())
                    .extracting(t -> t.id().sequence())
                    .containsExactly(3L, 2L);
            assertThat(store.range(1, 3).join())
                    .extracting(t -> t.id().sequence())
                    .containsExactly(2L, 3L);
            store.commit(List.of(new Change.TaskCreated(task(4, null, key))));
            store.left();
            assertThat(store.keyed(key).join()).map(t -> t.id().sequence()).isEqualTo(Optional.of(4L));
            assertThat(store.find(1).join()).isEmpty();
        }
    }

    @Test
    void batchIsReadAsItIsWithoutWaitingForTheDatabase() {
        BatchId id = new BatchId(10, 77);
        Batch batch = Batch.of(id, "", BatchRules.NONE, 1, true);
        BatchPart first = new BatchPart(id, 0, 11, 3);
        BatchPart second = new BatchPart(id, 3, 20, 2);
        BatchPart third = new BatchPart(id, 5, 30, 1);
        try (Store store = open(folder, Duration.ofHours(1))) {
            store.commit(List.of(new Change.BatchSaved(batch), new Change.PartAdded(first)));
            store.left();
            store.commit(List.of(new Change.BatchSaved(batch.took(2, 0)), new Change.PartAdded(second)));
            store.commit(List.of(new Change.BatchSaved(batch.took(3, 0)), new Change.PartAdded(third)));
            assertThat(store.batch(id).join()).contains(batch.took(3, 0));
            assertThat(store.batch(new BatchId(10, 78)).join()).isEmpty();
            assertThat(store.parts(id, 0, 2).join()).containsExactly(first, second);
            assertThat(store.parts(id, 4, 9).join()).containsExactly(second, third);
            assertThat(store.parts(id, 5, 9).join()).containsExactly(third);
            store.left();
            assertThat(store.batch(id).join()).contains(batch.took(3, 0));
            assertThat(store.parts(id, 0, 9).join()).containsExactly(first, second, third);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void batchThatIsCountedKeepsItsCallbacksThroughAReplay(boolean databaseHasThem) throws IOException {
        Callbacks callbacks = Callbacks.of(List.of(new Callback.Wish("https://example.org/a", Callback.Wish.ALL)), 1);
        Batch batch =
                Batch.of(new BatchId(10, 77), "", BatchRules.NONE, 1, true).with(callbacks);
        Path older = folder.resolve("older");
        try (Store store = open()) {
            store.commit(List.of(new Change.TaskCreated(task(1))));
            store.left();
            if (!databaseHasThem) {
                Files.copy(folder.resolve("tasks.mv.db"), older);
            }
            store.commit(List.of(new Change.BatchSaved(batch)));
            store.left();
            if (databaseHasThem) {
                Files.copy(folder.resolve("tasks.mv.db"), older);
            }
            store.commit(List.of(new Change.BatchCounted(batch.took(2, 0))));
            store.commit(List.of(new Change.BatchCounted(batch.took(5, 1))));
            store.left();
            assertThat(store.batch(batch.id()).join()).contains(batch.took(5, 1));
        }
        Files.move(older, folder.resolve("tasks.mv.db"), java.nio.file.StandardCopyOption.REPLACE_EXISTING);
        try (Store store = open()) {
            assertThat(store.left().batches()).containsExactly(batch.took(5, 1));
            assertThat(store.batch(batch.id()).join()).contains(batch.took(5, 1));
        }
    }

    @Test
    void taskThatCameAndWentBetweenTwoAppliesIsForgottenAsItsBatch() {
        BatchId batch = new BatchId(10, 77);
        List<Task> tasks = LongStream.rangeClosed(11, 13)
                .mapToObj(s -> task(s, batch, null))
                .toList();
        try (Store store = open(folder, Duration.ofHours(1))) {
            store.commit(List.of(new Change.TaskCreated(task(1))));
            store.left();
            List<Change> created = new ArrayList<>();
            created.add(new Change.BatchSaved(Batch.of(batch, "", BatchRules.NONE, 1, false)));
            created.add(new Change.PartAdded(new BatchPart(batch, 0, 11, 3)));
            tasks.forEach(t -> created.add(new Change.TaskCreated(done(t, "1", Long.MAX_VALUE))));
            store.commit(created);
            tasks.forEach(t -> store.commit(List.of(new Change.TaskDeleted(t.id()))));
            store.commit(List.of(new Change.BatchDeleted(batch)));
            assertThat(store.batch(batch).join()).isEmpty();
            assertThat(store.parts(batch, 0, 10).join()).isEmpty();
            store.left();
            assertThat(store.batch(batch).join()).isEmpty();
            assertThat(store.parts(batch, 0, 10).join()).isEmpty();
            assertThat(forgotten)
                    .containsExactlyInAnyOrderElementsOf(
                            tasks.stream().map(Task::id).toList());
        }
    }

    @Test
    void taskThatEndedAndWasDeletedBetweenTwoAppliesLeavesItsQueue() {
        try (Store store = open(folder, Duration.ofHours(1))) {
            Task delayed = Task.accepted(new TaskId(2, 1), task(2).spec(), 1, 5_000);
            store.commit(List.of(new Change.TaskCreated(task(1)), new Change.TaskCreated(delayed)));
            assertThat(store.left().pendingByPool()).hasSize(1);
            for (Task task : List.of(task(1), delayed)) {
                store.commit(List.of(new Change.TaskChanged(done(task, "1", Long.MAX_VALUE))));
                store.commit(List.of(new Change.TaskDeleted(task.id())));
            }
            assertThat(store.left().pendingByPool()).isEmpty();
            assertThat(store.pending(delayed.spec().pool(), false, Long.MIN_VALUE, Long.MIN_VALUE, 10)
                            .join())
                    .isEqualTo(new Store.Page(List.of(), true));
            assertThat(store.due(0, 0, Long.MAX_VALUE, 1).join()).isEqualTo(new Store.Page(List.of(), true));
        }
    }

    @Test
    void listsReadNoResultsAndWholeReadsAreBounded() {
        String large = "\"" + "x".repeat(900_000) + "\"";
        List<Long> all = LongStream.rangeClosed(1, 40).boxed().toList();
        try (Store store = open()) {
            for (long i : all) {
                store.commit(List.of(new Change.TaskCreated(done(task(i), large, Long.MAX_VALUE))));
            }
            assertThat(store.list(new TaskQuery(Set.of(), null, null, null, Map.of(), 0, Long.MAX_VALUE, 500))
                            .join())
                    .hasSize(40)
                    .allSatisfy(t -> assertThat(t.weight()).isLessThan(1000));
            assertThat(store.find(all).join())
                    .hasSize(40)
                    .allSatisfy(t -> assertThat(t.weight()).isLessThan(1000));
            assertThat(store.range(1, 40).join())
                    .hasSize(40)
                    .allSatisfy(t -> assertThat(t.weight()).isLessThan(1000));
            List<Task> some = store.whole(all).join();
            assertThat(some).hasSizeBetween(5, 15);
            assertThat(some.getLast().weight()).isGreaterThan(900_000);
            assertThat(some).extracting(t -> t.id().sequence()).isEqualTo(all.subList(0, some.size()));
            assertThat(store.find(40L).join().orElseThrow().weight()).isGreaterThan(900_000);
        }
    }
}
