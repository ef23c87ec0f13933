package dev.taskpool.pool;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.taskpool.model.Failure;
import dev.taskpool.model.FailureCode;
import dev.taskpool.model.PoolKind;
import dev.taskpool.model.Ticker;
import dev.taskpool.process.Spawner;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class CommandRunnerTest {
    private static final int MAX_RESULT = 100_000;

    @TempDir
    Path folder;

    private final Spawner spawner = Spawner.best();
    private final Map<String, CommandTemplate> templates = new HashMap<>();
    private Bench bench;
    private CommandRunner runner;

    @BeforeEach
    void open() throws Exception {
        bench = new Bench(folder.resolve("outputs"), 1000);
        shell("text", "text", "printf %s \"$1\"; echo", "{args[0]}");
        shell("json", "json", "printf '%s' \"$1\"", "{args[0]}");
        shell("none", "none", "echo ignored");
        shell("exit", "none", "echo why >&2; exit \"$1\"", "{args[0]}");
        shell("signal", "none", "kill -s SEGV $$");
        shell("env", "text", "env | sort; pwd");
        shell("many", "text", "head -c \"$1\" /dev/zero | tr '\\0' x", "{args[0]}");
        shell("deep", "none", """
                name=$(head -c 200 /dev/zero | tr '\\0' d); i=0; mkdir in
                while [ $i -lt 100 ]; do mkdir out && mv in out/$name && mv out in || exit 9; i=$((i+1)); done
                mkdir -p "$HOME/ro/sub"; touch "$HOME/ro/sub/file"; ln -s /etc "$HOME/link"; chmod -R a-w "$HOME/ro"
                """);
        shell("stubborn", "none", "trap '' TERM; echo up; (setsid sleep 1000 &); while :; do sleep 1; done");
        shell("polite", "none", "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done");
        templates.put(
                "cat", CommandTemplate.of(List.of("cat"), false, "args_json", "json", Map.of(), List.of(), Set.of(0)));
        templates.put(
                "missing",
                CommandTemplate.of(List.of("no-such-program"), false, "none", "none", Map.of(), List.of(), Set.of(0)));
        shell("leave", "text", "ls -A; echo secret >left");
        shell("look", "text", "ls -A");
        runner = runner(Ticker.SYSTEM);
    }

    private CommandRunner runner(Ticker clock) {
        return new CommandRunner(
                "test",
                Bench.settings(PoolKind.COMMAND, 4),
                templates,
                spawner,
                folder.resolve("scratch"),
                MAX_RESULT,
                clock);
    }

    private void shell(String name, String result, String script, String... more) {
        List<String> argv = new ArrayList<>(List.of("/bin/sh", "-c", script, "sh"));
        argv.addAll(List.of(more));
        templates.put(
                name,
                CommandTemplate.of(
                        argv, false, "none", result, Map.of("OWN", "1"), List.of("LANG", "NOT_SET"), Set.of(0, 3)));
    }

    @AfterEach
    void nothingIsLeft() throws Exception {
        if (Files.exists(folder.resolve("scratch"))) {
            // What is kept for the next run is empty.
            for (Path spare : Bench.files(folder.resolve("scratch"))) {
                assertThat(Bench.files(spare)).isEmpty();
            }
        }
        runner.close().get(10, TimeUnit.SECONDS);
        if (Files.exists(folder.resolve("scratch"))) {
            assertThat(Bench.files(folder.resolve("scratch"))).isEmpty();
        }
        spawner.close();
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
    void outputBecomesTheResult() throws Exception {
        assertThat(bench.start(runner, "text", "[\"a \\\"b\\\" ä\"]", null).result())
                .hasToString("\"a \\\"b\\\" ä\"");
        assertThat(bench.start(runner, "json", "[\" {\\\"n\\\": 1.00e5} \"]", null)
                        .result())
                .hasToString("{\"n\": 1.00e5}");
        Bench.Started none = bench.start(runner, "none", null, null);
        assertThat(none.result()).hasToString("null");
        assertThat(none.await().output().exitCode()).isZero();
        assertThat(bench.output(none, false)).isEqualTo("ignored\n");
    }

    /** Whether it waits for its process, is being started or runs: it is in the list of workers, and all of these end. */
    @Test
    void terminateEndsWhatIsJustBeingStartedToo() throws Exception {
        for (int i = 0; i < 50; i++) {
            List<Bench.Started> all = new ArrayList<>();
            for (int j = 0; j < 4; j++) {
                all.add(bench.start(runner, "stubborn", null, null));
            }
            assertThat(runner.workers()).hasSize(4);
            runner.terminate(0);
            for (Bench.Started each : all) {
                assertThat(failure(each.await()).signal()).isEqualTo("SIGKILL");
            }
        }
    }

    /** Folders rest at once by this clock, so each run may get one that another had. */
    @Test
    void runFindsNothingOfAnotherInItsFolder() throws Exception {
        Ticker later = new Ticker() {
            @Override
            public long millis() {
                return Ticker.SYSTEM.millis() + 10 * ScratchFolders.REST_MILLIS;
            }

            @Override
            public long nanos() {
                return Ticker.SYSTEM.nanos();
            }
        };
        runner.close().get(10, TimeUnit.SECONDS);
        runner = runner(later);
        for (int i = 0; i < 10; i++) {
            Bench.nextInstant(folder);
            assertThat(bench.start(runner, i % 3 == 0 ? "leave" : "look", null, null)
                            .result())
                    .hasToString("\"\"");
        }
    }

    @Test
    void argumentsReachStdinByteForByte() throws Exception {
        assertThat(bench.start(runner, "cat", "[123456789012345678901234567890, 1.0]", "{\"k\" : \"\\u00e4\"}")
                        .result())
                .hasToString("{\"args\":[123456789012345678901234567890, 1.0],\"kwargs\":{\"k\" : \"\\u00e4\"}}");
    }

    @Test
    void exitCodeAndSignalAreToldApart() throws Exception {
        Ending exit = bench.start(runner, "exit", "[139]", null).await();
        assertThat(failure(exit).code()).isEqualTo(FailureCode.PROCESS_EXIT);
        assertThat(failure(exit).exitCode()).isEqualTo(139);
        assertThat(failure(exit).message()).contains("139").endsWith("why");
        assertThat(exit.output().exitCode()).isEqualTo(139);
        Ending signal = bench.start(runner, "signal", null, null).await();
        assertThat(failure(signal).code()).isEqualTo(FailureCode.PROCESS_SIGNAL);
        assertThat(failure(signal).signal()).isEqualTo("SIGSEGV");
        assertThat(bench.start(runner, "exit", "[3]", null).result()).hasToString("null");
    }

    @Test
    void whatIsNoJsonFailsAsThat() throws Exception {
        for (String bad : List.of("", "{", "1 2", "NaN", "nulll")) {
            Ending ending =
                    bench.start(runner, "json", "[\"" + bad + "\"]", null).await();
            assertThat(failure(ending).code()).as(bad).isEqualTo(FailureCode.INVALID_RESULT);
        }
    }

    @Test
    void resultHasItsOwnLimitApartFromTheOutput() throws Exception {
        Bench.Started fits = bench.start(runner, "many", "[" + (MAX_RESULT - 2) + "]", null);
        assertThat(fits.result().size()).isEqualTo(MAX_RESULT);
        assertThat(fits.await().output().truncated()).isTrue();
        assertThat(bench.output(fits, false)).hasSize(1000);
        for (int size : new int[] {MAX_RESULT - 1, MAX_RESULT + 50, 3_000_000}) {
            Ending ending = bench.start(runner, "many", "[" + size + "]", null).await();
            assertThat(failure(ending).code()).isEqualTo(FailureCode.RESULT_TOO_LARGE);
        }
    }

    @Test
    void environmentIsOnlyWhatWasAllowed() throws Exception {
        Bench.Started started = bench.start(runner, "env", null, null);
        String text = started.result().toString();
        assertThat(text)
                .contains(
                        "TASKPOOL_TASK_ID=" + started.run().id(), "TASKPOOL_ATTEMPT=1", "OWN=1", "PATH=/usr/local/bin")
                .contains("HOME=" + folder.resolve("scratch"), "TMPDIR=" + folder.resolve("scratch"))
                .doesNotContain("JAVA_HOME", "USER=", "NOT_SET");
    }

    @Test
    void whatCannotStartSaysWhy() throws Exception {
        assertThat(bench.start(runner, "missing", null, null).await())
                .isInstanceOfSatisfying(Ending.NotStarted.class, e -> {
                    assertThat(e.failure().code()).isEqualTo(FailureCode.START_FAILED);
                    assertThat(e.failure().message()).contains("no-such-program");
                });
        assertThat(bench.start(runner, "text", "[null]", null).await()).isInstanceOf(Ending.NotStarted.class);
        assertThat(bench.start(runner, "unknown", null, null).await()).isInstanceOf(Ending.NotStarted.class);
    }

    @Test
    void deepAndReadOnlyTreesAreRemoved() throws Exception {
        assertThat(bench.start(runner, "deep", null, null).result()).hasToString("null");
        assertThat(Path.of("/etc/passwd")).exists();
    }

    @Test
    void stopIsTermThenKill() throws Exception {
        Bench.Started stubborn = bench.start(runner, "stubborn", null, null);
        Bench.Started polite = bench.start(runner, "polite", null, null);
        await().until(() -> bench.output(stubborn, false).contains("up"));
        await().until(() -> bench.output(polite, false).contains("up"));
        runner.stop(stubborn.run(), 100);
        runner.stop(polite.run(), 30_000);
        assertThat(failure(stubborn.await()).signal()).isEqualTo("SIGKILL");
        assertThat(polite.result()).hasToString("null");
        assertThat(bench.output(polite, false)).endsWith("bye\n");
    }

    @Test
    void stopWhileStartingStopsToo() throws Exception {
        for (int i = 0; i < 20; i++) {
            Bench.Started started = bench.start(runner, "stubborn", null, null);
            runner.stop(started.run(), 0);
            assertThat(started.await()).isNotInstanceOf(Ending.Returned.class);
        }
    }
}
