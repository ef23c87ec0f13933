package dev.taskpool.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.taskpool.process.ResourceLimits;
import dev.taskpool.process.Spawner;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Every bundled worker does what the protocol says. */
@Timeout(300)
class ConformanceTest {
    @TempDir
    Path folder;

    private static List<Conformance.Finding> check(WorkerType type) throws Exception {
        Path sockets = Files.createTempDirectory("tp");
        try (Spawner spawner = Spawner.best()) {
            return Conformance.check(type, spawner, sockets, finding -> {});
        } finally {
            Files.delete(sockets);
        }
    }

    private static List<String> of(List<Conformance.Finding> findings, Conformance.Verdict verdict) {
        return findings.stream()
                .filter(f -> f.verdict() == verdict)
                .map(f -> f.check() + ": " + f.evidence())
                .toList();
    }

    @Test
    void javaWorkerConforms() throws Exception {
        WorkerType java = WorkerType.java("java", folder, 1L << 30, Map.of());
        List<String> argv = new ArrayList<>(java.argv());
        argv.add(JavaWorker.CONFORMANCE);
        List<Conformance.Finding> findings =
                check(new WorkerType("java", argv, java.env(), java.directory(), java.limits()));
        assertThat(of(findings, Conformance.Verdict.FAIL)).isEmpty();
        assertThat(of(findings, Conformance.Verdict.SKIP))
                .singleElement()
                .asString()
                .contains("goodbye");
    }

    @Test
    void pythonWorkerConforms() throws Exception {
        List<Conformance.Finding> findings =
                check(Interpreters.python(Path.of("workers/python"), "--module", "conformance", "--heartbeat", "0.5"));
        assertThat(of(findings, Conformance.Verdict.FAIL)).isEmpty();
        assertThat(of(findings, Conformance.Verdict.SKIP)).isEmpty();
    }

    @Test
    void nodeWorkerConforms() throws Exception {
        List<Conformance.Finding> findings =
                check(Interpreters.node(Path.of("workers/node"), "--module", "conformance.js", "--heartbeat", "0.5"));
        assertThat(of(findings, Conformance.Verdict.FAIL)).isEmpty();
        assertThat(of(findings, Conformance.Verdict.SKIP))
                .singleElement()
                .asString()
                .contains("1.0");
    }

    @Test
    void workerThatOffersNothingIsSkippedForWhatItDoesNotOffer() throws Exception {
        List<Conformance.Finding> findings = check(Interpreters.python(folder));
        assertThat(of(findings, Conformance.Verdict.FAIL)).isEmpty();
        assertThat(of(findings, Conformance.Verdict.SKIP)).anyMatch(s -> s.contains("does not offer conformance.echo"));
    }

    @Test
    void programThatIsNoWorkerFails() throws Exception {
        List<Conformance.Finding> findings = check(new WorkerType(
                "sh",
                List.of("sh", "-c", "echo no such module >&2; exit 3"),
                Map.of(),
                folder,
                ResourceLimits.NO_CORE));
        assertThat(of(findings, Conformance.Verdict.FAIL))
                .singleElement()
                .asString()
                .contains("exit code 3", "no such module");
    }
}
