package dev.taskpool.acceptance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.process.RunAs;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What operators can say of commands, over HTTP. */
class CommandsTest {
    @TempDir
    Path data;

    @Test
    void typedArgumentsAreHeldAtSubmission() {
        String commands = """
                {resize: {argv: [echo, "{args[0]:uuid}", "{kwargs.size:int(1,100)=10}", "{kwargs.mode:enum(fit,fill)}"]}}
                """;
        try (Started service = new Started(data, "COMMANDS", commands)) {
            Api api = service.api;
            String good =
                    "{\"callable\":\"resize\",\"args\":[\"0189dcd5-5311-7d40-8db0-9496a2eef37b\"],\"kwargs\":{\"mode\":\"fit\"}}";
            assertThat(api.run(good).json().path("result").asText())
                    .isEqualTo("0189dcd5-5311-7d40-8db0-9496a2eef37b 10 fit");
            Api.Answer wrong = api.submit(good.replace("\"mode\"", "\"size\":500,\"mode\""));
            assertThat(wrong.status()).isEqualTo(422);
            assertThat(wrong.code()).isEqualTo("invalid_arguments");
            assertThat(wrong.json().at("/errors/0/pointer").asText()).isEqualTo("/kwargs/size");
            assertThat(wrong.json().at("/errors/0/detail").asText())
                    .contains("{kwargs.size} must be a whole number from 1 to 100, is 500");
            Api.Answer batch = api.post("/v1/batches", "{\"items\":[" + good + "," + good.replace("fit", "cut") + "]}");
            assertThat(batch.json().at("/errors/0/pointer").asText()).isEqualTo("/items/1/kwargs/mode");
            JsonNode listed = api.get("/v1/callables").json();
            for (JsonNode each : listed.path("items")) {
                if (each.path("name").asText().equals("resize")) {
                    assertThat(each.at("/arguments_schema/properties/kwargs/properties/size/maximum")
                                    .asInt())
                            .isEqualTo(100);
                }
            }
        }
    }

    @Test
    void freeCommandIsThereOnlyWhereItIsAllowed() {
        String run = "{\"callable\":\"exec\",\"args\":[\"printf\",\"%s-%s\",\"--a\",\"b\"]}";
        try (Started service = new Started(data)) {
            assertThat(service.api.submit(run).code()).isEqualTo("unknown_callable");
        }
        try (Started service = new Started(data, "EXEC_ENABLED", "true")) {
            assertThat(service.api.run(run).json().path("result").asText()).isEqualTo("--a-b");
            assertThat(service.api.submit("{\"callable\":\"exec\"}").code()).isEqualTo("invalid_arguments");
        }
    }

    @Test
    void anotherUserHasItsFolderAndNoPowerOverTheService() {
        assumeThat(RunAs.problem()).isEmpty();
        String commands = """
                {who: {argv: [sh, -c, 'id -u; id -G; echo x > file && stat -c %u file . ; kill -9 $PPID 2>/dev/null || echo refused;
                                       head -c1 /proc/$PPID/environ 2>/dev/null || echo hidden'],
                       user: "65534:65534", limits: {open_files: 50}}}
                """;
        try (Started service = new Started(data, "COMMANDS", commands)) {
            JsonNode task = service.api.run("{\"callable\":\"who\"}").json();
            assertThat(task.path("result").asText().lines())
                    .containsExactly("65534", "65534", "65534", "65534", "refused", "hidden");
            assertThat(service.api.get("/healthz").status()).isEqualTo(200);
        }
    }
}
