package dev.taskpool.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.acceptance.Api;
import dev.taskpool.acceptance.Following;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** What becomes of outputs and of those who follow them when the service stops. */
@Execution(ExecutionMode.CONCURRENT)
class OutputFaultTest {
    private static final String COMMANDS = "{sh: {argv: [sh, -c, \"{args[0]}\"], on_lost: fail},"
            + " again: {argv: [sh, -c, \"{args[0]}\"], on_lost: retry}}";

    @TempDir
    Path data;

    private ServiceProcess start() {
        return new ServiceProcess(data, "COMMANDS", COMMANDS, "DRAIN_GRACE", "2s", "TASKS_MAX_OUTPUT_BYTES", "64KiB");
    }

    private static String command(String name, String script) {
        return "{\"callable\":\"" + name + "\",\"args\":[\"" + script + "\"],\"pool\":\"commands\"}";
    }

    private static Following follow(ServiceProcess service, String id, String what, String... headers) {
        return new Following(service.port(), "/v1/tasks/" + id + what, headers);
    }

    @Test
    void outputSurvivesARestartAndAKill() {
        String done;
        String running;
        String retried;
        try (ServiceProcess service = start();
                Api api = service.api()) {
            done = api.run(command("sh", "echo out; echo err >&2; head -c 100000 /dev/zero | tr '\\\\0' x"))
                    .id();
            running = api.submit(command("sh", "i=0; while true; do i=$((i+1)); echo line $i; done"))
                    .id();
            retried = api.submit(
                            command("again", "echo try $TASKPOOL_ATTEMPT; [ $TASKPOOL_ATTEMPT = 2 ] || exec sleep 60"))
                    .id();
            await().until(() -> api.get("/v1/tasks/" + running + "/output?tail_lines=1")
                            .text()
                            .matches("(?s)(.*\\n)?line \\d{5,}\\n.*")
                    && api.raw("GET", "/v1/tasks/" + retried + "/stdout", null).body().length > 0);
            service.kill9();
        }
        try (ServiceProcess service = start();
                Api api = service.api()) {
            JsonNode kept = api.get("/v1/tasks/" + done).json();
            assertThat(kept.path("stdout_bytes").asInt()).isEqualTo(64 * 1024);
            assertThat(kept.path("stdout_dropped_bytes").asInt()).isEqualTo(100_004 - 64 * 1024);
            String output = api.get("/v1/tasks/" + done + "/output").text();
            assertThat(output)
                    .startsWith("out\n")
                    .contains("err\n")
                    .contains("[taskpool: ")
                    .endsWith("xxx");

            JsonNode lost = api.get("/v1/tasks/" + running).json();
            assertThat(lost.at("/error/code").asText()).isEqualTo("lost");
            assertThat(lost.path("stdout_dropped_bytes").asLong()).isPositive();
            assertThat(lost.path("stdout_bytes").asInt()).isEqualTo(64 * 1024);
            String head = api.get("/v1/tasks/" + running + "/stdout", "Range", "bytes=0-999")
                    .text();
            assertThat(head)
                    .startsWith(IntStream.range(1, 90)
                            .mapToObj(i -> "line " + i + "\n")
                            .reduce("", String::concat));
            String[] tail = api.get("/v1/tasks/" + running + "/stdout?tail_lines=50")
                    .text()
                    .split("\n");
            int first = Integer.parseInt(tail[0].substring(5));
            for (int i = 0; i < tail.length - 1; i++) {
                assertThat(tail[i]).isEqualTo("line " + (first + i));
            }
            assertThat(api.awaitDone(retried).state()).isEqualTo("SUCCEEDED");
            assertThat(api.get("/v1/tasks/" + retried + "/output").text())
                    .isEqualTo("try 1\n[taskpool: attempt 2]\ntry 2\n");
        }
    }

    @Test
    void drainEndsEveryFollowerProperly() throws Exception {
        try (ServiceProcess service = start();
                Api api = service.api()) {
            String busy =
                    api.submit(command("again", "echo here; exec sleep 60")).id();
            String flood =
                    api.submit(command("sh", "while true; do echo flood; done")).id();
            String pending =
                    api.submit("{\"callable\":\"noop\",\"delay_ms\":100000}").id();
            try (Following plain = follow(service, busy, "/stdout?follow=true");
                    Following text = follow(service, busy, "/output?follow=true");
                    Following events = follow(service, busy, "/output", "Accept", "text/event-stream");
                    Following early = follow(service, pending, "/output", "Accept", "text/event-stream");
                    Following fast = follow(service, flood, "/output?follow=true", "Accept", "application/x-ndjson");
                    Following _ = follow(service, flood, "/stdout?follow=true")) {
                assertThat(plain.line()).isEqualTo("here");
                assertThat(events.event().text()).isEqualTo("here\n");
                CompletableFuture<String> flooded = CompletableFuture.supplyAsync(fast::rest);
                service.signal("TERM");
                assertThat(plain.rest()).isEmpty();
                assertThat(text.rest()).isEqualTo("here\n");
                Following.Event end = events.event();
                assertThat(end.name()).isEqualTo("end");
                assertThat(end.json().path("reason").asText()).isEqualTo("draining");
                assertThat(events.rest()).isEmpty();
                assertThat(early.event().json().path("state").asText()).isEqualTo("PENDING");
                assertThat(early.rest()).isEmpty();
                assertThat(flooded.get(20, TimeUnit.SECONDS)).contains("\"done\":true");
                // It has read nothing at all, and stops nobody.
                assertThat(service.exitCode()).as(service.log()).isZero();
            }
        }
    }

    @Test
    void followerOutlivesTheIdleTimeOfConnections() {
        try (ServiceProcess service = new ServiceProcess(
                        data, "COMMANDS", COMMANDS, "SERVER_IDLE_TIMEOUT", "1s", "SERVER_MAX_WAIT", "1s");
                Api api = service.api()) {
            // Jetty's time is max_wait and 15 s.
            String id = api.submit(command("sh", "echo a; sleep 20; echo b")).id();
            try (Following plain = follow(service, id, "/stdout?follow=true")) {
                assertThat(plain.rest()).isEqualTo("a\nb\n");
            }
        }
    }
}
