package dev.taskpool.acceptance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.callable.JsonValues;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AsCompletedTest {
    private static final String EVENTS = "text/event-stream";
    private static final String LINES = "application/x-ndjson";

    @TempDir
    static Path data;

    static Started service;
    static Api api;

    @BeforeAll
    static void start() {
        service = new Started(data);
        api = service.api;
    }

    @AfterAll
    static void stop() {
        service.close();
    }

    private static String sleep(double seconds, int result) {
        return "{\"callable\":\"time.sleep\",\"args\":[" + seconds + "," + result + "]}";
    }

    private static String quoted(List<String> ids) {
        return ids.stream().map(id -> '"' + id + '"').collect(Collectors.joining(",", "[", "]"));
    }

    @Test
    void endedOnesComeFirstAndTheOthersAsTheyEnd() {
        JsonNode batch = api.post(
                        "/v1/batches",
                        "{\"items\":[" + sleep(0.6, 1) + "," + sleep(0.3, 2)
                                + ",{\"callable\":\"identity\",\"args\":[3]}]}")
                .json();
        api.awaitDone(batch.at("/items/2/id").asText());
        List<Integer> results = new ArrayList<>();
        try (Following stream = new Following(
                service.port(), "/v1/as-completed?batch_id=" + batch.path("id").asText(), "Accept", EVENTS)) {
            Following.Event event = stream.event();
            while (event.name().equals("done")) {
                assertThat(event.id()).isNotEmpty();
                assertThat(event.json().path("done").asBoolean()).isTrue();
                results.add(event.json().path("result").asInt());
                event = stream.event();
            }
            assertThat(results).containsExactly(3, 2, 1);
            assertThat(event.name()).isEqualTo("end");
            assertThat(event.json().path("reason").asText()).isEqualTo("done");
            assertThat(event.json().path("done").asInt()).isEqualTo(3);
            assertThat(event.json().path("not_done").asInt()).isZero();
            assertThat(stream.rest()).isEmpty();
        }
    }

    @Test
    void linesOfJsonSayTheSameAndResume() throws IOException {
        String one = api.run("{\"callable\":\"identity\",\"args\":[1]}").id();
        String two = api.run("{\"callable\":\"identity\",\"args\":[2]}").id();
        String path = "/v1/as-completed?task_id=" + two + "&task_id=" + one + "&task_id=" + two;
        List<JsonNode> lines = lines(path);
        assertThat(lines).hasSize(3);
        assertThat(lines.get(0).at("/data/result").asInt()).isEqualTo(1);
        assertThat(lines.get(1).at("/data/result").asInt()).isEqualTo(2);
        assertThat(lines.get(2).path("event").asText()).isEqualTo("end");
        List<JsonNode> rest = lines(path + "&after=" + lines.get(0).path("id").asText());
        assertThat(rest).hasSize(2);
        assertThat(rest.get(0)).isEqualTo(lines.get(1));
        assertThat(rest.get(1).at("/data/done").asInt()).isEqualTo(2);
    }

    private static List<JsonNode> lines(String path) throws IOException {
        List<JsonNode> lines = new ArrayList<>();
        try (Following stream = new Following(service.port(), path, "Accept", LINES)) {
            for (String line : stream.rest().split("\n")) {
                if (!line.isEmpty()) {
                    lines.add(JsonValues.mapper().readTree(line));
                }
            }
        }
        return lines;
    }

    @Test
    void labelsNameTasks() {
        String body = "{\"callable\":\"noop\",\"labels\":{\"as\":\"%s\"}}";
        Set<String> ids = new TreeSet<>();
        ids.add(api.submit(body.formatted("one")).id());
        ids.add(api.submit(body.formatted("one")).id());
        api.run(body.formatted("two"));
        Set<String> seen = new TreeSet<>();
        try (Following stream =
                Following.post(service.port(), "/v1/as-completed", "{\"labels\":{\"as\":\"one\"}}", "Accept", EVENTS)) {
            for (Following.Event e = stream.event(); e.name().equals("done"); e = stream.event()) {
                assertThat(seen.add(e.json().path("id").asText())).isTrue();
            }
        }
        assertThat(seen).isEqualTo(ids);
    }

    @Test
    void whatIsWrongIsNamed() {
        String id = api.run("{\"callable\":\"noop\"}").id();
        Api.Answer unknown = api.post("/v1/as-completed", "{\"task_ids\":[\"" + id + "\",\"t_nope\"]}");
        assertThat(unknown.status()).isEqualTo(404);
        assertThat(unknown.json().at("/errors/0/pointer").asText()).isEqualTo("/task_ids/1");
        assertThat(api.get("/v1/as-completed").status()).isEqualTo(400);
        assertThat(api.post("/v1/as-completed", "{\"task_ids\":[\"" + id + "\"],\"batch_id\":\"b\"}")
                        .status())
                .isEqualTo(400);
        assertThat(api.get("/v1/as-completed?batch_id=b_nope").code()).isEqualTo("batch_not_found");
        assertThat(api.get("/v1/as-completed?task_id=" + id, "Last-Event-ID", "e1.2")
                        .status())
                .isEqualTo(400);
        assertThat(api.post("/v1/as-completed", "{\"task_ids\":[]}").text()).contains("event: end");
    }

    @Test
    void clientThatWentAwayIsForgotten() {
        String id = api.submit(sleep(3000, 1)).id();
        int before = service.openWaits();
        try (Following stream = new Following(service.port(), "/v1/as-completed?task_id=" + id)) {
            stream.line();
            await().until(() -> service.openWaits() == before + 1);
        }
        await().until(() -> service.openWaits() == before);
        api.post("/v1/tasks/" + id + "/cancel?interrupt=true", null);
    }

    @Test
    void stopOfTheServiceEndsTheStreamProperly(@TempDir Path own) {
        Started stopping = new Started(own);
        String id = stopping.api.submit(sleep(3000, 1)).id();
        try (Following stream = new Following(stopping.port(), "/v1/as-completed?task_id=" + id)) {
            stream.line();
            stopping.close();
            // To the last chunk: a cut would be an exception.
            assertThat(stream.rest()).contains("\"reason\":\"draining\"").contains("\"not_done\":1");
        }
    }

    /** The bar: 10,000 tasks, each exactly once and in order, with the stream cut at 50 random points. */
    @Test
    void tenThousandComeOnceEachHoweverOftenTheStreamIsCut() {
        int tasks = 10_000;
        api.put("/v1/pools/many", "{\"kind\":\"THREAD\",\"max_workers\":3,\"queue_capacity\":20000}");
        api.post("/v1/pools/many/pause", null);
        List<String> ids = new ArrayList<>();
        String items = "{\"callable\":\"noop\",\"pool\":\"many\"},".repeat(1_000);
        for (int i = 0; i < tasks / 1_000; i++) {
            api.raw("POST", "/v1/batches", "{\"items\":[" + items.substring(0, items.length() - 1) + "]}")
                    .json()
                    .path("items")
                    .forEach(task -> ids.add(task.path("id").asText()));
        }
        String body = "{\"task_ids\":" + quoted(ids) + "}";
        Random random = new Random(17);
        Set<Integer> cuts = new TreeSet<>();
        while (cuts.size() < 50) {
            cuts.add(1 + random.nextInt(tasks - 1));
        }
        List<String> seen = new ArrayList<>();
        Instant latest = Instant.EPOCH;
        String last = "";
        boolean resumed = false;
        while (true) {
            try (Following stream =
                    Following.post(service.port(), "/v1/as-completed", body, "Accept", EVENTS, "Last-Event-ID", last)) {
                if (!resumed) {
                    resumed = true;
                    api.post("/v1/pools/many/resume", null);
                }
                boolean cut = false;
                Following.Event event = stream.event();
                while (event.name().equals("done")) {
                    last = event.id();
                    seen.add(event.json().path("id").asText());
                    Instant finished =
                            Instant.parse(event.json().path("finished_at").asText());
                    assertThat(finished).isAfterOrEqualTo(latest);
                    latest = finished;
                    if (cuts.remove(seen.size())) {
                        cut = true;
                        break;
                    }
                    event = stream.event();
                }
                if (!cut) {
                    assertThat(event.json().path("done").asInt()).isEqualTo(tasks);
                    break;
                }
            }
        }
        assertThat(cuts).isEmpty();
        assertThat(seen).hasSize(tasks).doesNotHaveDuplicates().containsExactlyInAnyOrderElementsOf(ids);
    }
}
