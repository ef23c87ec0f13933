package dev.taskpool.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.taskpool.acceptance.Api;
import dev.taskpool.process.Unmarked;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** The disk refuses writes: no file may grow any more, by prlimit(1), and then may again. */
@Execution(ExecutionMode.CONCURRENT)
class DiskTest {
    @TempDir
    Path data;

    private static void limit(long pid, String bytes) {
        try {
            int code = Unmarked.start(new ProcessBuilder(
                                    "prlimit", "--pid", Long.toString(pid), "--fsize=" + bytes + ":unlimited")
                            .inheritIO())
                    .waitFor();
            assertThat(code).isZero();
        } catch (IOException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void nothingIsAcknowledgedThatCannotBeWrittenAndIntakeComesBack() {
        assumeTrue(Files.exists(Path.of("/usr/bin/prlimit")), "no prlimit here");
        List<String> acknowledged = new ArrayList<>();
        try (ServiceProcess service =
                        new ServiceProcess(data, "STORE_JOURNAL_SEGMENT", "1MiB", "STORE_DURABILITY", "process");
                Api api = service.api()) {
            String first = api.run("{\"callable\":\"echo\",\"args\":[1]}").id();
            acknowledged.add(first);
            String running =
                    api.submit("{\"callable\":\"time.sleep\",\"args\":[1,5]}").id();
            api.submit("{\"callable\":\"noop\",\"delay_ms\":3600000}").id();
            // Not even the header of a new segment of the journal fits.
            limit(service.pid(), "16");
            String args = "\"" + "x".repeat(50_000) + "\"";
            await().until(() -> {
                Api.Answer answer = api.submit("{\"callable\":\"noop\",\"args\":[" + args + "]}");
                if (answer.status() == 201) {
                    acknowledged.add(answer.id());
                    return false;
                }
                assertThat(answer.status()).isEqualTo(503);
                assertThat(answer.code()).isEqualTo("storage_unavailable");
                assertThat(answer.header("Retry-After")).isNotEmpty();
                return true;
            });
            // Pending ones would have to be cancelled for good: refused, and nothing has changed.
            assertThat(api.raw("POST", "/v1/service/drain?cancel_pending=true", null)
                            .code())
                    .isEqualTo("storage_unavailable");
            assertThat(api.get("/v1/service").json().path("draining").asBoolean())
                    .isFalse();
            // Reads go on.
            assertThat(api.get("/v1/tasks/" + first).json().at("/result/args/0").asInt())
                    .isEqualTo(1);
            assertThat(api.raw("GET", "/readyz", null).status()).isEqualTo(503);
            limit(service.pid(), "unlimited");
            await().until(() -> api.raw("GET", "/readyz", null).status() == 200);
            // What ended meanwhile was kept and is told now.
            assertThat(api.awaitDone(running).json().path("result").asInt()).isEqualTo(5);
            acknowledged.add(running);
            acknowledged.add(api.run("{\"callable\":\"noop\"}").id());
            service.kill9();
        }
        try (ServiceProcess again = new ServiceProcess(data);
                Api api = again.api()) {
            acknowledged.forEach(id -> assertThat(api.awaitDone(id).state()).isEqualTo("SUCCEEDED"));
        }
    }

    @Test
    void lowDiskSpaceStopsIntakeOnly() {
        try (ServiceProcess service = new ServiceProcess(data, "STORE_MIN_FREE", "1000GiB");
                Api api = service.api()) {
            assertThat(api.submit("{\"callable\":\"noop\"}").code()).isEqualTo("storage_unavailable");
            assertThat(api.get("/v1/tasks").status()).isEqualTo(200);
        }
    }
}
