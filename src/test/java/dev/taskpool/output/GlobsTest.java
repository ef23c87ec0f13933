package dev.taskpool.output;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.taskpool.model.FileRules;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class GlobsTest {
    private static final Globs GLOBS = new Globs(List.of("report.pdf", "out/*.{csv,txt}", "logs/**", "deep/*/**/x"));

    @Test
    void filesMatchAsWholePaths() {
        for (String yes : List.of("report.pdf", "out/a.csv", "out/a.b.txt", "logs/a", "logs/a/b/c", "deep/a/b/c/x")) {
            assertThat(GLOBS.matches(Path.of(yes))).as(yes).isTrue();
        }
        for (String no : List.of("a/report.pdf", "report.pdf.txt", "out/a.pdf", "out/a/b.csv", "deep/x", "log/a")) {
            assertThat(GLOBS.matches(Path.of(no))).as(no).isFalse();
        }
    }

    @Test
    void onlyFoldersThatMayHoldSomethingAreLookedInto() {
        for (String yes : List.of("out", "logs", "logs/a/b", "deep", "deep/a", "deep/a/b/c")) {
            assertThat(GLOBS.mayHold(Path.of(yes))).as(yes).isTrue();
        }
        for (String no : List.of("node_modules", "out/a", "report.pdf")) {
            assertThat(GLOBS.mayHold(Path.of(no))).as(no).isFalse();
        }
        assertThat(GLOBS.standsForAFile(Path.of("out/a.csv"))).isTrue();
        assertThat(GLOBS.standsForAFile(Path.of("logs/a"))).isFalse();
    }

    @Test
    void patternsStayBelowTheFolder() {
        for (String bad : List.of("/etc/passwd", "../x", "a/../b", "", "a//b", "a/", "[a", "{a/b,c}")) {
            assertThatThrownBy(() -> new FileRules(0, 0, List.of(bad), 1, 1))
                    .as(bad)
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("artifacts");
        }
    }
}
