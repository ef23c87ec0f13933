package dev.taskpool.acceptance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.callable.JsonValues;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What tasks wrote, over HTTP: while they run, as it comes, and afterwards. */
class OutputTest {
    private static final String COMMANDS = "{sh: {argv: [sh, -c, \"{args[0]}\"], result: none, on_lost: fail}}";

    /** Alternates slowly enough that the order in which it is read is that of writing. */
    private static final String ALTERNATING =
            "for i in 1 2 3 4 5 6; do echo out$i; sleep 0.05; echo err$i >&2; sleep 0.05; done";

    @TempDir
    static Path data;

    static Started service;
    static Api api;

    @BeforeAll
    static void start() {
        service = new Started(
                data, "COMMANDS", COMMANDS, "TASKS_MAX_OUTPUT_BYTES", "1MiB", "SERVER_MAX_OPEN_WAITS", "100");
        api = service.api;
    }

    @AfterAll
    static void stop() {
        service.close();
    }

    static String command(String script) {
        return "{\"callable\":\"sh\",\"args\":[" + JsonValues.mapper().valueToTree(script) + "],\"pool\":\"commands\"}";
    }

    private static Following follow(String path, String... headers) {
        return new Following(service.port(), path, headers);
    }

    private static JsonNode json(String text) {
        try {
            return JsonValues.mapper().readTree(text);
        } catch (IOException e) {
            throw new IllegalStateException(text, e);
        }
    }

    @Test
    void bothStreamsKeepTheirOrder() {
        String task = "/v1/tasks/" + api.run(command(ALTERNATING)).id();
        assertThat(api.get(task + "/output").text())
                .isEqualTo("out1\nerr1\nout2\nerr2\nout3\nerr3\nout4\nerr4\nout5\nerr5\nout6\nerr6\n");
        assertThat(api.get(task + "/stdout").text()).isEqualTo("out1\nout2\nout3\nout4\nout5\nout6\n");
        assertThat(api.get(task + "/stdout").header("Task-State")).isEqualTo("SUCCEEDED");
        JsonNode page = api.get(task + "/output?position=5", "Accept", "application/json")
                .json();
        assertThat(page.path("items").size()).isEqualTo(11);
        assertThat(page.at("/items/0/stream").asText()).isEqualTo("stderr");
        assertThat(page.at("/items/1/text").asText()).isEqualTo("out2\n");
        assertThat(page.at("/items/1/offset").asInt()).isEqualTo(5);
        assertThat(page.at("/items/1/position").asInt()).isEqualTo(10);
        assertThat(page.path("next_position").asInt()).isEqualTo(60);
        assertThat(page.path("done").asBoolean()).isTrue();
        String[] lines = api.raw("GET", task + "/output", null, "Accept", "application/x-ndjson")
                .text()
                .split("\n");
        assertThat(lines).hasSize(13);
        assertThat(json(lines[12]).path("state").asText()).isEqualTo("SUCCEEDED");
    }

    @Test
    void followerSeesOutputWhileTheTaskRunsAndEndsWithIt() throws Exception {
        Path gate = data.resolve("gate-follow");
        String id = api.submit(
                        command("echo one; while [ ! -e " + gate + " ]; do sleep 0.05; done; echo two >&2; echo three"))
                .id();
        // Otherwise what is there when the late one begins is a matter of luck.
        await().until(() -> api.get("/v1/tasks/" + id + "/stdout").text().equals("one\n"));
        try (Following stdout = follow("/v1/tasks/" + id + "/stdout?follow=true");
                Following both = follow("/v1/tasks/" + id + "/output?follow=true");
                Following late = follow("/v1/tasks/" + id + "/output?follow=true&tail_lines=0")) {
            assertThat(stdout.line()).isEqualTo("one");
            assertThat(both.line()).isEqualTo("one");
            assertThat(api.get("/v1/tasks/" + id).state()).isEqualTo("RUNNING");
            Files.createFile(gate);
            assertThat(stdout.rest()).isEqualTo("three\n");
            assertThat(both.rest().lines()).containsExactlyInAnyOrder("two", "three");
            assertThat(late.rest()).doesNotStartWith("one\ntwo\n").contains("three");
        }
        assertThat(api.awaitDone(id).state()).isEqualTo("SUCCEEDED");
        try (Following after = follow("/v1/tasks/" + id + "/stdout?follow=true&offset=4")) {
            assertThat(after.rest()).isEqualTo("three\n");
        }
        await().until(() -> service.openWaits() == 0);
    }

    @Test
    void eventsGoOnAfterACutWithoutLossOrRepetition() {
        String id = api.run(command("for i in $(seq 40); do printf 'zeile ä€😀 %s\\n' $i; "
                        + "printf 'err \\377 %s\\n' $i >&2; sleep 0.01; done"))
                .id();
        String whole = "/v1/tasks/" + id + "/output";
        byte[] wanted = api.get(whole).body();
        List<String> ids = new ArrayList<>(List.of("0"));
        try (Following all = follow(whole, "Accept", "text/event-stream")) {
            for (Following.Event e = all.event(); !e.name().equals("end"); e = all.event()) {
                ids.add(e.id());
            }
            assertThat(all.rest()).isEmpty();
        }
        assertThat(ids).hasSizeGreaterThan(10);
        for (String cut : ids) {
            try (Following rest = follow(whole, "Accept", "text/event-stream", "Last-Event-ID", cut)) {
                java.io.ByteArrayOutputStream read = new java.io.ByteArrayOutputStream();
                Following.Event event = rest.event();
                for (; !event.name().equals("end"); event = rest.event()) {
                    read.writeBytes(event.bytes());
                }
                int from = Integer.parseInt(cut);
                assertThat(read.toByteArray()).isEqualTo(java.util.Arrays.copyOfRange(wanted, from, wanted.length));
                assertThat(event.json().path("state").asText()).isEqualTo("SUCCEEDED");
                assertThat(event.json().path("position").asInt()).isEqualTo(wanted.length);
            }
        }
    }

    /** Cut while the task still writes, at every event. */
    @Test
    void liveEventsGoOnAfterEachCut() {
        String id = api.submit(command("for i in $(seq 60); do echo line $i; [ $((i % 7)) = 0 ] && echo e$i >&2; "
                        + "sleep 0.02; done"))
                .id();
        java.io.ByteArrayOutputStream read = new java.io.ByteArrayOutputStream();
        String last = "";
        int cuts = 0;
        for (boolean ended = false; !ended; cuts++) {
            try (Following events =
                    follow("/v1/tasks/" + id + "/output", "Accept", "text/event-stream", "Last-Event-ID", last)) {
                Following.Event event = events.event();
                ended = event.name().equals("end");
                if (!ended) {
                    read.writeBytes(event.bytes());
                    last = event.id();
                }
            }
        }
        assertThat(cuts).isGreaterThan(10);
        assertThat(read.toByteArray())
                .isEqualTo(api.get("/v1/tasks/" + id + "/output").body());
        assertThat(api.get("/v1/tasks/" + id + "/stdout").text().lines()).hasSize(60);
    }

    @Test
    void tooMuchKeepsHeadAndTail() {
        Api.Answer task =
                api.run(command("echo BEGIN; head -c 10000000 /dev/zero | tr '\\0' x; echo noise >&2; echo END"));
        long max = 1 << 20;
        long total = 6 + 10_000_000 + 4;
        assertThat(task.state()).isEqualTo("SUCCEEDED");
        assertThat(task.json().path("stdout_bytes").asLong()).isEqualTo(max);
        assertThat(task.json().path("stdout_dropped_bytes").asLong()).isEqualTo(total - max);
        assertThat(task.json().has("stderr_dropped_bytes")).isFalse();
        assertThat(task.json().path("output_truncated").asBoolean()).isTrue();
        String stdout = "/v1/tasks/" + task.id() + "/stdout";
        Api.Answer all = api.get(stdout);
        long gap = max / 2;
        long behind = total - max / 2;
        assertThat(all.body()).hasSize((int) max);
        assertThat(all.text()).startsWith("BEGIN\nxxx").endsWith("xxxEND\n");
        assertThat(all.header("Output-Dropped")).isEqualTo("bytes " + gap + "-" + (behind - 1) + "/" + total);
        assertThat(api.get("/v1/tasks/" + task.id() + "/output").text())
                .startsWith("BEGIN\nxxx")
                .contains("x\n[taskpool: " + (total - max) + " bytes of stdout dropped]\n")
                .contains("noise\n");

        Api.Answer head = api.get(stdout, "Range", "bytes=0-");
        assertThat(head.status()).isEqualTo(206);
        assertThat(head.header("Content-Range")).isEqualTo("bytes 0-" + (gap - 1) + "/" + total);
        Api.Answer rest = api.get(stdout, "Range", "bytes=" + gap + "-");
        assertThat(rest.header("Content-Range")).isEqualTo("bytes " + behind + "-" + (total - 1) + "/" + total);
        assertThat(rest.text()).endsWith("xEND\n");
        assertThat(api.get(stdout, "Range", "bytes=600000-700000").status()).isEqualTo(416);
        assertThat(api.get(stdout, "Range", "bytes=-4").text()).isEqualTo("END\n");
        assertThat(api.get(stdout, "Range", "bytes=-4").header("Content-Range"))
                .isEqualTo("bytes " + (total - 4) + "-" + (total - 1) + "/" + total);
        assertThat(api.get(stdout, "Range", "bytes=-99999999").header("Content-Range"))
                .isEqualTo("bytes " + behind + "-" + (total - 1) + "/" + total);
        assertThat(api.get(stdout + "?offset=600000").header("Output-Start")).isEqualTo(Long.toString(behind));
        assertThat(api.get("/v1/tasks/" + task.id() + "/output?position=" + (total - 2))
                        .text())
                .contains("D\n");
    }

    @Test
    void lastLines() {
        String task =
                "/v1/tasks/" + api.run(command("seq 100; seq 101 105 >&2")).id();
        assertThat(api.get(task + "/stdout?tail_lines=3").text()).isEqualTo("98\n99\n100\n");
        assertThat(api.get(task + "/output?tail_lines=2").text()).isEqualTo("104\n105\n");
        assertThat(api.get(task + "/stderr?tail_lines=50").text()).isEqualTo("101\n102\n103\n104\n105\n");
        assertThat(api.raw("GET", task + "/stdout?tail_lines=0", null).body()).isEmpty();
        assertThat(api.get(task + "/stdout", "Range", "bytes=-4").text()).isEqualTo("100\n");
    }

    @Test
    void pagesWaitForWhatComes() throws Exception {
        Path gate = data.resolve("gate-pages");
        String id = api.submit(command("while [ ! -e " + gate + " ]; do sleep 0.02; done; echo here; exec sleep 60"))
                .id();
        String output = "/v1/tasks/" + id + "/output?wait=";
        assertThat(api.get(output + "1", "Accept", "application/json").json().path("items"))
                .isEmpty();
        var page = api.send("GET", output + "20", null, "Accept", "application/json");
        await().until(() -> service.openWaits() == 1);
        Files.createFile(gate);
        JsonNode answer = json(new String(page.join().body(), StandardCharsets.UTF_8));
        assertThat(answer.at("/items/0/text").asText()).isEqualTo("here\n");
        assertThat(answer.path("done").asBoolean()).isFalse();
        var end = api.send("GET", output + "20&position=5", null, "Accept", "application/json");
        await().until(() -> service.openWaits() == 1);
        api.post("/v1/tasks/" + id + "/cancel?interrupt=true", null);
        answer = json(new String(end.join().body(), StandardCharsets.UTF_8));
        assertThat(answer.path("state").asText()).isEqualTo("CANCELLED");
        assertThat(answer.path("items")).isEmpty();
        assertThat(answer.path("next_position").asInt()).isEqualTo(5);
    }

    @Test
    void attemptsFollowEachOther() {
        String body = command("echo try $TASKPOOL_ATTEMPT; printf why >&2; exit 1")
                .replace("\"pool\"", "\"max_attempts\":2,\"pool\"");
        String id = api.run(body).id();
        api.awaitDone(id);
        assertThat(api.get("/v1/tasks/" + id + "/stdout").text()).isEqualTo("try 1\ntry 2\n");
        assertThat(api.get("/v1/tasks/" + id + "/stderr").text()).isEqualTo("whywhy");
        assertThat(api.get("/v1/tasks/" + id + "/output").text())
                .contains("why\n[taskpool: attempt 2]\n")
                .contains("try 1\n")
                .endsWith("why");
    }

    @Test
    void nothingWrittenUnknownAndWrongQuestionsAreToldApart() {
        String id = api.run("{\"callable\":\"noop\"}").id();
        Api.Answer none = api.raw("GET", "/v1/tasks/" + id + "/stdout", null);
        assertThat(none.status()).isEqualTo(200);
        assertThat(none.body()).isEmpty();
        assertThat(none.header("Task-State")).isEqualTo("SUCCEEDED");
        assertThat(api.get("/v1/tasks/" + id + "/output", "Accept", "application/json")
                        .json()
                        .path("items"))
                .isEmpty();
        try (Following events = follow("/v1/tasks/" + id + "/output", "Accept", "text/event-stream")) {
            assertThat(events.event().name()).isEqualTo("end");
        }
        assertThat(api.get("/v1/tasks/t_01jd5m8z3fhq7x2v9c4k6n8p0r/output").code())
                .isEqualTo("task_not_found");
        assertThat(api.get("/v1/tasks/" + id + "/output?position=-1").code()).isEqualTo("invalid_request");
        assertThat(api.get("/v1/tasks/" + id + "/stdout?offset=1&tail_lines=1").code())
                .isEqualTo("invalid_request");
        assertThat(api.get("/v1/tasks/" + id + "/output", "Accept", "text/event-stream", "Last-Event-ID", "x")
                        .code())
                .isEqualTo("invalid_request");
        assertThat(api.get("/v1/tasks/" + id + "/output?follow=true", "Accept", "application/json")
                        .code())
                .isEqualTo("invalid_request");
    }

    @Test
    void followerThatGoesAwayIsForgotten() {
        String id = api.submit(command("echo here; exec sleep 60")).id();
        Following gone = follow("/v1/tasks/" + id + "/output?follow=true");
        Following silent = follow("/v1/tasks/" + id + "/stderr?follow=true");
        assertThat(gone.line()).isEqualTo("here");
        await().until(() -> service.openWaits() == 2);
        gone.close();
        silent.close();
        await().until(() -> service.openWaits() == 0);
        api.post("/v1/tasks/" + id + "/cancel?interrupt=true&wait=10", null);
    }

    @Test
    void connectionServesTheNextRequestAfterAStream() throws Exception {
        String id = api.submit(command("echo here; sleep 1.2; echo there")).id();
        String get = "GET /v1/tasks/" + id + "/output?follow=true HTTP/1.1\r\nHost: localhost\r\n\r\n";
        String next = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        try (java.net.Socket socket = new java.net.Socket(java.net.InetAddress.getLoopbackAddress(), service.port())) {
            socket.setSoTimeout(20_000);
            socket.getOutputStream().write(get.getBytes(StandardCharsets.US_ASCII));
            await().until(() -> service.openWaits() == 1);
            // Early, while the stream is still being written: it is answered behind it.
            socket.getOutputStream().write(next.getBytes(StandardCharsets.US_ASCII));
            String all = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(all).contains("there\n\r\n0\r\n\r\nHTTP/1.1 200").contains("\"status\"");
        }
    }

    @Test
    void followersBeyondTheLimitGetWhatIsThere() {
        String id = api.submit(command("echo here; exec sleep 60")).id();
        await().until(() -> api.get("/v1/tasks/" + id + "/output", "Accept", "application/json")
                        .json()
                        .path("items")
                        .size()
                == 1);
        List<Following> many = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            many.add(follow("/v1/tasks/" + id + "/output?follow=true"));
        }
        await().until(() -> service.openWaits() == 100);
        try (Following more = follow("/v1/tasks/" + id + "/output", "Accept", "text/event-stream")) {
            assertThat(more.event().text()).isEqualTo("here\n");
            assertThat(more.event().json().path("reason").asText()).isEqualTo("too_many_waits");
        }
        many.forEach(Following::close);
        await().until(() -> service.openWaits() == 0);
        api.post("/v1/tasks/" + id + "/cancel?interrupt=true&wait=10", null);
    }

    /** Reads nothing while the task writes ten times what its connection can hold: the task ends all the same. */
    @Test
    void slowReaderHoldsNobodyUp() {
        String id = api.submit(command("sleep 0.3; head -c 200000000 /dev/zero; echo END"))
                .id();
        try (Following slow = follow("/v1/tasks/" + id + "/stdout?follow=true");
                Following quick = follow("/v1/tasks/" + id + "/output", "Accept", "text/event-stream")) {
            assertThat(api.awaitDone(id).json().path("stdout_dropped_bytes").asLong())
                    .isEqualTo(200_000_004 - (1 << 20));
            long told = 0;
            Following.Event event = quick.event();
            for (; !event.name().equals("end"); event = quick.event()) {
                told += event.bytes().length
                        + event.json().path("dropped_bytes").asLong();
            }
            assertThat(told).isEqualTo(200_000_004);
            assertThat(event.json().path("position").asLong()).isEqualTo(200_000_004);
            assertThat(slow.rest()).endsWith("END\n");
        }
    }
}
