package dev.taskpool;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.library.dependencies.SlicesRuleDefinition;

/** The rooms and who may enter which, as ARCHITECTURE.md draws them. */
@AnalyzeClasses(packages = "dev.taskpool", importOptions = ImportOption.DoNotIncludeTests.class)
class RoomsTest {
    @ArchTest
    static final ArchRule ROOMS = layeredArchitecture()
            .consideringOnlyDependenciesInLayers()
            .layer("model")
            .definedBy("dev.taskpool.model")
            .layer("callable")
            .definedBy("dev.taskpool.callable")
            .layer("config")
            .definedBy("dev.taskpool.config")
            .layer("journal")
            .definedBy("dev.taskpool.journal")
            .layer("store")
            .definedBy("dev.taskpool.store")
            .layer("output")
            .definedBy("dev.taskpool.output")
            .layer("process")
            .definedBy("dev.taskpool.process")
            .layer("worker")
            .definedBy("dev.taskpool.worker")
            .layer("pool")
            .definedBy("dev.taskpool.pool")
            .layer("engine")
            .definedBy("dev.taskpool.engine")
            .layer("http")
            .definedBy("dev.taskpool.http")
            .layer("metrics")
            .definedBy("dev.taskpool.metrics")
            .layer("callback")
            .definedBy("dev.taskpool.callback")
            .layer("log")
            .definedBy("dev.taskpool.log")
            .layer("cli")
            .definedBy("dev.taskpool.cli")
            .whereLayer("cli")
            .mayNotBeAccessedByAnyLayer()
            .whereLayer("log")
            .mayOnlyBeAccessedByLayers("cli")
            .whereLayer("config")
            .mayOnlyBeAccessedByLayers("cli")
            .whereLayer("http")
            .mayOnlyBeAccessedByLayers("cli")
            .whereLayer("metrics")
            .mayOnlyBeAccessedByLayers("cli")
            .whereLayer("callback")
            .mayOnlyBeAccessedByLayers("cli")
            .whereLayer("engine")
            .mayOnlyBeAccessedByLayers("http", "metrics", "callback", "cli")
            .whereLayer("journal")
            .mayOnlyBeAccessedByLayers("store", "cli")
            .whereLayer("store")
            .mayOnlyBeAccessedByLayers("engine", "http", "cli")
            .whereLayer("pool")
            .mayOnlyBeAccessedByLayers("engine", "http", "cli")
            .whereLayer("output")
            .mayOnlyBeAccessedByLayers("pool", "engine", "http", "cli")
            .whereLayer("worker")
            .mayOnlyBeAccessedByLayers("pool", "cli")
            .whereLayer("process")
            .mayOnlyBeAccessedByLayers("worker", "pool", "cli")
            .whereLayer("callable")
            .mayOnlyBeAccessedByLayers("worker", "pool", "engine", "http", "cli");

    @ArchTest
    static final ArchRule NO_CYCLES = SlicesRuleDefinition.slices()
            .matching("dev.taskpool.(*)..")
            .should()
            .beFreeOfCycles();

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
