package dev.taskpool.faults;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.taskpool.acceptance.Api;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

@Execution(ExecutionMode.CONCURRENT)
class StopTest {
    @TempDir
    Path data;

    private static String sleep(int seconds) {
        return "{\"callable\":\"time.sleep\",\"args\":[" + seconds + ",1]}";
    }

    @Test
    void termAnswersAllWaitsAndKeepsPendingTasks() throws Exception {
        List<String> pending = new ArrayList<>();
        String running;
        Path gate = data.resolve("gate");
        try (ServiceProcess service = new ServiceProcess(
                        data,
                        "DRAIN_GRACE",
                        "10s",
                        "SERVER_MAX_WAIT",
                        "60s",
                        "POOLS_DEFAULT_MAX_WORKERS",
                        "1",
                        "COMMANDS",
                        "{gate: {argv: [/bin/sh, -c, 'while [ ! -e \"$0\" ]; do sleep 0.1; done', '{args[0]}']}}");
                Api api = service.api()) {
            running = api.submit(sleep(3000)).id();
            String ending = api.submit("{\"callable\":\"gate\",\"args\":[\"" + gate + "\"]}")
                    .id();
            for (int i = 0; i < 20; i++) {
                pending.add(api.submit(sleep(0)).id());
            }
            List<CompletableFuture<HttpResponse<byte[]>>> waits = new ArrayList<>();
            for (int i = 0; i < 250; i++) {
                waits.add(api.send("GET", "/v1/tasks/" + running + "?wait=55", null));
                waits.add(api.send("GET", "/v1/tasks/" + ending + "?wait=55", null));
            }
            // The metrics tell when all 500 wait.
            await().until(() -> api.raw("GET", "/metrics", null).text().contains("\ntaskpool_open_waits 500.0"));
            service.signal("TERM");
            await().until(() -> api.raw("GET", "/readyz", null).status() == 503);
            assertThat(api.submit(sleep(0)).code()).isEqualTo("draining");
            assertThat(api.get("/v1/tasks/" + running).state()).isEqualTo("RUNNING");
            Files.createFile(gate);
            int done = 0;
            for (CompletableFuture<HttpResponse<byte[]>> wait : waits) {
                HttpResponse<byte[]> answer = wait.join();
                assertThat(answer.statusCode()).isEqualTo(200);
                String text = new String(answer.body());
                assertThat(text).startsWith("{\"id\":").endsWith("}");
                done += text.contains("\"state\":\"SUCCEEDED\"") ? 1 : 0;
            }
            assertThat(done).isEqualTo(250);
            assertThat(service.exitCode()).as(service.log()).isZero();
        }
        try (ServiceProcess again = new ServiceProcess(data);
                Api api = again.api()) {
            // It may run twice, and the drain took it back: no attempt was used.
            assertThat(api.get("/v1/tasks/" + running).json().path("attempt").asInt())
                    .isEqualTo(1);
            pending.forEach(id -> assertThat(api.awaitDone(id).state()).isEqualTo("SUCCEEDED"));
            api.post("/v1/tasks/" + running + "/cancel?interrupt=true", null);
        }
    }

    @Test
    void answerIsWrittenToItsEndToAClientThatReadsSlowly() throws Exception {
        int bytes = 20_000_000;
        try (ServiceProcess service = new ServiceProcess(
                        data,
                        "TASKS_MAX_OUTPUT_BYTES",
                        "40MiB",
                        "COMMANDS",
                        "{zeros: {argv: [/usr/bin/head, -c, '{args[0]}', /dev/zero]}}");
                Api api = service.api();
                Socket socket = new Socket()) {
            String id =
                    api.run("{\"callable\":\"zeros\",\"args\":[" + bytes + "]}").id();
            socket.setReceiveBufferSize(64 << 10);
            socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), service.port()));
            socket.getOutputStream()
                    .write(("GET /v1/tasks/" + id + "/stdout HTTP/1.1\r\nHost: localhost\r\n\r\n").getBytes(UTF_8));
            InputStream in = socket.getInputStream();
            int head = new String(in.readNBytes(4096), ISO_8859_1).indexOf("\r\n\r\n") + 4;
            service.signal("TERM");
            // The time itself is what is tested: longer than Jetty, when it stops, leaves to a connection on which
            // nothing moves.
            Thread.sleep(2_000);
            int rest = 0;
            for (byte[] some = in.readNBytes(65_536); some.length > 0; some = in.readNBytes(65_536)) {
                rest += some.length;
            }
            assertThat(4096 - head + rest).as(service.log()).isEqualTo(bytes);
            assertThat(service.exitCode()).isZero();
        }
    }

    @Test
    void secondSignalHurries() {
        try (ServiceProcess service = new ServiceProcess(data, "DRAIN_GRACE", "1h");
                Api api = service.api()) {
            String id = api.submit("{\"callable\":\"demo.print_sleep\",\"kwargs\":{\"seconds\":3000}}")
                    .id();
            service.signal("TERM");
            await().until(() -> api.raw("GET", "/readyz", null).status() == 503);
            service.signal("TERM");
            assertThat(service.exitCode()).isZero();
            assertThat(service.log()).contains("hurrying");
            try (ServiceProcess again = new ServiceProcess(data);
                    Api next = again.api()) {
                // It may not run twice and had to be interrupted.
                assertThat(next.get("/v1/tasks/" + id).json().at("/error/code").asText())
                        .isEqualTo("interrupted");
            }
        }
    }

    /** A terminal that is closed takes nothing with it; what was started with nohup goes on. */
    @Test
    void hangUpDrains() throws IOException {
        assumeFalse(hangUpIsIgnored(), "whoever started this ignores SIGHUP, and so would the service");
        try (ServiceProcess service = new ServiceProcess(data);
                Api api = service.api()) {
            String id = api.submit("{\"callable\":\"demo.print_sleep\",\"kwargs\":{\"seconds\":1}}")
                    .id();
            await().until(() -> api.get("/v1/tasks/" + id).state().equals("RUNNING"));
            service.signal("HUP");
            assertThat(service.exitCode()).isZero();
            try (ServiceProcess again = new ServiceProcess(data);
                    Api next = again.api()) {
                assertThat(next.get("/v1/tasks/" + id).state()).isEqualTo("SUCCEEDED");
            }
        }
    }

    private static boolean hangUpIsIgnored() throws IOException {
        return Files.readAllLines(Path.of("/proc/self/status")).stream()
                .filter(line -> line.startsWith("SigIgn:"))
                .anyMatch(line -> (Long.parseUnsignedLong(line.substring(7).strip(), 16) & 1) != 0);
    }

    @Test
    void taskThatIgnoresTheStopIsSaidToHaveBeenInterrupted() {
        String stubborn;
        try (ServiceProcess service = new ServiceProcess(data, "DRAIN_GRACE", "400ms");
                Api api = service.api()) {
            stubborn = api.submit("{\"callable\":\"demo.stubborn\",\"args\":[3000]}")
                    .id();
            service.signal("TERM");
            assertThat(service.exitCode()).isZero();
            assertThat(service.log())
                    .contains("1 running task may go on for 300ms", "1 running task did not stop and is abandoned")
                    .doesNotContain("pending");
        }
        try (ServiceProcess again = new ServiceProcess(data);
                Api api = again.api()) {
            assertThat(api.get("/v1/tasks/" + stubborn).json().at("/error/code").asText())
                    .isEqualTo("interrupted");
            assertThat(again.log()).doesNotContain("were running when the service stopped");
            again.signal("TERM");
            assertThat(again.exitCode()).isZero();
            assertThat(again.log()).doesNotContain("may go on");
        }
    }

    @Test
    void secondProcessOnTheSameDataIsRefused() {
        try (ServiceProcess first = new ServiceProcess(data);
                Api api = first.api();
                ServiceProcess second = new ServiceProcess(data)) {
            assertThat(second.exitCode()).isEqualTo(4);
            assertThat(second.log()).contains("in use by another taskpool process (pid " + first.pid() + ")");
            assertThat(api.run("{\"callable\":\"noop\"}").state()).isEqualTo("SUCCEEDED");
        }
    }

    @Test
    void wrongConfigurationIsRefused() {
        try (ServiceProcess service = new ServiceProcess(data, "SERVER_HOST", "0.0.0.0", "SERVER_PROT", "1")) {
            assertThat(service.exitCode()).isEqualTo(3);
            assertThat(service.log())
                    .contains("server.allow_unauthenticated: true")
                    .contains("TASKPOOL_SERVER_PROT: there is no such setting; did you mean TASKPOOL_SERVER_PORT?");
        }
    }

    @Test
    void addressOfAnotherMachineIsNamed() {
        try (ServiceProcess service =
                new ServiceProcess(data, "SERVER_HOST", "192.0.2.1", "SERVER_ALLOW_UNAUTHENTICATED", "true")) {
            assertThat(service.exitCode()).isEqualTo(4);
            assertThat(service.log()).contains("set server.host").doesNotContain("Javalin");
        }
    }

    @Test
    void dataFolderThatIsAFileIsNamed() throws Exception {
        try (ServiceProcess service = new ServiceProcess(Files.createFile(data.resolve("file")))) {
            assertThat(service.exitCode()).isEqualTo(4);
            assertThat(service.log()).contains("which is a file: name a folder");
        }
    }

    @Test
    void takenPortIsNamed() {
        try (ServiceProcess first = new ServiceProcess(data.resolve("a"));
                ServiceProcess second =
                        new ServiceProcess(data.resolve("b"), "SERVER_PORT", Integer.toString(first.port()))) {
            assertThat(second.exitCode()).isEqualTo(4);
            assertThat(second.log()).contains("cannot listen on 127.0.0.1:" + first.port());
        }
    }
}
