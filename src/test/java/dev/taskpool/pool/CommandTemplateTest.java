package dev.taskpool.pool;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.taskpool.model.Json;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

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
                .hasValueSatisfying(s -> assertThat(s).contains("{args[0]}", "missing"));
        assertThat(template("p", "{kwargs.n}").problem(null, json("{\"n\":null}")))
                .hasValueSatisfying(s -> assertThat(s).contains("{kwargs.n}", "null"));
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
                .hasValueSatisfying(s -> assertThat(s).contains("option"));
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
