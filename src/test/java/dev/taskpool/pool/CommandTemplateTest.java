package dev.taskpool.pool;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.taskpool.model.Json;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CommandTemplateTest {
    private static CommandTemplate template(String... argv) {
        return reading("none", argv);
    }

    private static CommandTemplate reading(String stdin, String... argv) {
        return CommandTemplate.of(List.of(argv), false, stdin, "none", Map.of(), List.of(), Set.of(0));
    }

    private static List<String> fill(CommandTemplate template, @Nullable String args, @Nullable String kwargs) {
        return template.fill(json(args), json(kwargs)).argv();
    }

    private static @Nullable Json json(@Nullable String text) {
        return text == null ? null : Json.ofValid(text);
    }

    @Test
    void eachPlaceholderFillsOneArgument() {
        assertThat(fill(
                        template("p", "{args[1]}", "--size={x}", "{kwargs.name}", "{print $1}"),
                        "[1,\"a b;$(c) '\\\"\"]",
                        "{\"name\":12345678901234567890123}"))
                .containsExactly("p", "a b;$(c) '\"", "--size={x}", "12345678901234567890123", "{print $1}");
    }

    @Test
    void spreadFillsMany() {
        CommandTemplate spread = template("p", "x", "{args...}", "y");
        assertThat(fill(spread, "[\"a\",true,1.50,{\"k\": [1, null]},\"\"]", null))
                .containsExactly("p", "x", "a", "true", "1.50", "{\"k\":[1,null]}", "", "y");
        assertThat(fill(spread, null, null)).containsExactly("p", "x", "y");
    }

    @Test
    void whatCannotBePassedIsRefusedInASentence() {
        assertThat(template("p", "{args[0]}").problem(null, null))
                .hasValueSatisfying(s -> assertThat(s.detail()).contains("{args[0]}", "missing"));
        assertThat(template("p", "{kwargs.n}").problem(null, json("{\"n\":null}")))
                .hasValueSatisfying(s -> assertThat(s.detail()).contains("{kwargs.n}", "null"));
        assertThat(template("p", "{args...}").problem(json("[\"a\",null]"), null))
                .isPresent();
        assertThat(template("p", "{args...}").problem(json("[\"a\\u0000\"]"), null))
                .isPresent();
        assertThat(template("p", "{args...}").problem(json("[\"\\ud800\"]"), null))
                .isPresent();
        assertThat(template("p", "{args...}").problem(json("[\"" + "x".repeat(131_072) + "\"]"), null))
                .isPresent();
        assertThat(template("p", "{args...}").problem(json("[\"" + "x".repeat(131_071) + "\"]"), null))
                .isEmpty();
    }

    @Test
    void valueThatLooksLikeAnOptionNeedsPermission() {
        Json evil = Json.ofValid("[\"--output=/etc/passwd\"]");
        assertThat(template("p", "{args[0]}").problem(evil, null))
                .hasValueSatisfying(s -> assertThat(s.detail()).contains("option"));
        assertThat(template("p", "{args...}").problem(json("[-5]"), null)).isPresent();
        assertThat(template("p", "--", "{args[0]}").problem(evil, null)).isEmpty();
        assertThat(template("p", "{args[0]}", "--").problem(evil, null)).isPresent();
        assertThat(CommandTemplate.of(List.of("p", "{args[0]}"), true, "none", "none", Map.of(), List.of(), Set.of(0))
                        .problem(evil, null))
                .isEmpty();
    }

    @Test
    void stdinIsBuiltFromTheArguments() {
        Json args = Json.ofValid("[1.0, \"ä\"]");
        assertThat(input(reading("args_json", "p"), args)).isEqualTo("{\"args\":[1.0, \"ä\"],\"kwargs\":{}}");
        assertThat(input(reading("{args[1]}", "p"), args)).isEqualTo("ä");
        assertThat(input(reading("{args[0]}", "p"), args)).isEqualTo("1.0");
        assertThat(input(reading("none", "p"), args)).isEmpty();
    }

    private static String input(CommandTemplate template, Json args) {
        return new String(template.fill(args, null).stdin(), StandardCharsets.UTF_8);
    }

    @Test
    void typesHoldTheirValues(@TempDir Path root) throws Exception {
        Files.createDirectories(root.resolve("in"));
        Files.createSymbolicLink(root.resolve("out"), Path.of("/etc"));
        record Case(String type, String good, String bad, String expected) {}
        for (Case each : List.of(
                new Case("int", "-5", "5.0", "a whole number"),
                new Case("int(1,100)", "100", "101", "a whole number from 1 to 100, is 101"),
                new Case("int(1,)", "9000000000", "0", "of at least 1, is 0"),
                new Case("int", "1", "\"1\"", "is \"1\""),
                new Case("number", "1.50", "\"x\"", "a number"),
                new Case("number(0,1)", "0.5", "1.01", "a number from 0 to 1, is 1.01"),
                new Case("string", "\"\"", "5", "a string"),
                new Case("string(2,3)", "\"\ud83d\ude00é\"", "\"x\"", "of 2 to 3 characters"),
                new Case("enum(small,large)", "\"large\"", "\"Large\"", "one of small, large"),
                new Case("match([a-z]{2}\\(\\))", "\"ab()\"", "\"xab()\"", "matches"),
                new Case("uuid", "\"0189dcd5-5311-7d40-8db0-9496a2eef37b\"", "\"0189dcd5\"", "a UUID"),
                new Case("path(" + root + ")", "\"in/new.png\"", "\"../x\"", "a path below"),
                new Case("path(" + root + ")", "\"in\"", "\"/etc/passwd\"", "a path below"),
                new Case("path(" + root + ")", "\"a/b/../c\"", "\"out/passwd\"", "a path below"))) {
            CommandTemplate template = template("p", "{args[0]:" + each.type + "}");
            assertThat(template.problem(json("[" + each.good + "]"), null))
                    .as(each.type)
                    .isEmpty();
            assertThat(template.problem(json("[" + each.bad + "]"), null))
                    .as(each.type)
                    .hasValueSatisfying(wrong -> {
                        assertThat(wrong.pointer()).isEqualTo("/args/0");
                        assertThat(wrong.detail()).contains("must be ", each.expected);
                    });
        }
        assertThat(fill(template("p", "{args[0]:path(" + root + ")}"), "[\"in/../in/x\"]", null))
                .containsExactly("p", root + "/in/x");
        assertThat(template("p", "{args...:int(0,9)}").problem(json("[1,2,30]"), null))
                .hasValueSatisfying(wrong -> assertThat(wrong.pointer()).isEqualTo("/args/2"));
    }

    @Test
    void defaultStandsForWhatIsMissing() {
        CommandTemplate template = template("p", "{args[0]:int=7}", "{kwargs.size:enum(s,l)=s}", "{kwargs.x=}");
        assertThat(fill(template, null, null)).containsExactly("p", "7", "s", "");
        assertThat(fill(template, "[-8]", "{\"size\":\"l\",\"x\":\"y\"}")).containsExactly("p", "-8", "l", "y");
        assertThat(template.problem(json("[null]"), null)).isPresent();
    }

    @Test
    void schemaSaysWhatThePlaceholdersTake() {
        assertThat(template("p", "x").schema()).isNull();
        assertThat(template("p", "{args[1]:int(1,9)}", "{kwargs.size:enum(s,l)}", "{kwargs.n:number=1}")
                        .schema())
                .hasToString("""
                        {"type":"object","properties":{"args":{"type":"array","minItems":2,"prefixItems":[{},{"type":"integer","minimum":1,"maximum":9}]},\
                        "kwargs":{"type":"object","properties":{"n":{"type":"number"},"size":{"type":"string","enum":["s","l"]}},"required":["size"]}},\
                        "required":["args","kwargs"]}""");
    }

    @Test
    void freeCommandRunsWhatItIsTold() {
        CommandTemplate free = CommandTemplate.free(Map.of(), List.of());
        assertThat(fill(free, "[\"ls\",\"-l\"]", null)).containsExactly("ls", "-l");
        assertThat(free.problem(null, null)).isPresent();
        assertThat(free.problem(json("[\"\"]"), null)).isPresent();
        assertThatThrownBy(() -> template("{args...}")).hasMessageContaining("exec.enabled");
    }

    @Test
    void mistakesInTypesAreNamed() {
        for (String bad : List.of(
                "{args[0]:integer}",
                "{args[0]:int(1)}",
                "{args[0]:int(a,b)}",
                "{args[0]:enum}",
                "{args[0]:match([)}",
                "{args[0]:path(x)}")) {
            assertThatThrownBy(() -> template("p", bad)).as(bad).isInstanceOf(IllegalArgumentException.class);
        }
        assertThatThrownBy(() -> template("p", "{args...=x}")).hasMessageContaining("default");
    }

    @Test
    void mistakesOfTheOperatorAreNamed() {
        for (String bad : List.of(
                "x{args[0]}",
                "{args[0]}x",
                "{args[-1]}",
                "{args}",
                "{kwargs}",
                "{kwargs.}",
                "{ args[0] }",
                "{args..}")) {
            assertThatThrownBy(() -> template("p", bad))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining(bad);
        }
        assertThatThrownBy(() -> template("{args[0]}")).hasMessageContaining("program");
        assertThatThrownBy(() -> reading("shell", "p")).hasMessageContaining("stdin");
        assertThatThrownBy(() -> CommandTemplate.of(List.of("p"), false, "none", "xml", Map.of(), List.of(), Set.of(0)))
                .hasMessageContaining("xml");
        assertThatThrownBy(() -> CommandTemplate.of(
                        List.of("p"), false, "none", "none", Map.of("A=B", ""), List.of(), Set.of(0)))
                .hasMessageContaining("A=B");
        assertThatThrownBy(
                        () -> CommandTemplate.of(List.of("p"), false, "none", "none", Map.of(), List.of(), Set.of(256)))
                .hasMessageContaining("256");
    }
}
