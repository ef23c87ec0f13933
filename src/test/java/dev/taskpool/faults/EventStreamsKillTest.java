package dev.taskpool.faults;

import static org.assertj.core.api.Assertions.assertThat;

import dev.taskpool.acceptance.Api;
import dev.taskpool.acceptance.Following;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** Streams that a killed service cut go on with the next one. */
@Execution(ExecutionMode.CONCURRENT)
class EventStreamsKillTest {
    private static final int TASKS = 600;

    private static void submit(Api api, int tasks, Set<String> ids) {
        String items = "{\"callable\":\"noop\",\"pool\":\"own\"},".repeat(tasks);
        api.raw("POST", "/v1/batches", "{\"items\":[" + items.substring(0, items.length() - 1) + "]}")
                .json()
                .path("items")
                .forEach(task -> ids.add(task.path("id").asText()));
    }

    @Test
    void killedServiceLosesAndRepeatsNoEvent(@TempDir Path data) {
        Set<String> ids = new HashSet<>();
        List<String> completed = new ArrayList<>();
        List<String> done = new ArrayList<>();
        Set<String> accepted = new HashSet<>();
        String lastEvent;
        String lastCompleted;
        try (ServiceProcess service = new ServiceProcess(data)) {
            Api api = service.api();
            api.put("/v1/pools/own", "{\"kind\":\"THREAD\",\"max_workers\":1}");
            submit(api, TASKS / 2, ids);
            try (Following ends = Following.post(service.port(), "/v1/as-completed", body(ids));
                    Following events = new Following(service.port(), "/v1/events?pool=own")) {
                lastCompleted = read(ends, 100, completed, accepted);
                lastEvent = read(events, 333, done, accepted);
                submit(api, TASKS / 2, ids);
                service.kill9();
            }
        }
        try (ServiceProcess service = new ServiceProcess(data)) {
            try (Following ends =
                    Following.post(service.port(), "/v1/as-completed", body(ids), "Last-Event-ID", lastCompleted)) {
                read(ends, TASKS - completed.size(), completed, accepted);
                assertThat(ends.event().json().path("reason").asText()).isEqualTo("done");
            }
            try (Following events = new Following(service.port(), "/v1/events?pool=own", "Last-Event-ID", lastEvent)) {
                while (done.size() < TASKS) {
                    read(events, 1, done, accepted);
                }
            }
        }
        assertThat(completed).doesNotHaveDuplicates().containsExactlyInAnyOrderElementsOf(ids);
        assertThat(done).doesNotHaveDuplicates().isEqualTo(completed);
        assertThat(accepted).isEqualTo(ids);
    }

    private static String body(Set<String> ids) {
        return "{\"task_ids\":[\"" + String.join("\",\"", ids) + "\"]}";
    }

    /** Returns the id of the last of so many events. */
    private static String read(Following stream, int count, List<String> done, Set<String> accepted) {
        String last = "";
        for (int i = 0; i < count; i++) {
            Following.Event event = stream.event();
            String task = event.json().path("id").asText();
            if (event.name().equals("done")) {
                done.add(task);
            } else if (event.name().equals("accepted")) {
                assertThat(accepted.add(task)).isTrue();
            }
            last = event.id();
        }
        return last;
    }
}
