package dev.taskpool.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.taskpool.process.ResourceLimits.Kind;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Limits against programs that exceed them. */
@Timeout(120)
class LimitsTest {
    /** Holds 200 MB, and says so where it could. */
    private static final String EATER =
            "import time; x = bytearray(200_000_000); print('had it', flush=True); time.sleep(1000)";

    @TempDir
    Path folder;

    private final PosixSpawner spawner = new PosixSpawner(new SecureRandom());
    private final Collected output = new Collected();

    @AfterEach
    void nothingIsLeft() throws Exception {
        spawner.close();
        assertThat(SpawnerContract.alive(spawner.boot())).isEmpty();
        try (Stream<Path> groups = Files.walk(Path.of("/sys/fs/cgroup"), 4)) {
            assertThat(groups.filter(group -> group.endsWith("taskpool-" + spawner.boot())))
                    .isEmpty();
        }
    }

    private static ResourceLimits limits(
            @Nullable Long memory, @Nullable Long cpu, @Nullable Long processes, @Nullable Long fileSize) {
        return new ResourceLimits(memory, cpu, null, processes, fileSize, 0L);
    }

    private Exit run(ResourceLimits limits, String... argv) throws Exception {
        ProcessSpec spec = new ProcessSpec(List.of(argv), Map.of("PATH", "/usr/local/bin:/usr/bin:/bin"), folder);
        return spawner.start(spec.withLimits(limits), output).exit().get(60, TimeUnit.SECONDS);
    }

    @Test
    void tooMuchMemoryIsKilledAndSaid() throws Exception {
        Exit exit = run(limits(50_000_000L, null, null, null), "python3", "-c", EATER);
        assertThat(exit.limit()).isEqualTo(Kind.MEMORY);
        assertThat(exit.status()).isInstanceOf(Exit.Status.Signalled.class);
        if (Cgroups.canLimitMemory()) {
            assertThat(output.stdout()).isEmpty();
            assertThat(exit.usage())
                    .isNotNull()
                    .satisfies(usage -> assertThat(usage.peakResidentBytes()).isBetween(30_000_000L, 50_000_000L));
        }
        assertThat(run(limits(300_000_000L, null, null, null), "sh", "-c", "echo fine")
                        .limit())
                .isNull();
    }

    @Test
    void memoryOfAllProcessesCountsTogether() throws Exception {
        Exit exit = run(limits(100_000_000L, null, null, null), "python3", "-c", """
                        import os, time
                        for i in range(8):
                            if os.fork() == 0:
                                x = bytearray(30_000_000)
                                time.sleep(1000)
                        for i in range(8):
                            _, status = os.wait()
                            if status:
                                os._exit(3)
                        """);
        assertThat(exit.limit()).isEqualTo(Kind.MEMORY);
    }

    @Test
    void whatIsOnlyLookedAtIsKilledToo() {
        UsageWatch watch =
                new UsageWatch((int) ProcessHandle.current().pid(), limits(1_000_000L, null, null, null), null);
        assertThat(watch.isNeeded()).isTrue();
        assertThat(watch.exceeded(List.of())).isEqualTo(Kind.MEMORY);
        UsageWatch busy = new UsageWatch((int) ProcessHandle.current().pid(), limits(null, 1L, null, null), null);
        assertThat(busy.exceeded(List.of())).isEqualTo(Kind.CPU);
    }

    @Test
    void tooMuchCpuTimeIsKilledAndSaid() throws Exception {
        Exit exit = run(limits(null, 300L, null, null), "sh", "-c", "while :; do :; done");
        assertThat(exit.limit()).isEqualTo(Kind.CPU);
        assertThat(exit.usage())
                .isNotNull()
                .satisfies(usage -> assertThat(
                                usage.userCpu().plus(usage.systemCpu()).toMillis())
                        .isGreaterThanOrEqualTo(250));
    }

    @Test
    void cpuTimeOfChildrenAndDaemonsCounts() throws Exception {
        String burn = "while :; do :; done";
        Exit exit = run(
                limits(null, 600L, null, null),
                "sh",
                "-c",
                "(setsid sh -c '" + burn + "' &); sh -c '" + burn + "' & wait; sleep 1000");
        assertThat(exit.limit()).isEqualTo(Kind.CPU);
        assertThat(exit.survivors()).isZero();
    }

    @Test
    void tooLargeAFileIsASignal() throws Exception {
        Exit exit = run(limits(null, null, null, 10_000L), "head", "-c", "100000", "/dev/zero");
        assertThat(exit.isSuccess()).isTrue(); // a pipe is no file
        exit = run(limits(null, null, null, 10_000L), "sh", "-c", "exec head -c 100000 /dev/zero > big");
        assertThat(exit.limit()).isEqualTo(Kind.FILE_SIZE);
    }

    @Test
    void forkBombIsHeldAndSaid() throws Exception {
        assumeThat(Cgroups.canLimitProcesses()).isTrue();
        Exit exit = run(limits(null, null, 20L, null), "python3", "-c", """
                        import os, sys
                        try:
                            while True:
                                os.fork()
                        except OSError:
                            sys.exit(5)
                        """);
        assertThat(exit.limit()).isEqualTo(Kind.PROCESSES);
        assertThat(exit.survivors()).isZero();
    }

    @Test
    void limitsAreThereAtTheFirstInstruction() throws Exception {
        ResourceLimits limits = new ResourceLimits(null, 5000L, 33L, null, 512L * 77, 0L);
        for (int i = 0; i < 50; i++) {
            run(limits, "sh", "-c", "ulimit -n; ulimit -f; ulimit -t");
        }
        assertThat(output.stdout()).isEqualTo("33\n77\n7\n".repeat(50));
    }

    @Test
    void whatCannotBeExecutedFailsToStart() {
        assertThatThrownBy(() -> run(limits(null, 1000L, null, null), "/no/such"))
                .isInstanceOf(SpawnException.class)
                .hasMessageContaining("/no/such");
    }

    @Test
    void groupOfVersionTwoGetsItsFiles(@TempDir Path root) throws Exception {
        Cgroups.Hierarchy hierarchy = new Cgroups.Hierarchy(root, true, List.of("memory", "pids"), false);
        for (String name : List.of("memory.max", "memory.swap.max", "memory.oom.group", "pids.max", "cgroup.procs")) {
            Files.createFile(root.resolve(name)); // as the kernel does
        }
        Cgroup.Builder builder = new Cgroup.Builder();
        builder.add(hierarchy, root, limits(1_000_000L, null, 5L, null));
        Cgroup group = builder.build();
        group.join(77);
        assertThat(root.resolve("memory.max")).hasContent("1000000");
        assertThat(root.resolve("memory.swap.max")).hasContent("0");
        assertThat(root.resolve("memory.oom.group")).hasContent("1");
        assertThat(root.resolve("pids.max")).hasContent("5");
        assertThat(root.resolve("cgroup.procs")).hasContent("77");
        Files.writeString(root.resolve("memory.events"), "low 0\noom 2\noom_kill 1\noom_group_kill 0\n");
        Files.writeString(root.resolve("pids.events"), "max 3\n");
        Files.writeString(root.resolve("memory.peak"), "999424\n");
        Files.writeString(root.resolve("cpu.stat"), "usage_usec 42\nuser_usec 40\n");
        assertThat(group.memoryKills()).isEqualTo(1);
        assertThat(group.forksRefused()).isEqualTo(3);
        assertThat(group.peakMemoryBytes()).isEqualTo(999_424);
        assertThat(group.cpuMicros()).isEqualTo(42);
    }

    @Test
    void ownGroupIsFoundInWhateverIsMounted() throws Exception {
        Path own = Files.createDirectories(folder.resolve("unified/system.slice/x.service"));
        Files.writeString(own.resolve("cgroup.controllers"), "cpu memory pids\n");
        Files.writeString(own.resolve("cgroup.subtree_control"), "");
        Files.writeString(own.resolve("cgroup.type"), "domain\n");
        Files.writeString(own.resolve("cgroup.procs"), ProcessHandle.current().pid() + "\n");
        List<String> mounts = List.of(
                "31 23 0:28 / /sys rw - sysfs sysfs rw",
                "41 31 0:38 / " + folder.resolve("unified") + " rw,relatime shared:4 - cgroup2 cgroup2 rw");
        Cgroups.Hierarchy found =
                Cgroups.find(mounts, List.of("0::/system.slice/x.service")).getFirst();
        assertThat(found.own()).isEqualTo(own);
        assertThat(found.controllers()).containsExactly("memory", "pids");
        assertThat(found.occupied()).isTrue();
        Files.writeString(own.resolve("cgroup.procs"), "1\n" + Integer.MAX_VALUE + "\n");
        assertThat(Cgroups.find(mounts, List.of("0::/system.slice/x.service"))
                        .getFirst()
                        .controllers())
                .isEmpty();
    }
}
