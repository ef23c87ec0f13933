package dev.taskpool.acceptance;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EventsTest {
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

    private static Following follow(int port, String path, String... headers) {
        String[] all = new String[headers.length + 2];
        System.arraycopy(headers, 0, all, 0, headers.length);
        all[headers.length] = "Accept";
        all[headers.length + 1] = "text/event-stream";
        return new Following(port, path, all);
    }

    private static List<Following.Event> toEnd(Following stream) {
        List<Following.Event> all = new ArrayList<>();
        do {
            all.add(stream.event());
        } while (!all.getLast().name().equals("end"));
        assertThat(stream.rest()).isEmpty();
        return all;
    }

    private static List<String> names(List<Following.Event> events) {
        return events.stream().map(Following.Event::name).toList();
    }

    @Test
    void taskTellsOfItsLifeItsOutputAndItsProgress() {
        String id = api.submit("{\"callable\":\"demo.print_sleep\",\"args\":[\"a\"],\"kwargs\":{\"seconds\":0.3}}")
                .id();
        List<Following.Event> events;
        try (Following stream = follow(service.port(), "/v1/tasks/" + id + "/events")) {
            events = toEnd(stream);
        }
        assertThat(withoutOutput(events)).containsExactly("accepted", "running", "done", "end");
        assertThat(text(events)).isEqualTo("a\ndone\n");
        assertThat(events.get(1).name()).isEqualTo("running");
        assertThat(events.get(2).text()).isEqualTo("a\n");
        assertThat(events.get(events.size() - 2).json().path("state").asText()).isEqualTo("SUCCEEDED");
        assertThat(events.getLast().json().path("reason").asText()).isEqualTo("done");
        // The same afterwards, from what is kept of the task; and from each event on, the rest.
        try (Following stream = follow(service.port(), "/v1/events?task_id=" + id)) {
            List<Following.Event> again = toEnd(stream);
            assertThat(withoutOutput(again)).isEqualTo(withoutOutput(events));
            assertThat(text(again)).isEqualTo("a\ndone\n");
        }
        for (int i = 0; i < events.size() - 1; i++) {
            try (Following stream = follow(
                    service.port(),
                    "/v1/tasks/" + id + "/events",
                    "Last-Event-ID",
                    events.get(i).id())) {
                List<Following.Event> rest = toEnd(stream);
                List<Following.Event> expected = events.subList(i + 1, events.size());
                assertThat(withoutOutput(rest)).isEqualTo(withoutOutput(expected));
                assertThat(text(rest)).as("behind %s", events.get(i)).isEqualTo(text(expected));
            }
        }
        try (Following stream = follow(service.port(), "/v1/tasks/" + id + "/events?output=false")) {
            assertThat(names(toEnd(stream))).containsExactly("accepted", "running", "done", "end");
        }
    }

    private static List<String> withoutOutput(List<Following.Event> events) {
        return names(events).stream().filter(name -> !name.equals("output")).toList();
    }

    private static String text(List<Following.Event> events) {
        StringBuilder text = new StringBuilder();
        events.stream().filter(e -> e.name().equals("output")).forEach(e -> text.append(e.text()));
        return text.toString();
    }

    @Test
    void progressIsInTheTaskAndInEvents() {
        String id =
                api.submit("{\"callable\":\"demo.progress\",\"args\":[4,0.25]}").id();
        List<JsonNode> progress = new ArrayList<>();
        boolean inTask = false;
        try (Following stream = follow(service.port(), "/v1/tasks/" + id + "/events")) {
            Following.Event event = stream.event();
            while (!event.name().equals("end")) {
                if (event.name().equals("progress")) {
                    assertThat(event.id()).isEmpty();
                    progress.add(event.json());
                    JsonNode task = api.get("/v1/tasks/" + id).json();
                    inTask |= task.at("/progress/message").asText().startsWith("step");
                }
                event = stream.event();
            }
        }
        assertThat(progress.getLast().path("fraction").asDouble()).isEqualTo(1);
        assertThat(progress.getLast().path("message").asText()).isEqualTo("step 4 of 4");
        assertThat(progress).hasSizeBetween(2, 4);
        assertThat(inTask).isTrue();
    }

    @Test
    void progressIsToldTenTimesASecondAtMost() {
        String id = api.submit("{\"callable\":\"demo.progress\",\"args\":[1000,0.001]}")
                .id();
        List<Following.Event> progress = new ArrayList<>();
        try (Following stream = follow(service.port(), "/v1/tasks/" + id + "/events")) {
            for (Following.Event each : toEnd(stream)) {
                if (each.name().equals("progress")) {
                    progress.add(each);
                }
            }
        }
        JsonNode task = api.get("/v1/tasks/" + id).json();
        assertThat(progress).hasSizeBetween(2, (int) (task.path("run_ms").asLong() / 100) + 3);
        assertThat(progress.getLast().json().path("fraction").asDouble()).isEqualTo(1);
    }

    @Test
    void retriesAndCancelsAreTold() {
        String id = api.run(
                        "{\"callable\":\"demo.fail\",\"args\":[\"no\"],\"kwargs\":{\"succeed_at\":2},\"max_attempts\":2,\"retry\":{\"delay_ms\":200}}")
                .id();
        try (Following stream = follow(service.port(), "/v1/tasks/" + id + "/events")) {
            List<Following.Event> events = toEnd(stream);
            assertThat(names(events))
                    .containsExactly("accepted", "running", "retry", "ready", "running", "done", "end");
            assertThat(events.get(2)
                            .json()
                            .at("/earlier_attempts/0/error/message")
                            .asText())
                    .isEqualTo("no");
        }
        String running =
                api.submit("{\"callable\":\"time.sleep\",\"args\":[3000]}").id();
        try (Following stream = follow(service.port(), "/v1/tasks/" + running + "/events")) {
            assertThat(stream.event().name()).isEqualTo("accepted");
            assertThat(stream.event().name()).isEqualTo("running");
            api.post("/v1/tasks/" + running + "/cancel?interrupt=true", null);
            assertThat(names(toEnd(stream))).containsExactly("cancel_requested", "done", "end");
        }
    }

    @Test
    void everythingIsToldInTheOrderOfCommit() {
        try (Following live = follow(service.port(), "/v1/events?from=now")) {
            assertThat(live.event().json().path("from").asText()).isEqualTo("now");
            String items = "{\"callable\":\"noop\",\"labels\":{\"of\":\"order\"}},".repeat(300);
            JsonNode batch = api.raw(
                            "POST", "/v1/batches", "{\"items\":[" + items.substring(0, items.length() - 1) + "]}")
                    .json();
            String id = batch.path("id").asText();
            List<Following.Event> told = new ArrayList<>();
            int done = 0;
            while (done < 300) {
                Following.Event each = live.event();
                if (each.json().path("batch_id").asText().equals(id)) {
                    told.add(each);
                    done += each.name().equals("done") ? 1 : 0;
                }
            }
            assertWhole(told, 300);
            // Read again from any of them on, the rest is the same.
            for (int i : List.of(0, 250, told.size() - 2)) {
                try (Following again = follow(
                        service.port(),
                        "/v1/events",
                        "Last-Event-ID",
                        told.get(i).id())) {
                    for (int k = i + 1; k < told.size(); ) {
                        Following.Event each = again.event();
                        if (each.json().path("batch_id").asText().equals(id)) {
                            assertThat(each).isEqualTo(told.get(k++));
                        }
                    }
                }
            }
            // And from the beginning of all.
            try (Following all = follow(service.port(), "/v1/events")) {
                assertThat(all.event().json().path("complete").asBoolean()).isTrue();
                for (int k = 0; k < told.size(); ) {
                    Following.Event each = all.event();
                    if (each.json().path("batch_id").asText().equals(id)) {
                        assertThat(each).isEqualTo(told.get(k++));
                    }
                }
            }
        }
    }

    /** Each task is accepted, runs and ends, in this order and once. */
    private static void assertWhole(List<Following.Event> events, int tasks) {
        Map<String, List<String>> byTask = new HashMap<>();
        for (Following.Event each : events) {
            byTask.computeIfAbsent(each.json().path("id").asText(), k -> new ArrayList<>())
                    .add(each.name());
        }
        assertThat(byTask).hasSize(tasks);
        assertThat(byTask.values()).allMatch(List.of("accepted", "running", "done")::equals);
    }

    @Test
    void poolTellsUntilItIsShutDown() {
        api.put("/v1/pools/told", "{\"kind\":\"THREAD\",\"max_workers\":1}");
        String one = api.submit("{\"callable\":\"noop\",\"pool\":\"told\"}").id();
        api.run("{\"callable\":\"noop\"}");
        try (Following stream = follow(service.port(), "/v1/events?pool=told")) {
            assertThat(stream.event().name()).isEqualTo("begin");
            Following.Event made = stream.event();
            assertThat(made.name()).isEqualTo("pool");
            assertThat(made.json().path("state").asText()).isEqualTo("ACTIVE");
            assertThat(stream.event().json().path("id").asText()).isEqualTo(one);
            api.post("/v1/pools/told/shutdown?wait=10", null);
            List<Following.Event> rest = toEnd(stream);
            assertThat(rest.get(rest.size() - 2).json().path("state").asText()).isEqualTo("SHUT_DOWN");
            assertThat(rest.getLast().json().path("reason").asText()).isEqualTo("pool_shut_down");
            assertThat(names(rest)).containsSubsequence("running", "done", "pool", "pool", "end");
        }
        assertThat(api.get("/v1/events?pool=nope").code()).isEqualTo("pool_not_found");
    }

    @Test
    void batchIsToldFromItsBeginningHoweverOftenItIsCut() {
        api.put("/v1/pools/batched", "{\"kind\":\"THREAD\",\"max_workers\":2}");
        api.post("/v1/pools/batched/pause", null);
        String items = "{\"callable\":\"noop\",\"pool\":\"batched\"},".repeat(500);
        String id = api.raw("POST", "/v1/batches", "{\"items\":[" + items.substring(0, items.length() - 1) + "]}")
                .id();
        Random random = new Random(3);
        Set<String> accepted = new HashSet<>();
        List<String> done = new ArrayList<>();
        String last = "";
        boolean end = false;
        for (int round = 0; !end; round++) {
            try (Following stream = follow(service.port(), "/v1/events?batch_id=" + id, "Last-Event-ID", last)) {
                int most = 1 + random.nextInt(120);
                for (int i = 0; i < most && !end; i++) {
                    Following.Event each = stream.event();
                    if (each.name().equals("accepted")) {
                        assertThat(accepted.add(each.json().path("id").asText()))
                                .isTrue();
                    } else if (each.name().equals("done")) {
                        done.add(each.json().path("id").asText());
                    }
                    end = each.name().equals("end");
                    last = end ? last : each.id();
                }
            }
            if (round == 3) {
                api.post("/v1/pools/batched/resume", null);
            }
        }
        assertThat(accepted).hasSize(500);
        assertThat(done).hasSize(500).doesNotHaveDuplicates();
        // When it is all over, it is told all the same.
        try (Following stream = follow(service.port(), "/v1/events?batch_id=" + id)) {
            List<Following.Event> all = toEnd(stream);
            assertThat(all.getLast().json().path("reason").asText()).isEqualTo("done");
            assertWhole(all.subList(0, all.size() - 1), 500);
        }
    }

    /** Its retries and cancels as well, in their order; and a cut behind any of it is no loss and no repetition. */
    @Test
    void batchThatIsOverIsToldAsItWas() {
        api.put("/v1/pools/story", "{\"kind\":\"THREAD\",\"max_workers\":4}");
        JsonNode batch = api.raw("POST", "/v1/batches", """
                        {"items":[
                        {"callable":"time.sleep","args":[0.6],"pool":"story"},
                        {"callable":"time.sleep","args":[0.3],"pool":"story"},
                        {"callable":"demo.fail","args":["no"],"kwargs":{"succeed_at":2},"max_attempts":2,"retry":{"delay_ms":100},"pool":"story"},
                        {"callable":"time.sleep","args":[3000],"pool":"story"}]}""").json();
        String path = "/v1/events?batch_id=" + batch.path("id").asText();
        String cancelled = batch.at("/items/3/id").asText();
        List<String> live = new ArrayList<>();
        try (Following stream = follow(service.port(), path)) {
            for (Following.Event each = stream.event(); !each.name().equals("end"); each = stream.event()) {
                live.add(line(each));
                if (live.getLast().equals("done " + batch.at("/items/0/id").asText())) {
                    api.post("/v1/tasks/" + cancelled + "/cancel?interrupt=true", null);
                }
            }
        }
        assertThat(live).hasSize(16).contains("cancel_requested " + cancelled);
        List<Following.Event> story;
        try (Following stream = follow(service.port(), path)) {
            story = toEnd(stream);
        }
        List<String> told =
                story.stream().limit(story.size() - 1).map(EventsTest::line).toList();
        assertThat(told).containsExactlyInAnyOrderElementsOf(live);
        // What came in the same millisecond may change places: runs that began with the batch do.
        assertThat(told.stream().filter(l -> !l.startsWith("running")))
                .containsExactlyElementsOf(
                        live.stream().filter(l -> !l.startsWith("running")).toList());
        assertThat(told.subList(0, 8)).containsExactlyInAnyOrderElementsOf(live.subList(0, 8));
        assertThat(told.subList(8, 16)).containsExactlyElementsOf(live.subList(8, 16));
        assertThat(story.stream().limit(told.size()).map(Following.Event::id)).doesNotHaveDuplicates();
        for (int i = 0; i < told.size(); i++) {
            try (Following rest =
                    follow(service.port(), path, "Last-Event-ID", story.get(i).id())) {
                assertThat(toEnd(rest)).containsExactlyElementsOf(story.subList(i + 1, story.size()));
            }
        }
    }

    private static String line(Following.Event event) {
        return event.name() + " " + event.json().path("id").asText();
    }

    /** More than sockets and memory hold for it: the rest comes from the journal. */
    @Test
    void followerThatReadsLateMissesNothing() {
        api.put("/v1/pools/late", "{\"kind\":\"THREAD\",\"max_workers\":2,\"queue_capacity\":20000}");
        Set<String> ids = new HashSet<>();
        try (Following stream = follow(service.port(), "/v1/events?pool=late&from=now")) {
            assertThat(stream.event().name()).isEqualTo("begin");
            String item = "{\"callable\":\"noop\",\"pool\":\"late\",\"labels\":{\"filler\":\"%s\"}},"
                    .formatted("x".repeat(200));
            String items = item.repeat(1_000);
            for (int i = 0; i < 10; i++) {
                api.raw("POST", "/v1/batches", "{\"items\":[" + items.substring(0, items.length() - 1) + "]}")
                        .json()
                        .path("items")
                        .forEach(task -> ids.add(task.path("id").asText()));
            }
            api.post("/v1/pools/late/shutdown?wait=60", null);
            List<Following.Event> all = toEnd(stream);
            assertThat(all.getLast().json().path("reason").asText()).isEqualTo("pool_shut_down");
            assertWhole(all.stream().filter(e -> e.json().has("revision")).toList(), ids.size());
        }
    }

    @Test
    void placesThatTheLogDoesNotHaveAreRefused() {
        assertThat(api.get("/v1/events", "Last-Event-ID", "ezzzzzzzz.0").code()).isEqualTo("events_expired");
        assertThat(api.get("/v1/events", "Last-Event-ID", "ezzzzzzzz.0").status())
                .isEqualTo(410);
        assertThat(api.get("/v1/events", "Last-Event-ID", "17").json().toString())
                .contains("header:Last-Event-ID");
        assertThat(api.get("/v1/events?after=17").json().toString()).contains("query:after");
        assertThat(api.get("/v1/events?pool=default&task_id=t_1").status()).isEqualTo(400);
        assertThat(api.get("/v1/events?from=then").status()).isEqualTo(400);
        assertThat(api.get("/v1/events?batch_id=b_1").code()).isEqualTo("batch_not_found");
        assertThat(api.get("/v1/events?task_id=t_1").code()).isEqualTo("task_not_found");
    }

    @Test
    void restartGoesOnWhereItWas(@TempDir Path own) {
        String first;
        String id;
        Started before = new Started(own);
        id = before.api.run("{\"callable\":\"noop\"}").id();
        try (Following stream = follow(before.port(), "/v1/events")) {
            Following.Event event = stream.event();
            while (!event.name().equals("accepted")) {
                event = stream.event();
            }
            first = event.id();
            before.close();
            // A stop ends streams with a reason, to the last chunk.
            assertThat(stream.rest()).contains("\"reason\":\"draining\"");
        }
        try (Started after = new Started(own)) {
            try (Following stream = follow(after.port(), "/v1/events", "Last-Event-ID", first)) {
                assertThat(stream.event().name()).isEqualTo("running");
                assertThat(stream.event().name()).isEqualTo("done");
                after.api.run("{\"callable\":\"noop\"}");
                Following.Event event = stream.event();
                while (!event.name().equals("accepted")) {
                    event = stream.event();
                }
            }
            try (Following stream = follow(after.port(), "/v1/tasks/" + id + "/events")) {
                assertThat(names(toEnd(stream))).containsExactly("accepted", "running", "done", "end");
            }
        }
    }
}
