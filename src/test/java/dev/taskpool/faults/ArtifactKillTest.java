package dev.taskpool.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.acceptance.Api;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** Files of tasks under kill -9: what was told is there, what was accepted runs with its files, what was lost leaves none. */
@Timeout(300)
@Execution(ExecutionMode.CONCURRENT)
class ArtifactKillTest {
    @TempDir
    Path data;

    private ServiceProcess started() {
        return new ServiceProcess(data, "COMMANDS", """
                {sh: {argv: [sh, -c, "{args[0]}"], files_max_count: 2, artifacts: ["*"]},
                 twice: {argv: [sh, -c, 'cp f g; [ -n "$(ls {root}/second 2>/dev/null)" ] || { echo up; sleep 600; }; rm f'],
                         files_max_count: 1, artifacts: ["*"], on_lost: retry}}
                """.replace("{root}", data.toString()));
    }

    @Test
    void filesSurviveKillWithTheirTasks() throws Exception {
        String kept;
        String lost;
        String again;
        try (ServiceProcess first = started();
                Api api = first.api()) {
            JsonNode task = api.run("{\"callable\":\"sh\",\"args\":[\"echo kept > a\"]}")
                    .json();
            assertThat(task.path("artifacts")).as("%s", task).hasSize(1);
            kept = task.path("id").asText();
            lost = api.submit("{\"callable\":\"sh\",\"args\":[\"echo b > b; echo up; sleep 600\"]}")
                    .id();
            again = api.submit("{\"callable\":\"twice\",\"files\":[{\"name\":\"f\",\"text\":\"durable\"}]}")
                    .id();
            for (String id : new String[] {lost, again}) {
                await().until(() -> api.get("/v1/tasks/" + id + "/stdout?tail_lines=9")
                        .text()
                        .equals("up\n"));
            }
            first.kill9();
        }
        java.nio.file.Files.createDirectories(data.resolve("second/x"));
        try (ServiceProcess second = started();
                Api api = second.api()) {
            assertThat(api.get("/v1/tasks/" + kept + "/artifacts/a").text()).isEqualTo("kept\n");
            JsonNode verdict = api.awaitDone(lost).json();
            assertThat(verdict.at("/error/code").asText()).isEqualTo("lost");
            assertThat(verdict.has("artifacts")).isFalse();
            JsonNode ran = api.awaitDone(again).json();
            assertThat(ran.path("artifacts").findValuesAsText("name"))
                    .as("%s", ran)
                    .containsExactly("g");
            assertThat(api.get("/v1/tasks/" + again + "/artifacts/g").text()).isEqualTo("durable");
            second.signal("TERM");
            assertThat(second.exitCode()).isZero();
        }
    }
}
