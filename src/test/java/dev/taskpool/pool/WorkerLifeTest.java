package dev.taskpool.pool;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.taskpool.model.Breakage;
import dev.taskpool.model.Failure;
import dev.taskpool.model.FailureCode;
import dev.taskpool.model.Json;
import dev.taskpool.model.PoolKind;
import dev.taskpool.model.PoolSettings;
import dev.taskpool.model.PoolSettings.OnWorkerLost;
import dev.taskpool.model.WorkerPolicy;
import dev.taskpool.process.ResourceLimits;
import dev.taskpool.process.Spawner;
import dev.taskpool.worker.Interpreters;
import dev.taskpool.worker.WorkerType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.awaitility.core.ConditionFactory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Workers begin, wear out and die; a small worker that does as it is told stands for all. */
@Timeout(180)
class WorkerLifeTest {
    @TempDir
    Path folder;

    private final Spawner spawner = Spawner.best();
    private final ConcurrentLinkedQueue<Breakage> broken = new ConcurrentLinkedQueue<>();
    private Path sockets;
    private Bench bench;
    private @Nullable ProcessRunner runner;

    @BeforeEach
    void open() throws Exception {
        Interpreters.assumeThere("python3");
        sockets = Files.createTempDirectory("tp");
        bench = new Bench(folder.resolve("outputs"), 1 << 20);
    }

    @AfterEach
    void nothingIsLeft() throws Exception {
        if (runner != null) {
            runner.close().get(60, TimeUnit.SECONDS);
            assertThat(runner.workers()).isEmpty();
            assertThat(Bench.files(sockets)).isEmpty();
        }
        spawner.close();
        assertThat(Thread.getAllStackTraces().keySet())
                .noneMatch(thread -> thread.getName().startsWith("pool-life-"));
    }

    private ProcessRunner pool(PoolSettings settings, Duration startTimeout) {
        WorkerType type = new WorkerType(
                "mortal",
                List.of(
                        "python3",
                        "-S",
                        Path.of("src/test/resources/mortal_worker.py")
                                .toAbsolutePath()
                                .toString()),
                Map.of(),
                Path.of("/"),
                ResourceLimits.NO_CORE,
                startTimeout);
        ProcessRunner made = new ProcessRunner("life", settings, type, spawner, sockets, 1 << 20, true, broken::add);
        runner = made;
        return made;
    }

    private ProcessRunner pool(PoolSettings settings) {
        return pool(settings, Duration.ofSeconds(60));
    }

    private static PoolSettings settings(int workers) {
        return Bench.settings(PoolKind.PROCESS, workers);
    }

    private static WorkerPolicy initializer(String callable, String args) {
        return new WorkerPolicy(new WorkerPolicy.Initializer(callable, Json.ofValid(args), null), null, null, null);
    }

    private static ConditionFactory soon() {
        return await().atMost(Duration.ofSeconds(60));
    }

    private Bench.Started start(String callable, String args) {
        ProcessRunner on = runner;
        if (on == null) {
            throw new AssertionError("no pool");
        }
        return bench.start(on, "mortal." + callable, args, null);
    }

    private String pid() throws Exception {
        return start("pid", "[]").result().toString();
    }

    private static Failure failure(Bench.Started started) throws Exception {
        return switch (started.await()) {
            case Ending.Failed failed -> failed.failure();
            case Ending.NotStarted not -> not.failure();
            case Ending.Returned returned -> throw new AssertionError(returned.toString());
            case Ending.Snoozed snoozed -> throw new AssertionError(snoozed.toString());
        };
    }

    @Test
    void initializerRunsInEachWorkerBeforeItsFirstTask() throws Exception {
        ProcessRunner pool = pool(settings(1).with(initializer("mortal.mark", "[\"ä\"]")));
        for (int i = 0; i < 3; i++) {
            assertThat(start("mark", "[]").result().toString()).contains("\\u00e4");
            failure(start("die", "[1]"));
        }
        assertThat(start("mark", "[]").result().toString()).contains("\\u00e4");
        // Workers that began otherwise are replaced.
        pool.configure(settings(1).with(initializer("mortal.mark", "[\"other\"]")));
        assertThat(start("mark", "[]").result().toString()).contains("other");
        assertThat(pool.workers()).singleElement().satisfies(worker -> {
            assertThat(worker.tasksDone()).isEqualTo(1);
            assertThat(worker.state()).isEqualTo(WorkerView.State.IDLE);
        });
        assertThat(broken).isEmpty();
    }

    @Test
    void failedInitializerBreaksThePoolUntilItIsMended() throws Exception {
        Map<String, String> causes = Map.of(
                "mortal.fail", "Refused: no",
                "mortal.die", "exit code 7",
                "mortal.sleep", "start_timeout",
                "mortal.unknown", "mortal.unknown");
        Map<String, String> args = Map.of("mortal.fail", "[\"no\"]", "mortal.die", "[7]", "mortal.sleep", "[600]");
        for (Map.Entry<String, String> each : causes.entrySet()) {
            String callable = each.getKey();
            broken.clear();
            PoolSettings settings = settings(2).with(initializer(callable, args.getOrDefault(callable, "[]")));
            // Only what is never going to come back is given little time.
            ProcessRunner pool = pool(settings, Duration.ofSeconds(callable.equals("mortal.sleep") ? 3 : 60));
            List<Bench.Started> waiting = List.of(start("echo", "[1]"), start("echo", "[2]"), start("echo", "[3]"));
            for (Bench.Started one : waiting) {
                Failure failure = failure(one);
                assertThat(failure.code()).isEqualTo(FailureCode.INITIALIZER_FAILED);
                assertThat(failure.message()).contains(each.getValue());
            }
            soon().until(() -> !broken.isEmpty());
            assertThat(broken.peek()).satisfies(by -> {
                assertThat(by.code()).isEqualTo(FailureCode.INITIALIZER_FAILED);
                assertThat(by.cause()).contains(each.getValue());
            });
            // Until it is mended nothing is tried again.
            assertThat(failure(start("echo", "[4]")).code()).isEqualTo(FailureCode.INITIALIZER_FAILED);
            soon().until(() -> pool.workers().isEmpty());
            pool.configure(settings(2));
            assertThat(start("echo", "[5]").result()).hasToString("[5]");
            pool.close().get(60, TimeUnit.SECONDS);
        }
    }

    @Test
    void workerThatGrewIsReplaced() throws Exception {
        pool(settings(1).with(new WorkerPolicy(null, 80L << 20, null, null)));
        String pid = pid();
        assertThat(pid()).isEqualTo(pid);
        start("grow", "[100000000]").result();
        assertThat(runner == null ? null : runner.workers()).isEmpty();
        assertThat(pid()).isNotEqualTo(pid);
        assertThat(broken).isEmpty();
    }

    @Test
    void oldWorkerIsReplacedWhenItHasNoTask() throws Exception {
        ProcessRunner pool = pool(Bench.settings(PoolKind.PROCESS, 2, 1, null, null, OnWorkerLost.BREAK)
                .with(new WorkerPolicy(null, null, 1_500L, null)));
        String first = pid();
        // Also one that is kept ready, and idle.
        soon().until(() -> pool.workers().stream()
                .anyMatch(w -> w.state() == WorkerView.State.IDLE
                        && !String.valueOf(w.pid()).equals(first)));
        start("sleep", "[2]").result();
        assertThat(broken).isEmpty();
    }

    @Test
    void wornWorkerIsGoneFromTheListBeforeItsLastTaskIsTold() throws Exception {
        ProcessRunner pool = pool(Bench.settings(PoolKind.PROCESS, 1, 0, 2, null, OnWorkerLost.BREAK));
        Set<String> pids = new HashSet<>();
        for (int i = 0; i < 6; i++) {
            String pid = pid();
            pids.add(pid);
            assertThat(pool.workers().stream()
                            .filter(w -> String.valueOf(w.pid()).equals(pid)))
                    .hasSize(1 - i % 2);
        }
        assertThat(pids).hasSize(3);
        assertThat(broken).isEmpty();
    }

    @Test
    void resizeKeepsWorkersThatSurvive() throws Exception {
        ProcessRunner pool = pool(settings(1));
        String first = pid();
        pool.configure(settings(3));
        List<Bench.Started> three = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            three.add(start("sleep", "[0.5]"));
        }
        soon().until(() -> pool.workers().size() == 3);
        Set<String> all = new HashSet<>();
        pool.workers().forEach(worker -> all.add(String.valueOf(worker.pid())));
        assertThat(all).contains(first);
        for (Bench.Started each : three) {
            each.result();
        }
        pool.configure(settings(1));
        soon().until(() -> pool.workers().size() == 1);
        String last = pid();
        assertThat(all).contains(last);
        assertThat(pid()).isEqualTo(last);
        assertThat(broken).isEmpty();
    }

    @Test
    void deathsWithoutAFinishedTaskSlowThePoolDownUntilOneFinishes() throws Exception {
        ProcessRunner pool = pool(settings(1));
        long from = System.nanoTime();
        for (int i = 0; i < 6; i++) {
            assertThat(failure(start("die", "[\"SIGKILL\"]")).code()).isEqualTo(FailureCode.WORKER_DIED);
        }
        assertThat(pool.status()).isEqualTo(new RunnerStatus(true, 6));
        // Put off by 100 and 200 ms.
        assertThat(Duration.ofNanos(System.nanoTime() - from)).isGreaterThan(Duration.ofMillis(300));
        assertThat(start("echo", "[1]").result()).hasToString("[1]");
        assertThat(pool.status()).isEqualTo(new RunnerStatus(false, 6));
    }

    /** A death at any byte of an answer fails the task that has no answer, and no other. */
    @Test
    void deathAtAnyByteOfAFrameFailsOnlyItsTask() throws Exception {
        ProcessRunner pool = pool(settings(1));
        Bench.Started whole = start("die_within", "[1000, 0]");
        assertThat(whole.result()).hasToString("null");
        soon().until(() -> pool.workers().isEmpty());
        String task = whole.run().id().toString();
        int length = 4 + ("{\"type\": \"result\", \"task\": \"" + task + "\", \"result\": null}").length();
        List<Object> ways = List.of(0, "SIGKILL", 3);
        for (int bytes = 0; bytes <= length; bytes++) {
            Object way = ways.get(bytes % ways.size());
            Bench.Started dies =
                    start("die_within", "[" + bytes + ", " + (way instanceof String s ? "\"" + s + "\"" : way) + "]");
            if (bytes == length) {
                // It was all there: the death after it undoes nothing.
                assertThat(dies.result()).hasToString("null");
                soon().until(() -> pool.workers().isEmpty());
            } else {
                Failure failure = failure(dies);
                assertThat(failure.code()).as("%d bytes", bytes).isEqualTo(FailureCode.WORKER_DIED);
                if (way instanceof Integer code) {
                    assertThat(failure.exitCode()).as("%d bytes", bytes).isEqualTo(code);
                } else {
                    assertThat(failure.signal()).as("%d bytes", bytes).isEqualTo(way);
                }
            }
            assertThat(start("echo", "[" + bytes + "]").result()).hasToString("[" + bytes + "]");
        }
        assertThat(broken).isEmpty();
    }

    @Test
    void deathAfterTheAnswerUndoesNothing() throws Exception {
        ProcessRunner pool = pool(settings(1));
        for (int i = 0; i < 10; i++) {
            assertThat(start("answer_and_die", i % 2 == 0 ? "[0]" : "[\"SIGKILL\"]")
                            .result())
                    .hasToString("null");
            // Who comes before the death is known may be given to the dead: that one has no answer.
            soon().until(() -> pool.workers().isEmpty());
            assertThat(start("echo", "[" + i + "]").result()).hasToString("[" + i + "]");
        }
        assertThat(pool.status().workerLosses()).isEqualTo(10);
    }
}
