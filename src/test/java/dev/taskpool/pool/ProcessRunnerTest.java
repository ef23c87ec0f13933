package dev.taskpool.pool;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.taskpool.model.Breakage;
import dev.taskpool.model.Failure;
import dev.taskpool.model.FailureCode;
import dev.taskpool.model.PoolKind;
import dev.taskpool.model.PoolSettings;
import dev.taskpool.model.PoolSettings.OnWorkerLost;
import dev.taskpool.process.ResourceLimits;
import dev.taskpool.process.Spawner;
import dev.taskpool.worker.WorkerType;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(180)
class ProcessRunnerTest {
    private static final int MAX_RESULT = 17 << 20;

    @TempDir
    Path folder;

    private final Spawner spawner = Spawner.best();
    private final ConcurrentLinkedQueue<Breakage> broken = new ConcurrentLinkedQueue<>();
    private Path sockets;
    private Bench bench;
    private @Nullable ProcessRunner runner;

    @BeforeEach
    void open() throws Exception {
        sockets = Files.createTempDirectory("tp");
        bench = new Bench(folder.resolve("outputs"), 1 << 20);
    }

    @AfterEach
    void nothingIsLeft() throws Exception {
        if (runner != null) {
            runner.close().get(20, TimeUnit.SECONDS);
        }
        await().untilAsserted(() -> assertThat(Bench.files(sockets)).isEmpty());
        Files.delete(sockets);
        spawner.close();
        await().untilAsserted(() -> assertThat(Thread.getAllStackTraces().keySet())
                .noneMatch(thread -> thread.getName().startsWith("pool-test-keeper")));
    }

    private ProcessRunner runner(PoolSettings settings, WorkerType type) {
        ProcessRunner made = new ProcessRunner("test", settings, type, spawner, sockets, MAX_RESULT, true, broken::add);
        runner = made;
        return made;
    }

    private ProcessRunner java(PoolSettings settings) throws Exception {
        return runner(settings, WorkerType.java("java", TestCallables.folder(folder), 512L << 20, Map.of()));
    }

    private ProcessRunner java(int workers) throws Exception {
        return java(Bench.settings(PoolKind.PROCESS, workers));
    }

    private String pid(ProcessRunner on) throws Exception {
        return bench.start(on, "test.pid", null, null).result().toString();
    }

    private static boolean lives(String pid) {
        return ProcessHandle.of(Long.parseLong(pid)).isPresent();
    }

    private static Failure failure(Ending ending) {
        return switch (ending) {
            case Ending.Failed failed -> failed.failure();
            case Ending.NotStarted not -> not.failure();
            case Ending.Returned returned -> throw new AssertionError(returned.toString());
            case Ending.Snoozed snoozed -> throw new AssertionError(snoozed.toString());
        };
    }

    @Test
    void resultsAreExact() throws Exception {
        ProcessRunner pool = java(2);
        List<Bench.Started> all = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            all.add(bench.start(pool, "math.sum_of_squares", "[5000000]", null));
        }
        for (Bench.Started each : all) {
            assertThat(each.result()).hasToString("41666654166667500000");
        }
        assertThat(bench.start(pool, "identity", "[ {\"a\" : 1.10, \"b\":12345678901234567890123} ]", null)
                        .result())
                .hasToString("{\"a\":1.10,\"b\":12345678901234567890123}");
        Failure failure =
                failure(bench.start(pool, "demo.fail", "[\"no\"]", null).await());
        assertThat(failure.code()).isEqualTo(FailureCode.EXCEPTION);
        assertThat(failure.message()).isEqualTo("no");
        assertThat(failure.exceptionType()).isEqualTo("java.lang.IllegalStateException");
        assertThat(failure.trace()).contains("at dev.taskpool");
        assertThat(failure(bench.start(pool, "test.unwritable", null, null).await())
                        .code())
                .isEqualTo(FailureCode.INVALID_RESULT);
        assertThat(failure(bench.start(pool, "test.overflow", null, null).await())
                        .exceptionType())
                .isEqualTo("java.lang.StackOverflowError");
        assertThat(failure(bench.start(pool, "not.there", null, null).await()).code())
                .isEqualTo(FailureCode.UNKNOWN_CALLABLE);
    }

    @Test
    void largeArgumentsAndResultsComeUnharmed() throws Exception {
        ProcessRunner pool = java(1);
        String text = "\"" + "0123456789äöü€\\n".repeat((16 << 20) / 21) + "\"";
        assertThat(bench.start(pool, "identity", "[" + text + "]", null)
                        .result()
                        .toString()
                        .equals(text))
                .isTrue();
        String pid = pid(pool);
        Ending tooLarge = bench.start(pool, "test.large", "[" + (MAX_RESULT - 1) + "]", null)
                .await();
        assertThat(failure(tooLarge).code()).isEqualTo(FailureCode.RESULT_TOO_LARGE);
        Ending beyondFrames =
                bench.start(pool, "test.large", "[70000000]", null).await();
        assertThat(failure(beyondFrames).code()).isEqualTo(FailureCode.RESULT_TOO_LARGE);
        assertThat(pid(pool)).isEqualTo(pid);
    }

    @Test
    void outputGoesToTheTaskThatWroteIt() throws Exception {
        ProcessRunner pool = java(1);
        Bench.Started first = bench.start(pool, "test.print", null, null);
        assertThat(first.result()).hasToString("\"" + first.run().id() + "\"");
        assertThat(bench.output(first, false)).isEqualTo("plain out\ncontext ä\n");
        assertThat(bench.output(first, true)).isEqualTo("plain err\nno line end");
        assertThat(first.run().progress()).isEqualTo(new Run.Progress(0.5, "half"));
        Bench.Started flood = bench.start(pool, "test.flood", "[20000]", null);
        flood.result();
        assertThat(flood.await().output().truncated()).isTrue();
        assertThat(flood.await().output().stdoutBytes()).isEqualTo(1 << 20);
        Bench.Started second = bench.start(pool, "test.print", null, null);
        second.result();
        assertThat(bench.output(second, false)).isEqualTo("plain out\ncontext ä\n");
    }

    @Test
    void deathOfAWorkerFailsOnlyItsTask() throws Exception {
        ProcessRunner pool = java(2);
        Bench.Started lives = bench.start(pool, "time.sleep", "[1.5, \"fine\"]", null);
        String pid = pid(pool);
        Bench.Started dies = bench.start(pool, "time.sleep", "[1000]", null);
        ProcessHandle.of(Long.parseLong(pid)).orElseThrow().destroyForcibly();
        Failure failure = failure(dies.await());
        assertThat(failure.code()).isEqualTo(FailureCode.WORKER_DIED);
        assertThat(failure.signal()).isEqualTo("SIGKILL");
        assertThat(pid(pool)).isNotEqualTo(pid);
        assertThat(lives.result()).hasToString("\"fine\"");
        assertThat(broken).isEmpty();
    }

    @Test
    void exitOfACallableIsADeath() throws Exception {
        ProcessRunner pool = java(1);
        for (int code : new int[] {0, 3}) {
            Ending ending =
                    bench.start(pool, "test.exit", "[" + code + "]", null).await();
            Failure failure = failure(ending);
            assertThat(failure.code()).isEqualTo(FailureCode.WORKER_DIED);
            assertThat(failure.exitCode()).isEqualTo(code);
            assertThat(ending.output().exit()).isNotNull().satisfies(exit -> {
                assertThat(exit.code()).isEqualTo(code);
                assertThat(exit.cause()).isEqualTo("exited");
            });
        }
        assertThat(bench.start(pool, "noop", null, null).result()).hasToString("null");
    }

    @Test
    void idleWorkerThatDiedIsNotGivenATask() throws Exception {
        ProcessRunner pool = java(1);
        for (int i = 0; i < 3; i++) {
            String pid = pid(pool);
            ProcessHandle worker = ProcessHandle.of(Long.parseLong(pid)).orElseThrow();
            worker.destroyForcibly();
            await().until(() -> !worker.isAlive());
            assertThat(pid(pool)).isNotEqualTo(pid);
        }
    }

    @Test
    void workerIsReplacedAfterItsTasks() throws Exception {
        ProcessRunner pool = java(Bench.settings(PoolKind.PROCESS, 1, 0, 2, null, OnWorkerLost.BREAK));
        List<String> pids = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            pids.add(pid(pool));
        }
        assertThat(pids.get(0)).isEqualTo(pids.get(1)).isNotEqualTo(pids.get(2));
        assertThat(pids.get(2)).isEqualTo(pids.get(3));
        await().until(() -> pids.stream().noneMatch(ProcessRunnerTest::lives));
        assertThat(broken).isEmpty();
    }

    @Test
    void cancelInterruptsAndKeepsTheWorker() throws Exception {
        ProcessRunner pool = java(1);
        String pid = pid(pool);
        Bench.Started started = bench.start(pool, "test.cancelled", null, null);
        await().until(() -> bench.output(started, false).contains("waiting"));
        pool.stop(started.run(), 30_000);
        assertThat(started.result()).hasToString("\"stopped\"");
        assertThat(bench.output(started, false)).endsWith("interrupted true\n");
        for (int i = 0; i < 200; i++) {
            Bench.Started raced = bench.start(pool, "time.sleep", "[0]", null);
            pool.stop(raced.run(), 30_000);
            raced.await();
        }
        assertThat(bench.start(pool, "time.sleep", "[0.01, 5]", null).result()).hasToString("5");
        assertThat(pid(pool)).isEqualTo(pid);
    }

    @Test
    void drainIsPassedOn() throws Exception {
        ProcessRunner pool = java(1);
        Bench.Started started = bench.start(pool, "test.draining", null, null);
        await().until(() -> bench.output(started, false).contains("waiting"));
        started.run().markDraining(true);
        assertThat(started.result()).hasToString("\"drained\"");
    }

    @Test
    void stubbornTaskIsKilledWithItsWorker() throws Exception {
        ProcessRunner pool = java(Bench.settings(PoolKind.PROCESS, 1, 0, null, null, OnWorkerLost.BREAK));
        String pid = pid(pool);
        Bench.Started started = bench.start(pool, "demo.stubborn", "[1000]", null);
        pool.stop(started.run(), 100);
        assertThat(failure(started.await()).code()).isEqualTo(FailureCode.WORKER_DIED);
        assertThat(lives(pid)).isFalse();
        Bench.Started hurried = bench.start(pool, "demo.stubborn", "[1000]", null);
        pool.stop(hurried.run(), 1_000_000);
        pool.stop(hurried.run(), 0);
        assertThat(hurried.await()).isNotInstanceOf(Ending.Returned.class);
        assertThat(pid(pool)).isNotEqualTo(pid);
        assertThat(broken).isEmpty();
    }

    @Test
    void idleWorkersAreLetGoDownToTheLeast() throws Exception {
        ProcessRunner pool = java(Bench.settings(PoolKind.PROCESS, 3, 1, null, 300L, OnWorkerLost.BREAK));
        List<Bench.Started> all = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            all.add(bench.start(pool, "time.sleep", "[0.3]", null));
        }
        for (Bench.Started each : all) {
            each.result();
        }
        Set<String> pids = new HashSet<>();
        for (int i = 0; i < 5; i++) {
            pids.add(pid(pool));
        }
        // The one that was busy last is busy again.
        assertThat(pids).hasSize(1);
        await().until(() -> workers() == 1);
        assertThat(pids).contains(pid(pool));
        pool.configure(Bench.settings(PoolKind.PROCESS, 3, 2, null, null, OnWorkerLost.HEAL));
        await().until(() -> workers() == 2);
        assertThat(broken).isEmpty();
    }

    /** Of this test, by the mark of its spawner: others may start programs in this JVM at the same time. */
    private long workers() {
        return ProcessHandle.current()
                .children()
                .filter(child -> child.info().command().orElse("").endsWith("/java"))
                .filter(child -> environment(child).contains("TASKPOOL_BOOT=" + spawner.boot() + "\0"))
                .count();
    }

    private static String environment(ProcessHandle process) {
        try {
            return Files.readString(Path.of("/proc/" + process.pid() + "/environ"), StandardCharsets.ISO_8859_1);
        } catch (IOException gone) {
            return "";
        }
    }

    @Test
    void lossBreaksThePoolThatSaysSo() throws Exception {
        ProcessRunner pool = java(Bench.settings(PoolKind.PROCESS, 1, 0, null, null, OnWorkerLost.BREAK));
        Bench.Started dies = bench.start(pool, "test.exit", "[9]", null);
        failure(dies.await());
        // The task that the worker held is told first.
        await().untilAsserted(
                        () -> assertThat(broken).singleElement().asString().contains("exit code 9"));
    }

    @Test
    void workersThatCannotStartFailTheRunsThatWait() throws Exception {
        WorkerType crashing = new WorkerType(
                "crashing",
                List.of("/bin/sh", "-c", "echo no module named x >&2; exit 5"),
                Map.of(),
                Path.of("/"),
                ResourceLimits.INHERITED);
        ProcessRunner pool = runner(Bench.settings(PoolKind.PROCESS, 2), crashing);
        Bench.Started one = bench.start(pool, "noop", null, null);
        Bench.Started two = bench.start(pool, "noop", null, null);
        for (Bench.Started each : List.of(one, two)) {
            assertThat(each.await()).isInstanceOf(Ending.NotStarted.class);
            assertThat(failure(each.await()).message()).contains("exit code 5", "no module named x");
        }
        runner = null;
        pool.close().get(10, TimeUnit.SECONDS);
        ProcessRunner missing = runner(
                Bench.settings(PoolKind.PROCESS, 2),
                new WorkerType("missing", List.of("/no/such"), Map.of(), Path.of("/"), ResourceLimits.INHERITED));
        assertThat(failure(bench.start(missing, "noop", null, null).await()).message())
                .contains("/no/such");
    }

    @Test
    void workerMayJustPrint() throws Exception {
        WorkerType simple = new WorkerType(
                "simple",
                List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:TieredStopAtLevel=1",
                        "-cp",
                        System.getProperty("java.class.path"),
                        PipeWorker.class.getName()),
                Map.of(),
                Path.of("/"),
                ResourceLimits.INHERITED);
        ProcessRunner pool = runner(Bench.settings(PoolKind.PROCESS, 1), simple);
        for (int i = 0; i < 200; i++) {
            Bench.Started started = bench.start(pool, "x", "[ 1.0, \"\\u00e4\" ]", null);
            assertThat(started.result()).hasToString("[ 1.0, \"\\u00e4\" ]");
            assertThat(bench.output(started, false))
                    .isEqualTo("task " + started.run().id() + "\n");
            assertThat(bench.output(started, true))
                    .isEqualTo("error of " + started.run().id() + "\n");
        }
        assertThat(failure(bench.start(pool, "surrogate", null, null).await()).code())
                .isEqualTo(FailureCode.INVALID_RESULT);
        Failure garbage = failure(bench.start(pool, "garbage", null, null).await());
        assertThat(garbage.code()).isEqualTo(FailureCode.WORKER_DIED);
        assertThat(garbage.message()).contains("cannot be understood", "UTF-8");
    }
}
