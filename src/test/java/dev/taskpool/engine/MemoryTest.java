package dev.taskpool.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.taskpool.model.Batch;
import dev.taskpool.model.BatchRules;
import dev.taskpool.model.Json;
import dev.taskpool.model.OnLost;
import dev.taskpool.model.PoolKind;
import dev.taskpool.model.PoolSettings;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskState;
import dev.taskpool.pool.Run;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MemoryTest {
    @TempDir
    Path data;

    @Test
    void taskWhoseStartIsBeingWrittenDoesNotLeaveMemory() {
        try (TestEngine t = new TestEngine(data, 100, Map.of("p", TestEngine.pool(PoolKind.THREAD, 1, 1_000)))) {
            Run first = t.run(t.submitted(OnLost.FAIL));
            Task next = t.submitted(OnLost.FAIL);
            t.together(() -> {
                TestEngine.end(first);
                // The database has it as it was: pending.
                t.engine.mailbox.put(tx -> t.engine.live.memory.applied(List.of(next)));
            });
            await().until(() -> t.engine.find(next.id()).join().orElseThrow().state() == TaskState.RUNNING);
            assertThat(t.engine.resident(next.id())).isNotNull();
            TestEngine.end(t.run(next));
            await().until(() -> t.task(next.id()).done());
        }
    }

    @Test
    void poolThatFillsMemoryLeavesRoomForAnother() {
        Map<String, PoolSettings> pools = Map.of(
                "p", TestEngine.pool(PoolKind.THREAD, 1, 1_000), "q", TestEngine.pool(PoolKind.THREAD, 1, 1_000));
        Json large = Json.ofValid(("[\"" + "x".repeat(1 << 20) + "\"]").getBytes(StandardCharsets.UTF_8));
        try (TestEngine t = new TestEngine(data, 1_000, pools)) {
            List<Task> first = new ArrayList<>();
            for (int i = 0; i < 80; i++) {
                first.add(t.submitted("p", large));
            }
            List<Task> second = new ArrayList<>();
            for (int i = 0; i < 30; i++) {
                second.add(t.submitted("q", null));
            }
            await().untilAsserted(() -> {
                assertThat(first)
                        .filteredOn(task -> t.engine.resident(task.id()) == null)
                        .hasSizeGreaterThan(10);
                assertThat(t.engine.live.backlog.isFull()).isFalse();
            });
            assertThat(second)
                    .allSatisfy(task -> assertThat(t.engine.resident(task.id())).isNotNull());
            // And what had to leave comes to its turn.
            for (Task task : first) {
                TestEngine.end(t.run(task));
            }
            await().until(() -> t.task(first.getLast().id()).done());
        }
    }

    /** A read that began in between may have passed over it, for it was here. */
    @Test
    void whatIsLetGoOnceMoreWaitsForTheReadsThatBeganInBetween() {
        try (TestEngine t = new TestEngine(data, 100, Map.of("p", TestEngine.pool(PoolKind.THREAD, 1, 1_000)))) {
            Live live = t.engine.live;
            long[] reads = new long[2];
            t.engine.mailbox.put(tx -> reads[0] = live.memory.reads.begin());
            Task task = t.submitted(OnLost.FAIL);
            TestEngine.end(t.run(task));
            await().until(() -> t.task(task.id()).done());
            Cell cell = Objects.requireNonNull(live.memory.cells.get(task.id().sequence()));
            await().until(() -> cell.leaving);
            t.engine.mailbox.put(tx -> {
                reads[1] = live.memory.reads.begin();
                live.memory.evict(cell);
                live.memory.reads.end(reads[0]);
            });
            t.settle();
            assertThat(t.engine.resident(task.id())).isNotNull();
            t.engine.mailbox.put(tx -> live.memory.reads.end(reads[1]));
            t.settle();
            assertThat(t.engine.resident(task.id())).isNull();
        }
    }

    @Test
    void streamedBatchThatGoesOnInItsLastMomentIsStillWatched() {
        try (TestEngine t = new TestEngine(data, 100, Map.of("p", TestEngine.pool(PoolKind.THREAD, 1, 1_000)))) {
            Batch batch = t.engine.batches().open("", BatchRules.NONE).join();
            AtomicLong succeeded = new AtomicLong();
            t.engine.batches().watch(batch.id(), new BatchWatcher() {
                @Override
                public void moved(Batch now) {
                    succeeded.set(now.succeeded());
                }
            });
            CompletableFuture<Accepted> more = new CompletableFuture<>();
            t.together(() -> {
                t.engine
                        .submit(
                                List.of(new Placed(
                                        0,
                                        new Submission(TestEngine.spec("anywhere", OnLost.FAIL), TestEngine.ANYWHERE))),
                                new Grouping.More(batch.id(), 0, 1, false),
                                null)
                        .thenAccept(more::complete);
                t.engine.mailbox.put(
                        tx -> t.clock.passed.addAndGet(Duration.ofHours(2).toMillis()));
                t.engine.mailbox.put(t.engine.live.batches::reap);
            });
            Task task = more.join().tasks().getFirst();
            TestEngine.end(t.run(task));
            await().until(() -> succeeded.get() == 1);
        }
    }
}
