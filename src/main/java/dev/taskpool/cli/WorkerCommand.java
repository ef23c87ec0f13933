package dev.taskpool.cli;

import dev.taskpool.log.Logging;
import dev.taskpool.process.ResourceLimits;
import dev.taskpool.process.Spawner;
import dev.taskpool.worker.Conformance;
import dev.taskpool.worker.WorkerType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code taskpool worker check}. */
@Command(name = "worker", description = "Looks at workers in other languages.", mixinStandardHelpOptions = true)
final class WorkerCommand implements Runnable {
    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it
    private CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "Say check.");
    }

    @Command(
            description = {
                "Holds a worker to the protocol: starts it, talks to it, and says what it does not do.",
                "workers/PROTOCOL.md describes the callables conformance.* that it is to offer for this.",
                "Example: taskpool worker check -- python3 my_worker.py --module conformance"
            })
    int check(
            @Option(
                            names = "--start-timeout",
                            paramLabel = "SECONDS",
                            defaultValue = "30",
                            description = "Time from its start to its hello; ${DEFAULT-VALUE}.")
                    int startTimeout,
            @Parameters(arity = "1..*", paramLabel = "COMMAND", description = "The worker and its arguments, after --.")
                    List<String> command)
            throws IOException, InterruptedException {
        Logging.configure(false, "warn");
        WorkerType type = new WorkerType(
                "checked",
                command,
                System.getenv(),
                Path.of("").toAbsolutePath(),
                ResourceLimits.NO_CORE,
                Duration.ofSeconds(startTimeout));
        Path sockets = Files.createTempDirectory("tp");
        try (Spawner spawner = Spawner.best()) {
            List<Conformance.Finding> findings =
                    Conformance.check(type, spawner, sockets, finding -> System.out.println(line(finding)));
            long failed = count(findings, Conformance.Verdict.FAIL);
            System.out.println(count(findings, Conformance.Verdict.PASS) + " passed, " + failed + " failed, "
                    + count(findings, Conformance.Verdict.SKIP) + " skipped");
            return failed == 0 ? 0 : Main.FAILED;
        } finally {
            Files.deleteIfExists(sockets);
        }
    }

    private static long count(List<Conformance.Finding> findings, Conformance.Verdict verdict) {
        return findings.stream().filter(f -> f.verdict() == verdict).count();
    }

    private static String line(Conformance.Finding finding) {
        String evidence =
                finding.evidence().isEmpty() ? "" : ": " + finding.evidence().replace("\n", "\n      ");
        return finding.verdict().name().toLowerCase(Locale.ROOT) + "  " + finding.check() + evidence;
    }
}
