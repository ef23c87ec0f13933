package dev.taskpool.acceptance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.process.ResourceLimits;
import dev.taskpool.process.Spawner;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Commands that do what they can to do harm. Each ends with the right code, and the next task runs normally. */
@Timeout(180)
class HostileCommandsTest {
    private static final String COMMANDS = """
            {sh: {argv: [sh, -c, "{args[0]}"]},
             reads-nothing: {argv: [sh, -c, "echo done"], stdin: "{args[0]}"},
             python: {argv: [python3, -c, "{args[0]}"]}}
            """;

    @TempDir
    static Path data;

    static Started service;
    static Api api;

    @BeforeAll
    static void start() {
        service = new Started(
                data,
                "COMMANDS",
                COMMANDS,
                "POOLS",
                "{default: {kind: thread}, commands: {kind: command, max_workers: 2, grace: 100ms}}",
                "SERVER_MAX_REQUEST_BYTES",
                "32MiB");
        api = service.api;
    }

    @AfterAll
    static void stop() {
        service.close();
    }

    @AfterEach
    void nextTaskRunsAndNothingIsLeft() throws java.io.IOException {
        assertThat(run("sh", "echo next", "").path("result").asText()).isEqualTo("next");
        assertThat(service.leftInScratch()).isEmpty();
        assertThat(leftovers()).isEmpty();
    }

    /** All processes whose scratch folder was in our data folder. */
    private static List<ProcessHandle> leftovers() {
        return ProcessHandle.current()
                .descendants()
                .filter(p -> environment(p).contains("HOME=" + data))
                .toList();
    }

    private static String environment(ProcessHandle process) {
        try {
            return Files.readString(
                    Path.of("/proc/" + process.pid() + "/environ"), java.nio.charset.StandardCharsets.ISO_8859_1);
        } catch (java.io.IOException gone) {
            return "";
        }
    }

    private static JsonNode run(String callable, String script, String more) {
        return api.run("{\"callable\":\"" + callable + "\",\"args\":[\""
                        + script.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n") + "\"]" + more + "}")
                .json();
    }

    @Test
    void forkBombEndsByItsTimeAndIsHeldByItsLimit() {
        String bomb = """
                import os
                while True:
                    try:
                        if os.fork() == 0:
                            os.setsid()
                    except OSError:
                        pass
                """;
        boolean limited = !Spawner.unenforceable().containsKey(ResourceLimits.Kind.PROCESSES);
        String limits = limited ? ",\"limits\":{\"processes\":64}" : ",\"limits\":{\"cpu_ms\":500}";
        JsonNode task = run("python", bomb, ",\"timeout_ms\":1000" + limits);
        assertThat(task.at("/error/code").asText()).isIn("timeout", "process_limit", "cpu_limit");
    }

    @Test
    void ignoringTermEndsByKill() {
        String id = api.submit(
                        "{\"callable\":\"sh\",\"args\":[\"trap '' TERM INT HUP; echo up; while :; do sleep 1; done\"]}")
                .id();
        await().until(() -> api.get("/v1/tasks/" + id + "/stdout").text().equals("up\n"));
        JsonNode task = api.post("/v1/tasks/" + id + "/cancel?interrupt=true&wait=20", null)
                .json();
        assertThat(task.path("state").asText()).isEqualTo("CANCELLED");
        assertThat(task.at("/exit/signal").asText()).isEqualTo("SIGKILL");
    }

    @Test
    void daemonThatHoldsThePipesDelaysNothing() {
        JsonNode task = run("sh", "(setsid sh -c '(setsid sleep 1000 &) ; sleep 1000' &); echo out", "");
        assertThat(task.path("result").asText()).isEqualTo("out");
        assertThat(task.path("run_ms").asLong()).isLessThan(15_000);
        JsonNode held = run("sh", "sleep 1000 & sleep 1000 & echo out; exit 3", "");
        assertThat(held.at("/error/code").asText()).isEqualTo("process_exit");
        assertThat(held.at("/exit/code").asInt()).isEqualTo(3);
    }

    @Test
    void tenGigabytesOfOutputAreTruncatedAndNoResult() {
        JsonNode task = run("sh", "head -c 5000000000 /dev/zero; head -c 5000000000 /dev/zero >&2", "");
        task = api.awaitDone(task.path("id").asText()).json(); // on a busy machine it takes longer than one request
        assertThat(task.at("/error/code").asText()).isEqualTo("result_too_large");
        assertThat(task.path("output_truncated").asBoolean()).isTrue();
        assertThat(task.path("stdout_bytes").asLong()).isLessThanOrEqualTo(1 << 20);
        assertThat(task.path("stdout_bytes").asLong()
                        + task.path("stdout_dropped_bytes").asLong())
                .isEqualTo(5_000_000_000L);
    }

    @Test
    void inputThatNobodyReadsBlocksNobody() {
        JsonNode task = run("reads-nothing", "x".repeat(20_000_000), "");
        assertThat(task.path("result").asText()).isEqualTo("done");
    }

    @Test
    void childThatKillsItsParentIsASignal() {
        JsonNode task = run("sh", "(kill -9 $$); sleep 1000", "");
        assertThat(task.at("/error/code").asText()).isEqualTo("process_signal");
        assertThat(task.at("/exit/signal").asText()).isEqualTo("SIGKILL");
        assertThat(task.at("/exit/cause").asText()).isEqualTo("signalled");
    }

    @Test
    void filledScratchFolderIsRemoved() {
        JsonNode task = run("sh", """
                i=0; mkdir -p a/b/c; while [ $i -lt 2000 ]; do echo x > a/b/c/$i; i=$((i+1)); done
                ln -s / root; ln -s .. up; mkfifo pipe; head -c 50000000 /dev/zero > big; chmod 0 a/b
                head -c 50000000 /dev/zero > bigger
                """, ",\"limits\":{\"file_size_bytes\":20000000}");
        // Two files of 20 MB are all that was written of the large ones; the shell goes on, and its last word counts.
        assertThat(task.path("state").asText()).isEqualTo("FAILED");
        assertThat(Path.of("/etc/passwd")).exists();
    }

    @Test
    void stoppedProcessIsKilled() {
        JsonNode task = run("sh", "(setsid sleep 1000 &); kill -s STOP $$", ",\"timeout_ms\":300");
        assertThat(task.at("/error/code").asText()).isEqualTo("timeout");
    }
}
