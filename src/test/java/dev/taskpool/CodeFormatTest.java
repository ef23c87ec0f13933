package dev.taskpool;

import static org.assertj.core.api.Assertions.assertThat;

import com.palantir.javaformat.java.Formatter;
import com.palantir.javaformat.java.ImportOrderer;
import com.palantir.javaformat.java.JavaFormatterOptions;
import com.palantir.javaformat.java.RemoveUnusedImports;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** One format for all code. To apply it: {@code mvn test -Dtest=CodeFormatTest -Dformat=apply}. */
class CodeFormatTest {
    private static final JavaFormatterOptions.Style STYLE = JavaFormatterOptions.Style.PALANTIR;

    @Test
    void everySourceFileHasTheOneFormat() throws Exception {
        Formatter formatter = Formatter.createFormatter(
                JavaFormatterOptions.builder().style(STYLE).build());
        boolean apply = "apply".equals(System.getProperty("format"));
        List<String> differing = new ArrayList<>();
        for (Path file : sources()) {
            String text = Files.readString(file);
            String wanted = formatter.formatSource(
                    ImportOrderer.reorderImports(RemoveUnusedImports.removeUnusedImports(text), STYLE));
            if (!wanted.equals(text)) {
                if (apply) {
                    Files.writeString(file, wanted);
                } else {
                    differing.add(file.toString());
                }
            }
        }
        assertThat(differing)
                .as("run: mvn test -Dtest=CodeFormatTest -Dformat=apply")
                .isEmpty();
    }

    private static List<Path> sources() throws IOException {
        try (Stream<Path> files = Files.walk(Path.of("src"))) {
            return files.filter(f -> f.toString().endsWith(".java")).sorted().toList();
        }
    }
}
