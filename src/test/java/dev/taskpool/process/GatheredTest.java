package dev.taskpool.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Daemons that show nothing of where they come from, where there are cgroups of version 2: mounted for this test alone, as root may. */
@Timeout(120)
class GatheredTest {
    @TempDir
    Path folder;

    private final String daemon = Long.toString(ThreadLocalRandom.current().nextLong(100_000_000, 999_999_999));
    private final List<Process> services = new ArrayList<>();
    private Path mount;
    private BufferedReader said = new BufferedReader(java.io.Reader.nullReader());

    @BeforeEach
    void mountsCgroups() throws Exception {
        mount = Files.createDirectory(folder.resolve("cgroups"));
        Process probe =
                namespace("mkdir", mount.resolve("taskpool-probe-" + daemon).toString());
        assumeThat(probe.waitFor())
                .as("this user may mount cgroups of version 2, and make some")
                .isZero();
        assertThat(namespace("rmdir", mount.resolve("taskpool-probe-" + daemon).toString())
                        .waitFor())
                .isZero();
        assumeThat(Files.isExecutable(Path.of("/usr/bin/prlimit"))).isTrue();
        assumeThat(Files.isExecutable(Path.of("/usr/bin/pgrep"))).isTrue();
    }

    @AfterEach
    void nothingIsLeft() throws Exception {
        for (Process each : services) {
            each.destroyForcibly().waitFor();
        }
        await().until(() -> daemons().isEmpty());
    }

    private Process namespace(String... command) throws IOException {
        List<String> all = new ArrayList<>(List.of(
                "unshare",
                "--mount",
                "--propagation",
                "private",
                "/bin/sh",
                "-c",
                "mount -t cgroup2 none \"$0\" && exec \"$@\"",
                mount.toString()));
        all.addAll(List.of(command));
        Process process = Unmarked.start(new ProcessBuilder(all).redirectError(ProcessBuilder.Redirect.INHERIT));
        services.add(process);
        return process;
    }

    private Process service(String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                ScrubbingService.class.getName()));
        command.addAll(List.of(arguments));
        Process service = namespace(command.toArray(String[]::new));
        said = service.inputReader();
        return service;
    }

    /** The rest of the next line that begins with a word. */
    private String says(String word) throws IOException {
        String line = said.readLine();
        while (line != null && !line.startsWith(word + " ")) {
            line = said.readLine();
        }
        assertThat(line).as(word).isNotNull();
        return line.substring(word.length() + 1);
    }

    private List<Integer> daemons() {
        return ProcFs.pids().stream()
                .filter(pid -> {
                    try {
                        String command =
                                Files.readString(Path.of("/proc/" + pid + "/cmdline"), StandardCharsets.ISO_8859_1);
                        return command.startsWith("sleep\0" + daemon + "\0")
                                || command.contains("sleep " + daemon + "; :\0");
                    } catch (IOException gone) {
                        return false;
                    }
                })
                .toList();
    }

    private List<String> groups() throws IOException {
        return List.of(says("groups").split(" "));
    }

    private boolean groupsAreGone(List<String> groups) throws Exception {
        for (String each : groups) {
            if (namespace("test", "!", "-e", each).waitFor() != 0) {
                return false;
            }
        }
        return true;
    }

    @Test
    void daemonThatShowsNothingEndsWithItsProgram() throws Exception {
        Process service = service(daemon);
        List<String> groups = groups();
        for (int i = 0; i < 5; i++) {
            String leader = says("up");
            assertThat(daemons()).hasSize(2).doesNotContain(Integer.valueOf(leader));
            for (int pid : daemons()) {
                assertThat(ProcFs.mark(pid)).isEqualTo(-1);
            }
            service.outputWriter().append('\n').flush();
            // One or two: the one that dies later may have time to reap the other.
            assertThat(says("ended")).as("survivors and strays").matches("0 [12]");
            assertThat(daemons()).isEmpty();
            service.outputWriter().append('\n').flush();
        }
        says("up");
        service.outputWriter().close();
        assertThat(service.waitFor(20, TimeUnit.SECONDS)).isTrue();
        assertThat(daemons()).isEmpty();
        assertThat(groupsAreGone(groups)).isTrue();
    }

    @Test
    void daemonThatShowsNothingEndsWithAServiceThatIsKilled() throws Exception {
        Process service = service(daemon);
        List<String> groups = groups();
        says("up");
        assertThat(daemons()).hasSize(2);
        assertThat(groupsAreGone(groups)).isFalse();
        service.destroyForcibly().waitFor();
        await().until(() -> daemons().isEmpty());
        await().until(() -> groupsAreGone(groups));
    }

    @Test
    void nextStartEndsItWhereTheGuardianIsGoneToo() throws Exception {
        Process service = service(daemon);
        String boot = says("boot");
        List<String> groups = groups();
        says("up");
        Files.writeString(folder.resolve("boot"), boot + "\n");
        try (Stream<ProcessHandle> all = ProcessHandle.allProcesses()) {
            all.filter(each -> AfterDeathTest.isGuardian((int) each.pid(), BootId.parse(boot)))
                    .forEach(each -> {
                        each.destroyForcibly();
                        each.onExit().join();
                    });
        }
        service.destroyForcibly().waitFor();
        assertThat(daemons()).hasSize(2);
        assertThat(service(daemon, folder.toString()).waitFor()).isZero();
        assertThat(daemons()).isEmpty();
        assertThat(groupsAreGone(groups)).isTrue();
    }
}
