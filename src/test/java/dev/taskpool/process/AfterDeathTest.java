package dev.taskpool.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What becomes of processes whose service was killed. */
@Timeout(120)
class AfterDeathTest {
    private static final BootId EARLIER = new BootId(1_234_567_890L);
    private static final BootId CURRENT = new BootId(2_345_678_901L);

    @TempDir
    Path folder;

    private Process service() throws IOException {
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "--enable-native-access=ALL-UNNAMED",
                        "-cp",
                        System.getProperty("java.class.path"),
                        GuardedService.class.getName())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    private static BootId boot(BufferedReader from) throws IOException {
        String line = from.readLine();
        while (line != null && !line.matches("\\d+")) {
            line = from.readLine();
        }
        return BootId.parse(line);
    }

    static boolean isGuardian(int pid, BootId boot) {
        try {
            String command = Files.readString(Path.of("/proc/" + pid + "/cmdline"), StandardCharsets.ISO_8859_1);
            return command.contains("taskpool-guardian\0" + boot + "\0");
        } catch (IOException gone) {
            return false;
        }
    }

    private static boolean guardianLives(BootId boot) {
        return ProcFs.pids().stream().anyMatch(pid -> isGuardian(pid, boot));
    }

    @Test
    void killedServiceLeavesNothing() throws Exception {
        Process service = service();
        BootId boot = boot(service.inputReader());
        assertThat(SpawnerContract.alive(boot)).hasSizeGreaterThanOrEqualTo(2);
        assertThat(guardianLives(boot)).isTrue();
        service.destroyForcibly().waitFor();
        await().until(() -> SpawnerContract.alive(boot).isEmpty());
        await().until(() -> !guardianLives(boot));
    }

    @Test
    void closedServiceSendsItsGuardianHome() throws Exception {
        Process service = service();
        BufferedReader said = service.inputReader();
        BootId boot = boot(said);
        service.outputWriter().append('\n').flush();
        assertThat(said.readLine()).isEqualTo("closed");
        assertThat(service.waitFor(20, TimeUnit.SECONDS)).isTrue();
        assertThat(SpawnerContract.alive(boot)).isEmpty();
        assertThat(guardianLives(boot)).isFalse();
    }

    @Test
    void nextStartSweepsWhatTheLastOneLeft() throws Exception {
        assertThat(Leftovers.sweep(folder, EARLIER)).isZero();
        Process left = marked(EARLIER);
        Process other = marked(CURRENT);
        assertThat(Leftovers.sweep(folder, CURRENT)).isEqualTo(1);
        assertThat(left.waitFor(10, TimeUnit.SECONDS)).isTrue();
        assertThat(other.isAlive()).isTrue();
        assertThat(Files.readString(folder.resolve("boot"))).isEqualTo(CURRENT + "\n");
        other.destroyForcibly().waitFor();
    }

    @Test
    void damagedRecordIsNoReasonNotToStart() throws Exception {
        Files.writeString(folder.resolve("boot"), "\0\n" + EARLIER + "\nnonsense 12\n");
        Process left = marked(EARLIER);
        assertThat(Leftovers.sweep(folder, CURRENT)).isEqualTo(1);
        assertThat(left.waitFor(10, TimeUnit.SECONDS)).isTrue();
    }

    private static Process marked(BootId boot) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(List.of("sleep", "1000"));
        builder.environment().put(BootId.BOOT_VARIABLE, boot.toString());
        Process process = builder.start();
        await().until(() -> ProcFs.isOf((int) process.pid(), boot));
        return process;
    }
}
