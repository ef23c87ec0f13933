package dev.taskpool;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** The rooms and who may enter which, as ARCHITECTURE.md draws them. */
@AnalyzeClasses(packages = "dev.taskpool", importOptions = ImportOption.DoNotIncludeTests.class)
class RoomsTest {
    /** Each room, and those that it may import. None imports another that imports it. */
    private static final Map<String, Set<String>> MAY_IMPORT = Map.ofEntries(
            Map.entry("model", Set.of()),
            Map.entry("journal", Set.of()),
            Map.entry("process", Set.of()),
            Map.entry("log", Set.of()),
            Map.entry("config", Set.of("model")),
            Map.entry("callable", Set.of("model")),
            Map.entry("output", Set.of("model")),
            Map.entry("store", Set.of("model", "journal")),
            Map.entry("worker", Set.of("model", "callable", "process")),
            Map.entry("pool", Set.of("model", "callable", "output", "process", "worker")),
            Map.entry("engine", Set.of("model", "callable", "output", "pool", "store")),
            Map.entry("metrics", Set.of("model", "engine")),
            Map.entry("callback", Set.of("model", "engine")),
            Map.entry("http", Set.of("model", "callable", "output", "pool", "store", "engine")));

    private static String room(String packageName) {
        return packageName.replaceFirst("^dev\\.taskpool\\.?", "");
    }

    @ArchTest
    static void everyRoomIsInTheTable(JavaClasses classes) {
        Set<String> rooms = classes.stream().map(c -> room(c.getPackageName())).collect(Collectors.toSet());
        rooms.remove("cli");
        assertThat(rooms).isEqualTo(MAY_IMPORT.keySet());
    }

    @ArchTest
    static void nobodyEntersARoomUnasked(JavaClasses classes) {
        MAY_IMPORT.forEach((room, allowed) -> {
            String[] others = MAY_IMPORT.keySet().stream()
                    .filter(other -> !other.equals(room) && !allowed.contains(other))
                    .map(other -> "dev.taskpool." + other)
                    .toArray(String[]::new);
            noClasses()
                    .that()
                    .resideInAPackage("dev.taskpool." + room)
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(others)
                    .orShould()
                    .dependOnClassesThat()
                    .resideInAPackage("dev.taskpool.cli")
                    .check(classes);
        });
    }

    @ArchTest
    static final ArchRule SQL_LIVES_IN_THE_STORE = noClasses()
            .that()
            .resideOutsideOfPackage("dev.taskpool.store")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("java.sql..", "org.jdbi..", "org.h2..");

    @ArchTest
    static final ArchRule HTTP_SERVER_LIVES_IN_HTTP = noClasses()
            .that()
            .resideOutsideOfPackage("dev.taskpool.http")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.javalin..", "jakarta.servlet..", "org.eclipse.jetty.server..");

    @ArchTest
    static final ArchRule NOBODY_SLEEPS = noClasses()
            .should()
            .callMethod(Thread.class, "sleep", long.class)
            .orShould()
            .callMethod(Thread.class, "sleep", java.time.Duration.class);
}
