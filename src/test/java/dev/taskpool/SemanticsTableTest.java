package dev.taskpool;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;

/** docs/semantics.md names tests: that they exist, and that no semantic is left out. */
class SemanticsTableTest {
    private static final Path TESTS = Path.of("src/test/java");
    private static final Pattern NAMED = Pattern.compile("`(\\w+)\\.(\\w+)`");
    private static final String NOTHING_TO_SHOW = "–";

    /** How many semantics each group has. */
    private static final Map<String, Integer> GROUPS = Map.ofEntries(
            Map.entry("F", 15),
            Map.entry("C", 5),
            Map.entry("W", 10),
            Map.entry("A", 5),
            Map.entry("E", 16),
            Map.entry("D", 13),
            Map.entry("I", 3),
            Map.entry("P", 10),
            Map.entry("B", 12),
            Map.entry("Y", 5),
            Map.entry("N", 5),
            Map.entry("L", 15),
            Map.entry("J", 15),
            Map.entry("Q", 13));

    private record Row(String id, String semantic, String answer, String tests) {}

    private static List<Row> rows() throws IOException {
        List<Row> rows = new ArrayList<>();
        for (String line : Files.readAllLines(Path.of("docs/semantics.md"))) {
            if (line.startsWith("| ") && !line.startsWith("| # ")) {
                String[] cells = line.substring(2).split(" \\|(?: |$)", -1);
                assertThat(cells).as(line).hasSize(5);
                rows.add(new Row(cells[0], cells[1], cells[2], cells[3]));
            }
        }
        return rows;
    }

    @Test
    void eachSemanticStandsThereOnce() throws IOException {
        List<String> expected = GROUPS.entrySet().stream()
                .flatMap(group -> IntStream.rangeClosed(1, group.getValue()).mapToObj(n -> group.getKey() + n))
                .toList();
        assertThat(rows()).extracting(Row::id).containsExactlyInAnyOrderElementsOf(expected);
    }

    @Test
    void eachRowHasATestOrSaysWhyNot() throws IOException {
        assertThat(rows()).allSatisfy(row -> {
            assertThat(row.semantic).isNotBlank();
            assertThat(row.answer).isNotBlank();
            if (row.tests.equals(NOTHING_TO_SHOW)) {
                // A reason, not a remark.
                assertThat(row.answer).hasSizeGreaterThan(20);
            } else {
                assertThat(Arrays.asList(row.tests.split(", ")))
                        .allMatch(each -> NAMED.matcher(each).matches());
            }
        });
    }

    @Test
    void eachTestThatIsNamedExists() throws IOException {
        Map<String, Class<?>> classes = testClasses();
        List<String> wrong = new ArrayList<>();
        int found = 0;
        for (Row row : rows()) {
            Matcher named = NAMED.matcher(row.tests);
            while (named.find()) {
                found++;
                Class<?> type = classes.get(named.group(1));
                if (type == null || method(type, named.group(2)).isEmpty()) {
                    wrong.add(row.id + ": there is no test " + named.group(1) + "." + named.group(2));
                }
            }
        }
        assertThat(wrong).isEmpty();
        assertThat(found).isGreaterThan(100);
    }

    private static Optional<Method> method(Class<?> type, String name) {
        return Arrays.stream(type.getDeclaredMethods())
                .filter(each -> each.getName().equals(name))
                .filter(each ->
                        each.isAnnotationPresent(Test.class) || each.isAnnotationPresent(ParameterizedTest.class))
                .findAny();
    }

    /** All test classes by their simple name. */
    private static Map<String, Class<?>> testClasses() throws IOException {
        Map<String, Class<?>> classes = new TreeMap<>();
        try (Stream<Path> files = Files.walk(TESTS)) {
            for (Path file :
                    files.filter(each -> each.toString().endsWith("Test.java")).toList()) {
                String name =
                        TESTS.relativize(file).toString().replace('/', '.').replaceFirst("\\.java$", "");
                String simple = name.substring(name.lastIndexOf('.') + 1);
                // Of those that speak HTTP one is meant where two have the same name.
                if (!classes.containsKey(simple) || name.contains(".acceptance.")) {
                    classes.put(simple, Class.forName(name));
                }
            }
        } catch (ClassNotFoundException e) {
            throw new IllegalStateException(e);
        }
        return classes;
    }
}
