package dev.taskpool.worker;

import dev.taskpool.process.Exit;
import dev.taskpool.worker.Conformance.Check;
import dev.taskpool.worker.Conformance.FailedCheck;
import dev.taskpool.worker.Conformance.SkippedCheck;
import java.io.IOException;
import java.time.Duration;
import java.util.List;

/** Whether a worker shows that it lives, and ends when it is to end. */
final class LifeChecks {
    private static final Duration END_LIMIT = Duration.ofSeconds(5);
    private static final long MAX_HEARTBEAT_MILLIS = 60_000;

    static final List<Check> ALL = List.of(
            new Check("heartbeats come, also while a task runs", LifeChecks::heartbeat),
            new Check("a goodbye comes before its end", LifeChecks::goodbye),
            new Check("it exits when it is told to stop", LifeChecks::stop),
            new Check("it exits when the connection ends", LifeChecks::disconnect),
            new Check("it exits when the connection ends in the middle of a task", LifeChecks::disconnectInTask));

    private LifeChecks() {}

    private static String heartbeat(Subject subject)
            throws FailedCheck, SkippedCheck, IOException, InterruptedException {
        long every = subject.hello().heartbeatMillis();
        if (every <= 0) {
            throw new SkippedCheck("it announces none");
        }
        if (every > MAX_HEARTBEAT_MILLIS) {
            throw new SkippedCheck("one in " + every + " ms is too seldom to wait for");
        }
        double seconds = every * 2.5 / 1000;
        int before = subject.worker().heartbeats();
        String task = subject.nextTask();
        subject.worker().send(Subject.run(task, subject.offered("sleep"), "[" + seconds + "]", "{}"));
        subject.answer(task, Subject.SOON.plusMillis(every * 3)).result();
        int beats = subject.worker().heartbeats() - before;
        if (beats < 2) {
            throw new FailedCheck(
                    beats + " heartbeats in " + seconds + " s, and it announces one every " + every + " ms");
        }
        return beats + " in " + seconds + " s";
    }

    private static String goodbye(Subject subject) throws FailedCheck, SkippedCheck, IOException, InterruptedException {
        String task = subject.nextTask();
        String callable = subject.offered("goodbye");
        Trial worker = subject.worker();
        worker.send(Subject.run(task, callable, "[]", "{}"));
        Message.FromWorker first = worker.next(Subject.SOON);
        if (!(first instanceof Message.FromWorker.Goodbye)) {
            throw new FailedCheck("instead of goodbye it sent " + first);
        }
        subject.answer(task, Subject.SOON).result();
        return ended(subject, worker, 0);
    }

    private static String stop(Subject subject) throws FailedCheck, IOException, InterruptedException {
        Trial worker = subject.worker();
        worker.send(new Message.ToWorker.Stop());
        return ended(subject, worker, 0);
    }

    private static String disconnect(Subject subject) throws FailedCheck, IOException, InterruptedException {
        Trial worker = subject.worker();
        worker.disconnect();
        return ended(subject, worker, -1);
    }

    private static String disconnectInTask(Subject subject)
            throws FailedCheck, SkippedCheck, IOException, InterruptedException {
        String task = subject.nextTask();
        Trial worker = subject.worker();
        worker.send(Subject.run(task, subject.offered("sleep"), "[600]", "{}"));
        subject.begun(task);
        worker.disconnect();
        return ended(subject, worker, -1);
    }

    /** Waits for its end; the code is of no interest where none is expected. */
    private static String ended(Subject subject, Trial worker, int code) throws FailedCheck, InterruptedException {
        long from = System.nanoTime();
        Exit exit = worker.exit(END_LIMIT);
        long millis = (System.nanoTime() - from) / 1_000_000;
        subject.discard();
        if (exit == null) {
            throw new FailedCheck("it still runs " + END_LIMIT.toSeconds() + " s later");
        }
        if (code >= 0 && !exit.isSuccess()) {
            throw new FailedCheck("it ended with " + exit.status());
        }
        return "after " + millis + " ms, " + exit.status();
    }
}
