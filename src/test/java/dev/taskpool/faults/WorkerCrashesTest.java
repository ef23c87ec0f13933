package dev.taskpool.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.acceptance.Api;
import dev.taskpool.acceptance.Started;
import dev.taskpool.worker.Interpreters;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A thousand workers die under load. */
@Timeout(300)
class WorkerCrashesTest {
    private static final int BATCHES = 2;
    private static final int CRASHES_PER_BATCH = 500;

    @TempDir
    Path data;

    private static final String POOL = "{\"kind\":\"PROCESS\",\"worker_type\":\"mortal\",\"max_workers\":4}";

    @Test
    void eachTaskIsAccountedForAndNothingIsLeft() {
        Interpreters.assumeThere("python3");
        String worker =
                Path.of("src/test/resources/mortal_worker.py").toAbsolutePath().toString();
        try (Started service = new Started(
                data, "WORKERS", "{mortal: {command: [python3, -I, -S, '" + worker + "'], start_timeout: 1m}}")) {
            Api api = service.api;
            // What is made once is there before it is counted.
            crash(api, "warm", 5);
            long descriptors = descriptors();
            long threads = Thread.getAllStackTraces().size();
            long from = System.nanoTime();
            for (int i = 0; i < BATCHES; i++) {
                crash(api, "storm", CRASHES_PER_BATCH);
            }
            System.out.println(BATCHES * CRASHES_PER_BATCH + " crashes in "
                    + Duration.ofNanos(System.nanoTime() - from).toMillis() + " ms");
            assertThat(api.get("/v1/pools/storm").json().path("worker_losses").asInt())
                    .isEqualTo(BATCHES * CRASHES_PER_BATCH);
            api.post("/v1/pools/storm/shutdown?wait=25", null);
            // Connections and threads of the HTTP side come and go; a leak would show a thousand times.
            await().atMost(Duration.ofSeconds(60)).untilAsserted(() -> {
                assertThat(descriptors()).isLessThan(descriptors + 50);
                assertThat(Thread.getAllStackTraces().size()).isLessThan((int) threads + 50);
                assertThat(Thread.getAllStackTraces().keySet())
                        .noneMatch(thread -> thread.getName().startsWith("pool-storm-"));
                assertThat(children(worker)).isEmpty();
                assertThat(leftovers()).isEmpty();
            });
        }
    }

    /** As many tasks that kill their worker as tasks that do not, one after the other. */
    private static void crash(Api api, String pool, int crashes) {
        api.put("/v1/pools/" + pool, POOL);
        List<String> items = new ArrayList<>();
        for (int i = 0; i < crashes; i++) {
            items.add("{\"callable\":\"mortal.die\",\"args\":[" + (i % 2 == 0 ? "0" : "\"SIGKILL\"") + "],\"pool\":\""
                    + pool + "\"}");
            items.add("{\"callable\":\"mortal.echo\",\"args\":[" + i + "],\"pool\":\"" + pool + "\"}");
        }
        String batch = api.post("/v1/batches", "{\"items\":[" + String.join(",", items) + "]}")
                .id();
        await().atMost(Duration.ofMinutes(4))
                .until(() -> api.post("/v1/wait", "{\"batch_id\":\"" + batch + "\",\"wait\":20}")
                        .json()
                        .path("satisfied")
                        .asBoolean());
        JsonNode done =
                api.post("/v1/wait", "{\"batch_id\":\"" + batch + "\"}").json().path("done");
        assertThat(done).hasSize(2 * crashes);
        for (JsonNode each : done) {
            boolean dies = each.path("callable").asText().equals("mortal.die");
            assertThat(each.path("state").asText()).as(each.toString()).isEqualTo(dies ? "FAILED" : "SUCCEEDED");
            if (dies) {
                assertThat(each.at("/error/code").asText()).isEqualTo("worker_died");
            }
        }
        if (pool.equals("warm")) {
            api.post("/v1/pools/warm/shutdown?wait=25", null);
        }
    }

    private static long descriptors() {
        try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
            return all.count();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Children that are workers, and zombies of whatever kind. */
    private static List<String> children(String worker) {
        List<String> found = new ArrayList<>();
        ProcessHandle.current().descendants().forEach(child -> {
            Path folder = Path.of("/proc/" + child.pid());
            try {
                String command =
                        Files.readString(folder.resolve("cmdline"), java.nio.charset.StandardCharsets.ISO_8859_1);
                String stat = Files.readString(folder.resolve("stat"), java.nio.charset.StandardCharsets.ISO_8859_1);
                if (command.contains(worker) || stat.contains(") Z ")) {
                    found.add(child.pid() + " " + command);
                }
            } catch (IOException gone) {
                assertThat(Files.exists(folder)).isFalse();
            }
        });
        return found;
    }

    /** Sockets of pools, and scratch folders. */
    private List<Path> leftovers() {
        List<Path> found = new ArrayList<>();
        for (String folder : List.of("sockets", "scratch")) {
            if (Files.isDirectory(data.resolve(folder))) {
                try (Stream<Path> all = Files.list(data.resolve(folder))) {
                    found.addAll(all.toList());
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }
        }
        return found;
    }
}
