package dev.taskpool.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.acceptance.Api;
import dev.taskpool.worker.Interpreters;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** A service that is killed leaves nobody behind. */
@Execution(ExecutionMode.CONCURRENT)
class OrphansTest {
    @TempDir
    Path data;

    @Test
    void killedServiceLeavesNoWorker() {
        Interpreters.assumeThere("python3");
        Path worker = Path.of("src/test/resources/mortal_worker.py").toAbsolutePath();
        List<String> pids = new ArrayList<>();
        try (ServiceProcess service = new ServiceProcess(
                        data,
                        "WORKERS",
                        "{mortal: {command: [python3, -I, -S, '" + worker + "'], start_timeout: 1m}}",
                        "COMMANDS",
                        "{nap: {argv: [sleep, '{args[0]}']}}");
                Api api = service.api()) {
            api.put(
                    "/v1/pools/mortal",
                    "{\"kind\":\"PROCESS\",\"worker_type\":\"mortal\",\"max_workers\":3,\"min_workers\":2}");
            api.submit("{\"callable\":\"mortal.sleep\",\"args\":[600],\"pool\":\"mortal\"}");
            api.submit("{\"callable\":\"nap\",\"args\":[\"600\"]}");
            await().until(() -> states(api, "mortal").equals(List.of("BUSY", "IDLE"))
                    || states(api, "mortal").equals(List.of("IDLE", "BUSY")));
            await().until(() -> states(api, "commands").equals(List.of("BUSY")));
            for (String pool : List.of("mortal", "commands")) {
                pids.addAll(workers(api, pool).findValuesAsText("pid"));
            }
            assertThat(pids).hasSize(3).allMatch(OrphansTest::lives);
            service.kill9();
        }
        await().untilAsserted(() -> assertThat(pids).noneMatch(OrphansTest::lives));
    }

    private static JsonNode workers(Api api, String pool) {
        return api.get("/v1/pools/" + pool + "/workers").json().path("items");
    }

    private static List<String> states(Api api, String pool) {
        return workers(api, pool).findValuesAsText("state");
    }

    private static boolean lives(String pid) {
        // Who adopts them may not reap: a zombie does not live.
        try {
            return !Files.readString(Path.of("/proc/" + pid + "/stat")).contains(") Z ");
        } catch (java.io.IOException gone) {
            return false;
        }
    }
}
