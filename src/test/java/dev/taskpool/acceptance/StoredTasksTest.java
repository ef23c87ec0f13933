package dev.taskpool.acceptance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tasks that are in the database and no longer in memory. */
class StoredTasksTest {
    @TempDir
    Path data;

    /** A kill between the deletion of a task and that of its files left them. */
    @Test
    void outputOfNoTaskIsRemovedByTheNextStart() throws Exception {
        String print = "{\"callable\":\"demo.print_sleep\",\"args\":[\"kept\"],\"kwargs\":{\"seconds\":0}}";
        List<String> ids = new ArrayList<>();
        try (Started service = new Started(data)) {
            for (int i = 0; i < 2; i++) {
                ids.add(service.api.run(print).id());
            }
        }
        List<Path> outputs = outputs();
        assertThat(outputs).hasSize(2);
        Path first = outputs.getFirst();
        String digits = first.getFileName().toString().substring(0, 8);
        String earlier = String.format("%08x", Long.parseLong(digits, 16) - 1);
        Path elsewhere = Files.createDirectory(data.resolve("output").resolve("00000001"));
        List<Path> strays = List.of(
                first.resolveSibling(earlier + ".out"),
                first.resolveSibling(earlier + ".out.1"),
                elsewhere.resolve("00000002.err"));
        for (Path stray : strays) {
            Files.copy(first, stray);
        }
        try (Started service = new Started(data)) {
            await().untilAsserted(() -> assertThat(outputs()).isEqualTo(outputs));
            await().until(() -> Files.notExists(elsewhere));
            for (String id : ids) {
                assertThat(service.api.get("/v1/tasks/" + id + "/stdout").text())
                        .isEqualTo("kept\ndone\n");
            }
        }
    }

    private List<Path> outputs() throws IOException {
        try (Stream<Path> all = Files.walk(data.resolve("output"))) {
            return all.filter(Files::isRegularFile).sorted().toList();
        }
    }

    @Test
    void deletedTaskIsGoneAtOnceAndItsKeyFree() {
        try (Started service = new Started(data)) {
            String id;
            Api api = service.api;
            id = api.post("/v1/tasks?wait=20", "{\"callable\":\"noop\"}", "Idempotency-Key", "k")
                    .id();
            for (int i = 0; i < 3; i++) {
                // A list waits until the database has everything; a checkpoint later memory lets go.
                api.run("{\"callable\":\"noop\"}");
                assertThat(api.get("/v1/tasks").json().path("items")).isNotEmpty();
            }
            assertThat(api.delete("/v1/tasks/" + id).status()).isEqualTo(204);
            assertThat(api.get("/v1/tasks/" + id).status()).isEqualTo(404);
            assertThat(api.delete("/v1/tasks/" + id).status()).isEqualTo(404);
            Api.Answer again = api.post("/v1/tasks", "{\"callable\":\"noop\"}", "Idempotency-Key", "k");
            assertThat(again.status()).isEqualTo(201);
            assertThat(again.id()).isNotEqualTo(id);
        }
    }

    @Test
    void taskIsDeletedOnceAlthoughManyReadItMeanwhile() throws Exception {
        String items = IntStream.range(0, 300)
                .mapToObj(i -> "{\"callable\":\"noop\"}")
                .collect(Collectors.joining(",", "[", "]"));
        try (Started service = new Started(data);
                ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            Api api = service.api;
            String batch = api.post("/v1/batches", "{\"items\":" + items + "}").id();
            JsonNode done = api.post("/v1/wait", "{\"batch_id\":\"" + batch + "\",\"wait\":20}")
                    .json()
                    .path("done");
            assertThat(done).hasSize(300);
            for (int i = 0; i < 3; i++) {
                api.run("{\"callable\":\"noop\"}");
                assertThat(api.get("/v1/tasks").json().path("items")).isNotEmpty();
            }
            for (JsonNode task : done) {
                String path = "/v1/tasks/" + task.path("id").asText();
                List<Integer> answers = new ArrayList<>();
                Callable<Integer> deletion = () -> api.delete(path).status();
                for (Future<Integer> each : threads.invokeAll(Collections.nCopies(4, deletion))) {
                    answers.add(each.get());
                }
                assertThat(answers).containsExactlyInAnyOrder(204, 404, 404, 404);
            }
        }
    }

    @Test
    void outputOfATaskThatIsDeletedAtOnceIsRemoved() throws Exception {
        try (Started service = new Started(data)) {
            for (int i = 0; i < 20; i++) {
                String id = service.api
                        .run("{\"callable\":\"demo.print_sleep\",\"args\":[\"x\"],\"kwargs\":{\"seconds\":0}}")
                        .id();
                assertThat(service.api.delete("/v1/tasks/" + id).status()).isEqualTo(204);
            }
            await().untilAsserted(() -> {
                try (Stream<Path> files = Files.walk(data.resolve("output"))) {
                    assertThat(files.filter(Files::isRegularFile)).isEmpty();
                }
            });
        }
    }

    @Test
    void waitForManyLargeResultsAnswersAllOfThem() {
        String items = IntStream.range(0, 60)
                .mapToObj(i -> "{\"callable\":\"os.urandom\",\"args\":[" + (i % 2 == 0 ? 600_000 : 10) + "]}")
                .collect(Collectors.joining(",", "[", "]"));
        try (Started service = new Started(data)) {
            Api api = service.api;
            String batch = api.post("/v1/batches", "{\"items\":" + items + "}").id();
            String wait = "{\"batch_id\":\"" + batch + "\",\"wait\":20}";
            assertThat(api.post("/v1/wait", wait).json().path("done")).hasSize(60);
            for (int i = 0; i < 3; i++) {
                api.get("/v1/tasks?limit=100");
                JsonNode answer = api.post("/v1/wait", wait).json();
                assertThat(answer.path("satisfied").asBoolean()).isTrue();
                assertThat(answer.path("not_done")).isEmpty();
                assertThat(answer.path("done")).hasSize(60);
                long results = 0;
                String before = "";
                for (JsonNode task : answer.path("done")) {
                    results += task.path("result").asText().length();
                    assertThat(task.path("finished_at").asText()).isGreaterThanOrEqualTo(before);
                    before = task.path("finished_at").asText();
                }
                assertThat(results).isEqualTo(30 * 800_000 + 30 * 16);
            }
        }
    }
}
