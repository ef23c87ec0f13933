package dev.taskpool.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What every spawner promises, held against real programs. */
@Timeout(120)
abstract class SpawnerContract {
    private static final Map<String, String> ENVIRONMENT = Map.of("PATH", "/usr/bin:/bin");

    @TempDir
    Path folder;

    Spawner spawner;
    final Collected output = new Collected();

    abstract Spawner spawner();

    @BeforeEach
    void open() {
        spawner = spawner();
    }

    @AfterEach
    void nothingIsLeft() {
        spawner.close();
        assertThat(alive(spawner.boot())).isEmpty();
    }

    /** Processes with the mark that are no zombies. */
    static List<Long> alive(BootId boot) {
        return new Census(pid -> ProcFs.look(pid, boot), 0)
                .find().stream().map(ProcessHandle::pid).toList();
    }

    ProcessSpec shell(String script) {
        return new ProcessSpec(List.of("/bin/sh", "-c", script), ENVIRONMENT, folder);
    }

    Exit run(ProcessSpec spec) throws Exception {
        return spawner.start(spec, output).exit().get(60, TimeUnit.SECONDS);
    }

    @Test
    void exitCodeIsReported() throws Exception {
        assertThat(run(shell("exit 7")).status()).isEqualTo(new Exit.Status.Exited(7));
        assertThat(run(shell(":")).isSuccess()).isTrue();
    }

    @Test
    void signalIsReported() throws Exception {
        assertThat(run(shell("kill -s USR1 $$")).status())
                .isInstanceOfSatisfying(
                        Exit.Status.Signalled.class,
                        s -> assertThat(s.signalName()).isEqualTo("SIGUSR1"));
    }

    @Test
    void bothStreamsKeepTheirOrderAndStayApart() throws Exception {
        Exit exit = run(shell("for i in 1 2 3; do echo out$i; echo err$i >&2; done"));
        assertThat(output.stdout()).isEqualTo("out1\nout2\nout3\n");
        assertThat(output.stderr()).isEqualTo("err1\nerr2\nerr3\n");
        assertThat(exit.outputComplete()).isTrue();
        assertThat(output.closes()).isEqualTo(1);
    }

    @Test
    void environmentAndDirectoryAreWhatTheSpecSays() throws Exception {
        run(new ProcessSpec(List.of("/usr/bin/env"), Map.of("PATH", "/usr/bin:/bin", "NAME", "ä b"), folder));
        assertThat(output.stdout().lines())
                .contains("NAME=ä b", "PATH=/usr/bin:/bin")
                .allMatch(line -> line.matches("(NAME|PATH|TASKPOOL_BOOT|TASKPOOL_PROCESS|PWD)=.*"));
    }

    @Test
    void stdinBytesArriveWithTheirEnd() throws Exception {
        byte[] megabyte = new byte[1 << 20];
        java.util.Arrays.fill(megabyte, (byte) 'x');
        Exit exit = run(shell("wc -c").withStdin(new Stdin.Bytes(megabyte)));
        assertThat(exit.isSuccess()).isTrue();
        assertThat(output.stdout().strip()).isEqualTo("1048576");
    }

    @Test
    void openPipeTakesWhatIsSent() throws Exception {
        ChildProcess child =
                spawner.start(shell("while read -r l; do echo \"got $l\"; done").withStdin(Stdin.PIPE), output);
        child.send("one\n".getBytes(StandardCharsets.UTF_8)).get(10, TimeUnit.SECONDS);
        await().until(() -> output.stdout().equals("got one\n"));
        child.send("two\n".getBytes(StandardCharsets.UTF_8));
        child.closeInput();
        assertThat(child.exit().get(10, TimeUnit.SECONDS).isSuccess()).isTrue();
        assertThat(output.stdout()).isEqualTo("got one\ngot two\n");
        CompletableFuture<Void> late = child.send(new byte[1]);
        assertThatThrownBy(() -> late.get(10, TimeUnit.SECONDS))
                .isInstanceOf(ExecutionException.class)
                .hasCauseInstanceOf(IOException.class);
    }

    @Test
    void programThatNeverReadsItsInputEndsAllTheSame() throws Exception {
        Exit exit = run(shell("sleep 0.2; exit 3").withStdin(new Stdin.Bytes(new byte[5 << 20])));
        assertThat(exit.status()).isEqualTo(new Exit.Status.Exited(3));
    }

    @Test
    void whatCannotBeStartedIsExplained() {
        assertThatThrownBy(() -> run(new ProcessSpec(List.of("no-such-program"), ENVIRONMENT, folder)))
                .isInstanceOf(SpawnException.class)
                .hasMessageContaining("no-such-program")
                .hasMessageContaining("No such file");
        assertThatThrownBy(() -> run(new ProcessSpec(List.of("/no/such"), ENVIRONMENT, folder)))
                .isInstanceOf(SpawnException.class);
        assertThatThrownBy(() -> run(new ProcessSpec(List.of("/bin/true"), ENVIRONMENT, folder.resolve("missing"))))
                .isInstanceOf(SpawnException.class)
                .hasMessageContaining("missing");
        assertThatThrownBy(() -> run(new ProcessSpec(List.of("/etc/passwd"), ENVIRONMENT, folder)))
                .isInstanceOf(SpawnException.class)
                .hasMessageContaining("Permission denied");
    }

    @Test
    void ignoringTermEndsInKill() throws Exception {
        ChildProcess child = spawner.start(shell("trap '' TERM; echo ready; while :; do sleep 1; done"), output);
        await().until(() -> output.stdout().equals("ready\n"));
        child.terminate(Duration.ofMillis(150));
        Exit exit = child.exit().get(10, TimeUnit.SECONDS);
        assertThat(exit.status())
                .isInstanceOfSatisfying(
                        Exit.Status.Signalled.class, s -> assertThat(s.signal()).isEqualTo(9));
    }

    @Test
    void termReachesTheWholeGroupAndLeavesTimeToCleanUp() throws Exception {
        ChildProcess child = spawner.start(shell("trap 'echo cleaned; exit 5' TERM; echo ready; sleep 1000"), output);
        await().until(() -> output.stdout().equals("ready\n"));
        child.terminate(Duration.ofSeconds(30));
        assertThat(child.exit().get(10, TimeUnit.SECONDS).status()).isEqualTo(new Exit.Status.Exited(5));
        assertThat(output.stdout()).isEqualTo("ready\ncleaned\n");
    }

    @Test
    void daemonIsGoneWhenTheExitIsReported() throws Exception {
        Exit exit = run(shell("(setsid sh -c 'sleep 1000 & echo $! > daemon; sleep 1000' &) ; "
                + "while [ ! -s daemon ]; do :; done; exit 4"));
        assertThat(exit.status()).isEqualTo(new Exit.Status.Exited(4));
        assertThat(exit.strays()).isPositive();
        assertThat(exit.survivors()).isZero();
        assertThat(alive(spawner.boot())).isEmpty();
        int daemon = Integer.parseInt(Files.readString(folder.resolve("daemon")).strip());
        assertThat(ProcFs.stat(daemon))
                .satisfiesAnyOf(
                        stat -> assertThat(stat).isNull(),
                        stat -> assertThat(stat.isZombie()).isTrue());
    }

    /** In the middle of an exec it has no environment to be known by. */
    @Test
    void daemonThatExecutesItselfAllTheTimeIsGone() throws Exception {
        Files.writeString(folder.resolve("again"), "[ -s up ] || echo x > up\nexec sh again\n");
        for (int i = 0; i < 30; i++) {
            Files.deleteIfExists(folder.resolve("up"));
            Exit exit = run(shell("(setsid sh again &) ; while [ ! -s up ]; do :; done"));
            assertThat(exit.strays()).isPositive();
            assertThat(exit.survivors()).isZero();
            assertThat(alive(spawner.boot())).isEmpty();
        }
    }

    @Test
    void muchOutputNeitherBlocksNorStays() throws Exception {
        Runtime runtime = Runtime.getRuntime();
        System.gc();
        long before = runtime.totalMemory() - runtime.freeMemory();
        Exit exit = run(shell("head -c 100000000 /dev/zero; head -c 100000000 /dev/zero >&2"));
        System.gc();
        long after = runtime.totalMemory() - runtime.freeMemory();
        assertThat(exit.isSuccess()).isTrue();
        assertThat(output.stdoutBytes()).isEqualTo(100_000_000);
        assertThat(output.stderrBytes()).isEqualTo(100_000_000);
        assertThat(after - before).isLessThan(20L << 20);
    }

    @Test
    void closeKillsAll() throws Exception {
        List<ChildProcess> children = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            children.add(spawner.start(shell("trap '' TERM; (setsid sleep 1000 &); sleep 1000"), new Collected()));
        }
        spawner.close();
        assertThat(children).allSatisfy(child -> assertThat(child.exit()).isDone());
        assertThat(alive(spawner.boot())).isEmpty();
        assertThatThrownBy(() -> spawner.start(shell(":"), output)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void manyShortOnesLeaveNoDescriptorBehind() throws Exception {
        run(shell(":"));
        long before = pipes();
        for (int i = 0; i < 100; i++) {
            assertThat(run(shell("echo x")).isSuccess()).isTrue();
        }
        // Tests that run beside this one have a few of their own.
        await().untilAsserted(() -> assertThat(pipes()).isLessThanOrEqualTo(before + 20));
    }

    private static long pipes() throws IOException {
        try (var fds = Files.list(Path.of("/proc/self/fd"))) {
            return fds.filter(SpawnerContract::isPipe).count();
        }
    }

    private static boolean isPipe(Path descriptor) {
        try {
            return Files.readSymbolicLink(descriptor).toString().startsWith("pipe:");
        } catch (IOException closed) {
            return false;
        }
    }
}
