package dev.taskpool.acceptance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.config.ConfigException;
import dev.taskpool.config.SettingsLoader;
import dev.taskpool.process.RunAs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Files that tasks bring along and leave behind, over HTTP, with programs that mean harm. */
@Timeout(180)
class FilesTest {
    private static final String COMMANDS = """
            {sh: {argv: [sh, -c, "{args[0]}"], files_max_count: 5, files_max_bytes: 10KiB,
                  artifacts: ["out/*", "*.txt"], artifacts_max_bytes: 100KiB, artifacts_max_count: 4},
             tries: {argv: [sh, -c, 'cat in.txt; echo $TASKPOOL_ATTEMPT > n.txt; touch $TASKPOOL_ATTEMPT.txt; [ $TASKPOOL_ATTEMPT = 3 ]'],
                  files_max_count: 1, artifacts: ["*.txt"], max_attempts: 5, retry: {delay: 1ms}},
             plain: {argv: [sh, -c, "{args[0]}"]},
             small: {argv: [sh, -c, "{args[0]}"], limits: {scratch: 1MiB}, artifacts: [kept]},
             env: {argv: [sh, -c, 'printf "%s|%s|%s" "$SIZE" "$MODE" "$FIXED"'],
                  env: {SIZE: "{kwargs.size:int(1,100)=10}", MODE: "{args[0]:enum(fit,fill)}", FIXED: "{x}"}}}
            """;

    @TempDir
    static Path data;

    static Started service;
    static Api api;

    @BeforeAll
    static void start() {
        service = new Started(
                data,
                "COMMANDS",
                COMMANDS,
                "POOLS",
                "{default: {kind: thread}, processes: {kind: process}, commands: {kind: command, max_workers: 2, grace: 100ms, max_limits: {scratch: 64MiB}}}");
        api = service.api;
    }

    @AfterAll
    static void stop() {
        service.close();
    }

    @AfterEach
    void nothingIsLeftOfScratch() throws IOException {
        assertThat(service.leftInScratch()).isEmpty();
        assertThat(entries(data.resolve("output/artifacts/.new"))).isEmpty();
    }

    private static List<String> entries(Path folder) throws IOException {
        if (!Files.exists(folder)) {
            return List.of();
        }
        try (Stream<Path> all = Files.list(folder)) {
            return all.map(Path::toString).toList();
        }
    }

    private static String quoted(String text) {
        return "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n") + "\"";
    }

    private static JsonNode run(String callable, String script, String more) {
        return api.run("{\"callable\":\"" + callable + "\",\"args\":[" + quoted(script) + "]" + more + "}")
                .json();
    }

    private static Api.Answer submit(String files) {
        return api.submit("{\"callable\":\"sh\",\"args\":[\"true\"],\"files\":" + files + "}");
    }

    private static String artifact(JsonNode task, String name) {
        return "/v1/tasks/" + task.path("id").asText() + "/artifacts/" + name;
    }

    private static String reason(JsonNode task, String name) {
        for (JsonNode each : task.path("artifacts_left_out")) {
            if (each.path("name").asText().equals(name)) {
                return each.path("reason").asText();
            }
        }
        return "";
    }

    // --- files in ---

    @Test
    void filesAreThereBeforeTheProgram() {
        String bytes = Base64.getEncoder().encodeToString(new byte[] {0, (byte) 255, 10});
        JsonNode task = run("sh", "cat in/a.csv; od -An -tx1 b.bin; stat -c %a b.bin", """
                ,"files":[{"name":"in/a.csv","text":"ä,2\\n"},{"name":"b.bin","base64":"%s"},{"name":"in/empty","text":""}]
                """.formatted(bytes));
        assertThat(task.path("result").asText()).isEqualTo("ä,2\n 00 ff 0a\n600");
        assertThat(task.path("files").toString())
                .isEqualTo("[{\"name\":\"in/a.csv\",\"size_bytes\":5},{\"name\":\"b.bin\",\"size_bytes\":3},"
                        + "{\"name\":\"in/empty\",\"size_bytes\":0}]");
        JsonNode listed = api.get("/v1/tasks?limit=1").json().at("/items/0");
        assertThat(listed.path("id")).isEqualTo(task.path("id"));
        assertThat(listed.has("files")).isFalse();
    }

    @Test
    void namesThatCouldLeadOutAreRefused() {
        for (String bad : List.of(
                "../x",
                "a/../b",
                "/etc/passwd",
                "a//b",
                "a/",
                ".",
                ".ssh/config",
                "-rf",
                "a/-b",
                "a b",
                "a\\u0000b",
                "a\\nb",
                "a\\\\b",
                "ä",
                "1/2/3/4/5/6/7/8/9",
                "",
                "x".repeat(256))) {
            Api.Answer answer = submit("[{\"name\":\"ok\",\"text\":\"\"},{\"name\":\"" + bad + "\",\"text\":\"\"}]");
            assertThat(answer.status()).as(bad).isEqualTo(400);
            assertThat(answer.code()).isEqualTo("invalid_request");
            assertThat(answer.json().at("/errors/0/pointer").asText()).isEqualTo("/files/1/name");
        }
        Api.Answer tooLong = submit("[{\"name\":\"" + "x".repeat(256) + "\",\"text\":\"\"}]");
        assertThat(tooLong.json().at("/errors/0/detail").asText()).contains("1 to 255", "256");
    }

    @Test
    void filesThatAreWrongAreToldAllAtOnce() {
        Api.Answer answer = submit("""
                [{"text":"a"},{"name":"a"},{"name":"b","text":"x","base64":"eA=="},{"name":"c","base64":"a"},
                 {"name":"d","text":"1"},{"name":"d","text":"2"},{"name":"d/e","text":"3"},{"name":"f","text":"\\ud800"},
                 {"name":"g","text":"","mode":7},7]
                """);
        assertThat(answer.status()).isEqualTo(400);
        assertThat(answer.json().path("errors").findValuesAsText("pointer"))
                .containsExactly(
                        "/files/0/name",
                        "/files/1/text",
                        "/files/2/base64",
                        "/files/3/base64",
                        "/files/5/name",
                        "/files/6/name",
                        "/files/7/text",
                        "/files/8/mode",
                        "/files/9");
    }

    @Test
    void onlyCommandsThatTakeFilesGetThemAndNoMoreThanTheyTake() {
        String file = ",\"files\":[{\"name\":\"a\",\"text\":\"x\"}]}";
        for (String callable : List.of("noop", "plain")) {
            Api.Answer answer = api.submit("{\"callable\":\"" + callable + "\",\"args\":[\"true\"]" + file);
            assertThat(answer.status()).isEqualTo(422);
            assertThat(answer.code()).isEqualTo("files_not_allowed");
            assertThat(answer.json().at("/errors/0/pointer").asText()).isEqualTo("/files");
        }
        String six = "[" + "{\"name\":\"N\",\"text\":\"\"},".repeat(6).replaceFirst(",$", "") + "]";
        for (int i = 0; i < 6; i++) {
            six = six.replaceFirst("N", "f" + i);
        }
        Api.Answer many = submit(six);
        assertThat(many.code()).isEqualTo("files_not_allowed");
        assertThat(many.json().path("detail").asText()).contains("6 files", "files_max_count = 5");
        Api.Answer large = submit("[{\"name\":\"a\",\"text\":\"" + "x".repeat(10_241) + "\"}]");
        assertThat(large.code()).isEqualTo("files_not_allowed");
        assertThat(large.json().path("detail").asText()).contains("10241 bytes", "files_max_bytes = 10240");
        Api.Answer batch = api.post(
                "/v1/batches",
                "{\"items\":[{\"callable\":\"noop\"},{\"callable\":\"sh\",\"files\":[{\"name\":\"../a\",\"text\":\"\"}]}]}");
        assertThat(batch.json().at("/errors/0/pointer").asText()).isEqualTo("/items/1/files/0/name");
    }

    @Test
    void callableSaysWhatItTakesAndKeeps() {
        for (JsonNode each : api.get("/v1/callables").json().path("items")) {
            if (each.path("name").asText().equals("sh")) {
                assertThat(each.path("files").toString()).isEqualTo("{\"max_count\":5,\"max_bytes\":10240}");
                assertThat(each.at("/artifacts/patterns").toString()).isEqualTo("[\"out/*\",\"*.txt\"]");
            } else if (each.path("name").asText().equals("plain")) {
                assertThat(each.has("files")).isFalse();
            }
        }
    }

    @Test
    void sameKeyWithOtherFilesIsAnotherRequest() {
        String body = "{\"callable\":\"sh\",\"args\":[\"true\"],\"files\":[{\"name\":\"a\",\"text\":\"x\"}]}";
        assertThat(api.post("/v1/tasks?wait=20", body, "Idempotency-Key", "files")
                        .status())
                .isEqualTo(201);
        assertThat(api.post("/v1/tasks?wait=20", body, "Idempotency-Key", "files")
                        .status())
                .isEqualTo(200);
        assertThat(api.post("/v1/tasks", body.replace("\"x\"", "\"y\""), "Idempotency-Key", "files")
                        .code())
                .isEqualTo("idempotency_key_reused");
    }

    @Test
    void eachAttemptGetsTheFilesAndTheLastOneLeavesItsOwn() {
        JsonNode task = api.run("{\"callable\":\"tries\",\"files\":[{\"name\":\"in.txt\",\"text\":\"again\"}]}")
                .json();
        assertThat(task.path("state").asText()).isEqualTo("SUCCEEDED");
        assertThat(task.path("attempt").asInt()).isEqualTo(3);
        assertThat(task.path("result").asText()).isEqualTo("again");
        assertThat(task.path("artifacts").findValuesAsText("name")).containsExactly("3.txt", "in.txt", "n.txt");
        assertThat(api.get(artifact(task, "n.txt")).text()).isEqualTo("3\n");
    }

    // --- files out ---

    @Test
    void filesThatMatchAreKeptOfSuccessAndFailure() {
        JsonNode good =
                run("sh", "mkdir out; echo one > out/a.csv; echo two > b.txt; echo no > c.log; mkdir out/d", "");
        assertThat(good.path("artifacts").findValuesAsText("name")).containsExactly("b.txt", "out/a.csv");
        assertThat(good.at("/artifacts/0/size_bytes").asLong()).isEqualTo(4);
        assertThat(good.at("/artifacts/0/sha256").asText())
                .isEqualTo("27dd8ed44a83ff94d557f9fd0412ed5a8cbca69ea04922d88c01184a07300a5a");
        assertThat(reason(good, "out/d")).isEqualTo("not_a_file");
        Api.Answer list = api.get("/v1/tasks/" + good.path("id").asText() + "/artifacts");
        assertThat(list.json().path("items")).isEqualTo(good.path("artifacts"));
        assertThat(list.json().path("left_out_count").asInt()).isEqualTo(1);
        for (String name : List.of("out/a.csv", "out%2Fa.csv")) {
            Api.Answer whole = api.raw("GET", artifact(good, name), null);
            assertThat(whole.status()).isEqualTo(200);
            assertThat(whole.text()).isEqualTo("one\n");
            assertThat(whole.header("Content-Type")).isEqualTo("application/octet-stream");
            assertThat(whole.header("X-Content-Type-Options")).isEqualTo("nosniff");
            assertThat(whole.header("Content-Disposition"))
                    .isEqualTo("attachment; filename=\"a.csv\"; filename*=UTF-8''a.csv");
        }
        JsonNode bad = run("sh", "echo evidence > why.txt; exit 3", "");
        assertThat(bad.path("state").asText()).isEqualTo("FAILED");
        assertThat(api.get(artifact(bad, "why.txt")).text()).isEqualTo("evidence\n");
        JsonNode listed = api.get("/v1/tasks?limit=1").json().at("/items/0");
        assertThat(listed.has("artifacts")).isFalse();
    }

    @Test
    void rangesAreOfTheFile() {
        JsonNode task = run("sh", "printf 0123456789 > a.txt; : > e.txt", "");
        String path = artifact(task, "a.txt");
        Api.Answer part = api.get(path, "Range", "bytes=2-4");
        assertThat(part.status()).isEqualTo(206);
        assertThat(part.text()).isEqualTo("234");
        assertThat(part.header("Content-Range")).isEqualTo("bytes 2-4/10");
        assertThat(api.get(path, "Range", "bytes=-3").text()).isEqualTo("789");
        assertThat(api.get(path, "Range", "bytes=10-").code()).isEqualTo("range_not_satisfiable");
        String tag = part.header("ETag");
        assertThat(api.get(path, "Range", "bytes=2-4", "If-Range", tag).status())
                .isEqualTo(206);
        assertThat(api.get(path, "Range", "bytes=2-4", "If-Range", "\"other\"").text())
                .isEqualTo("0123456789");
        assertThat(api.raw("GET", artifact(task, "e.txt"), null).text()).isEmpty();
        assertThat(api.raw("HEAD", path, null).header("Content-Length")).isEqualTo("10");
        Api.Answer none = api.get(artifact(task, "b.txt"));
        assertThat(none.status()).isEqualTo(404);
        assertThat(none.code()).isEqualTo("artifact_not_found");
        for (String evil : List.of("../../boot", "..%2F..%2Fboot", "%2e%2e%2fboot", "/etc/passwd", "0", "a.txt/b")) {
            assertThat(api.raw("GET", artifact(task, evil), null).status())
                    .as(evil)
                    .isIn(400, 404);
        }
    }

    @Test
    void nothingButOwnRegularFilesIsKept() {
        JsonNode task = run("sh", """
                mkdir out out/dir.txt dir.txt; echo x > dir.txt/inside.txt
                ln -s /etc/passwd out/link; ln -s /etc link.txt; mkfifo out/pipe pipe.txt; ln -s /etc etc
                ln -s loop.txt loop.txt; echo fine > fine.txt; chmod 000 fine.txt; chmod 555 out
                python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("out/socket")' || :
                """, "");
        assertThat(task.path("artifacts").findValuesAsText("name")).containsExactly("fine.txt");
        for (String each :
                List.of("out/link", "link.txt", "out/pipe", "pipe.txt", "loop.txt", "out/dir.txt", "dir.txt")) {
            assertThat(reason(task, each)).as(each).isEqualTo("not_a_file");
        }
        assertThat(api.get(artifact(task, "fine.txt")).text()).isEqualTo("fine\n");
        assertThat(Path.of("/etc/passwd")).isNotEmptyFile();
    }

    @Test
    void folderThatBecomesALinkIsNotEntered() {
        JsonNode task = run("sh", "ln -s /etc out; ln -s / root.txt", "");
        assertThat(task.has("artifacts")).isFalse();
        assertThat(task.path("artifacts_left_out_count").asInt()).isEqualTo(1);
    }

    @Test
    void whatIsTooMuchIsLeftOutAndSaidSo() {
        JsonNode task = run("sh", """
                mkdir out; head -c 60000 /dev/zero > a.txt; head -c 60000 /dev/zero > b.txt; head -c 30000 /dev/zero > c.txt
                truncate -s 50M out/sparse; for i in 1 2 3 4 5; do echo $i > out/$i; done
                for i in $(seq 100); do ln -s x out/link$i; done
                """, "");
        assertThat(task.path("state").asText()).isEqualTo("SUCCEEDED");
        assertThat(task.path("artifacts").findValuesAsText("name")).containsExactly("a.txt", "c.txt", "out/1", "out/2");
        assertThat(reason(task, "b.txt")).isEqualTo("too_large");
        assertThat(reason(task, "out/3")).isEqualTo("too_many");
        assertThat(task.path("artifacts_left_out_count").asInt()).isEqualTo(105);
        assertThat(task.path("artifacts_left_out")).hasSize(20);
    }

    @Test
    void namesThatCannotBeGivenAreLeftOutAndOthersAreSafeInHeaders() {
        JsonNode task = run("sh", """
                printf x > "$(printf 'new\\nline.txt')"; printf y > 'a"b;c=%41.txt'; printf z > "$(printf 'bad\\377.txt')"
                """, "");
        assertThat(task.path("artifacts_left_out_count").asInt()).isEqualTo(2);
        assertThat(task.path("artifacts").findValuesAsText("name")).containsExactly("a\"b;c=%41.txt");
        Api.Answer got = api.get(artifact(task, "a%22b%3Bc%3D%2541.txt"));
        assertThat(got.text()).isEqualTo("y");
        assertThat(got.header("Content-Disposition"))
                .isEqualTo("attachment; filename=\"a_b;c=_41.txt\"; filename*=UTF-8''a%22b%3Bc%3D%2541.txt");
    }

    @Test
    void anotherUsersFilesAreNotItsArtifacts(@TempDir Path folder) {
        assumeThat(RunAs.problem()).isEmpty();
        String commands = """
                {who: {argv: [sh, -c, 'cat in/x; mkdir out; id -u > out/me; ln %s out/stolen 2>/dev/null || touch nolink'], user: "65534:65534",
                  files_max_count: 1, artifacts: ["out/*"]}}
                """.formatted("/etc/hostname");
        try (Started started = new Started(folder, "COMMANDS", commands)) {
            JsonNode task = started.api
                    .run("{\"callable\":\"who\",\"files\":[{\"name\":\"in/x\",\"text\":\"mine\"}]}")
                    .json();
            assertThat(task.path("result").asText()).as("%s", task).isEqualTo("mine");
            assertThat(task.path("artifacts").findValuesAsText("name")).containsExactly("out/me");
            assertThat(started.api.get(artifact(task, "out%2Fme")).text()).isEqualTo("65534\n");
        }
    }

    @Test
    void artifactsOutliveTheServiceAndGoWithTheirTask(@TempDir Path folder) throws Exception {
        String commands = "{sh: {argv: [sh, -c, '{args[0]}'], artifacts: ['*'], files_max_count: 2}}";
        String body = "{\"callable\":\"sh\",\"args\":[\"echo kept > a\"]}";
        JsonNode task;
        String waiting;
        try (Started first = new Started(folder, "COMMANDS", commands)) {
            task = first.api.run(body).json();
            assertThat(first.api.get(artifact(task, "a")).text()).isEqualTo("kept\n");
            waiting = first.api
                    .submit(
                            "{\"callable\":\"sh\",\"args\":[\"cat f; cp f g\"],\"delay_ms\":2000,\"files\":[{\"name\":\"f\",\"text\":\"durable\"}]}")
                    .id();
        }
        // A task that was forgotten, and a kill before its files were.
        Path forgotten = folder.resolve("output/artifacts/00000001/00000002");
        Files.createDirectories(forgotten);
        Files.writeString(forgotten.resolve("0"), "of nobody");
        Files.createDirectories(folder.resolve("output/artifacts/.new/9/kept"));
        Files.writeString(folder.resolve("output/artifacts/.new/9/kept/0"), "of a run that was killed");
        try (Started second = new Started(folder, "COMMANDS", commands)) {
            assertThat(folder.resolve("output/artifacts/.new/9")).doesNotExist();
            await().untilAsserted(() -> assertThat(forgotten.getParent()).doesNotExist());
            JsonNode again =
                    second.api.get("/v1/tasks/" + task.path("id").asText()).json();
            assertThat(again.path("artifacts")).isEqualTo(task.path("artifacts"));
            assertThat(second.api.get(artifact(task, "a")).text()).isEqualTo("kept\n");
            JsonNode later = second.api.awaitDone(waiting).json();
            assertThat(later.path("result").asText()).isEqualTo("durable");
            assertThat(later.path("artifacts").findValuesAsText("name")).containsExactly("f", "g");
            for (JsonNode each : List.of(task, later)) {
                assertThat(second.api
                                .delete("/v1/tasks/" + each.path("id").asText())
                                .status())
                        .isEqualTo(204);
                assertThat(second.api.get(artifact(each, "a")).code()).isEqualTo("task_not_found");
            }
            await().untilAsserted(() -> assertThat(entries(folder.resolve("output/artifacts")))
                    .containsExactly(folder.resolve("output/artifacts/.new").toString()));
        }
    }

    // --- the size of the scratch folder ---

    @Test
    void folderThatGrowsTooLargeEndsItsProgram() {
        JsonNode task = run("small", "echo evidence > kept; head -c 3000000 /dev/zero > big; sleep 60", "");
        assertThat(task.at("/error/code").asText()).isEqualTo("scratch_limit");
        assertThat(task.at("/error/message").asText()).contains("scratch_bytes = 1048576");
        assertThat(task.at("/exit/cause").asText()).isEqualTo("scratch_limit");
        assertThat(task.at("/limits/scratch_bytes").asLong()).isEqualTo(1 << 20);
        assertThat(task.path("run_ms").asLong()).isLessThan(30_000);
        assertThat(task.path("artifacts").findValuesAsText("name")).containsExactly("kept");
        // Too quick for a look while it runs.
        assertThat(run("small", "head -c 3000000 /dev/zero > big", "")
                        .at("/error/code")
                        .asText())
                .isEqualTo("scratch_limit");
        assertThat(run("small", "head -c 500000 /dev/zero > big; ln -s / root", "")
                        .path("state")
                        .asText())
                .isEqualTo("SUCCEEDED");
        JsonNode many = run("small", "mkdir m; i=0; while [ $i -lt 300 ]; do : > m/$i; i=$((i+1)); done; sleep 60", "");
        assertThat(many.at("/error/code").asText()).isEqualTo("scratch_limit");
        JsonNode deep = run("small", "i=0; while [ $i -lt 80 ]; do mkdir d; cd d; i=$((i+1)); done; sleep 60", "");
        assertThat(deep.at("/error/code").asText()).isEqualTo("scratch_limit");
    }

    @Test
    void limitOfTheFolderIsClampedAndOnlyForCommands() {
        JsonNode own = run("plain", "true", ",\"limits\":{\"scratch_bytes\":99999999999}");
        assertThat(own.at("/limits/scratch_bytes").asLong()).isEqualTo(64 << 20);
        assertThat(api.put(
                                "/v1/pools/workers",
                                "{\"kind\":\"PROCESS\",\"max_workers\":1,\"limits\":{\"scratch_bytes\":100000}}")
                        .code())
                .isEqualTo("limit_unsupported");
        assertThatThrownBy(() -> SettingsLoader.load(
                        null, Map.of("TASKPOOL_POOLS", "{default: {kind: process, limits: {scratch: 1MiB}}}")))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("pools.default.limits.scratch is for pools of kind command");
    }

    // --- variables ---

    @Test
    void variablesTakePlaceholders() {
        assertThat(run("env", "fit", "").path("result").asText()).isEqualTo("10|fit|{x}");
        assertThat(run("env", "fill", ",\"kwargs\":{\"size\":7}").path("result").asText())
                .isEqualTo("7|fill|{x}");
        Api.Answer wrong = api.submit("{\"callable\":\"env\",\"args\":[\"fit\"],\"kwargs\":{\"size\":101}}");
        assertThat(wrong.code()).isEqualTo("invalid_arguments");
        assertThat(wrong.json().at("/errors/0/pointer").asText()).isEqualTo("/kwargs/size");
        assertThat(api.submit("{\"callable\":\"env\"}").code()).isEqualTo("invalid_arguments");
    }

    // --- exit codes that mean later ---

    @Test
    void exitCodeAsksForAnotherRunLater(@TempDir Path folder) {
        Path ready = folder.resolve("ready");
        String commands =
                "{poll: {argv: [sh, -c, 'test -f %s || { : > leftover; exit 75; }; echo ready'], snooze_exit_codes: {75: 50ms}, artifacts: ['*']}}"
                        .formatted(ready);
        try (Started started = new Started(folder.resolve("data"), "COMMANDS", commands)) {
            String id = started.api.submit("{\"callable\":\"poll\"}").id();
            await().until(() ->
                    started.api.get("/v1/tasks/" + id).json().path("snoozes").asInt() >= 2);
            Files.createFile(ready);
            JsonNode task = started.api.awaitDone(id).json();
            assertThat(task.path("state").asText()).isEqualTo("SUCCEEDED");
            assertThat(task.path("attempt").asInt()).isEqualTo(1);
            assertThat(task.path("snoozes").asInt()).isGreaterThanOrEqualTo(2);
            assertThat(task.has("artifacts")).isFalse();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    @Test
    void snoozeCodesAreHeldWhenTheServiceStarts() {
        assertThatThrownBy(() -> SettingsLoader.load(
                        null, Map.of("TASKPOOL_COMMANDS", "{x: {argv: [x], snooze_exit_codes: {256: 1s, 75: soon}}}")))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("commands.x.snooze_exit_codes may hold 0 to 255, not '256'")
                .hasMessageContaining("for 75, such as 30s, not 'soon'");
        assertThatThrownBy(() ->
                        SettingsLoader.load(null, Map.of("TASKPOOL_COMMANDS", "{x: {argv: [x], artifacts: [../x]}}")))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("commands.x.artifacts");
    }
}
