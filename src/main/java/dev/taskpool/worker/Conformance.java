package dev.taskpool.worker;

import dev.taskpool.process.Spawner;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * Holds a worker to {@code workers/PROTOCOL.md}. It starts the worker as a service does and talks to it; what is to be run are the
 * callables {@code conformance.…} that the protocol describes. What a worker does not offer is skipped, and said.
 */
public final class Conformance {
    /** What came of a check. */
    public enum Verdict {
        /** It holds. */
        PASS,
        /** It does not. */
        FAIL,
        /** The worker does not offer what is needed to find out. */
        SKIP
    }

    /**
     * One check and what came of it.
     *
     * @param check its name, as a sentence
     * @param evidence what was seen; may be empty
     */
    public record Finding(String check, Verdict verdict, String evidence) {}

    /** A worker does not do what the protocol says. */
    static final class FailedCheck extends Exception {
        private static final long serialVersionUID = 1;

        FailedCheck(String evidence) {
            super(evidence);
        }
    }

    /** A worker does not offer what is needed. */
    static final class SkippedCheck extends Exception {
        private static final long serialVersionUID = 1;

        SkippedCheck(String reason) {
            super(reason);
        }
    }

    /** Something that a worker must do. */
    @FunctionalInterface
    interface Body {
        /** Finds out, and returns what was seen. */
        String hold(Subject subject) throws FailedCheck, SkippedCheck, IOException, InterruptedException;
    }

    /**
     * A named check.
     *
     * @param name a sentence
     */
    record Check(String name, Body body) {}

    private Conformance() {}

    /**
     * Runs all checks, one after the other. Blocks, for a minute or so.
     *
     * @param sockets where sockets may be; a short path
     * @param heard is told each finding as it comes
     * @return all findings, in order
     */
    public static List<Finding> check(WorkerType type, Spawner spawner, Path sockets, Consumer<Finding> heard)
            throws InterruptedException {
        List<Finding> findings = new ArrayList<>();
        try (Subject subject = new Subject(type, spawner, sockets)) {
            List<Check> all = new ArrayList<>(ValueChecks.ALL);
            all.addAll(TaskChecks.ALL);
            all.addAll(LifeChecks.ALL);
            for (Check check : all) {
                Finding finding = find(check, subject);
                findings.add(finding);
                heard.accept(finding);
                if (findings.size() == 1 && finding.verdict() == Verdict.FAIL) {
                    break; // it does not even say hello
                }
            }
        }
        return findings;
    }

    private static Finding find(Check check, Subject subject) throws InterruptedException {
        try {
            return new Finding(check.name(), Verdict.PASS, check.body().hold(subject));
        } catch (SkippedCheck e) {
            return new Finding(check.name(), Verdict.SKIP, String.valueOf(e.getMessage()));
        } catch (FailedCheck | IOException e) {
            // The next check is not to suffer from what this one left.
            subject.discard();
            return new Finding(check.name(), Verdict.FAIL, String.valueOf(e.getMessage()));
        }
    }
}
