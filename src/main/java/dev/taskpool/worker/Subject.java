package dev.taskpool.worker;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.callable.CallableSpec;
import dev.taskpool.callable.JsonValues;
import dev.taskpool.model.Json;
import dev.taskpool.process.Spawner;
import dev.taskpool.worker.Conformance.FailedCheck;
import dev.taskpool.worker.Conformance.SkippedCheck;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The worker under test: the same one from check to check, a new one after a check that ended it. For one thread. */
final class Subject implements AutoCloseable {
    /** What is quick must be done within this. */
    static final Duration SOON = Duration.ofSeconds(20);

    private static final String PREFIX = "conformance.";

    private final WorkerType type;
    private final Spawner spawner;
    private final Path sockets;
    private @Nullable Trial trial;
    private Message.FromWorker.@Nullable Hello hello;
    private int tasks;

    Subject(WorkerType type, Spawner spawner, Path sockets) {
        this.type = type;
        this.spawner = spawner;
        this.sockets = sockets;
    }

    /**
     * What a worker said about one task, in order.
     *
     * @param answer its result or error
     */
    record Answer(
            Message.FromWorker answer,
            List<Message.FromWorker.Output> output,
            List<Message.FromWorker.Progress> progress) {
        /** Returns the result, which an error is not. */
        JsonNode result() throws FailedCheck {
            return switch (answer) {
                case Message.FromWorker.Result(var _, Json result) -> JsonValues.tree(result);
                default -> throw new FailedCheck("instead of a result it sent " + brief(answer));
            };
        }

        Message.FromWorker.Failed error() throws FailedCheck {
            if (answer instanceof Message.FromWorker.Failed failed) {
                return failed;
            }
            throw new FailedCheck("instead of an error it sent " + brief(answer));
        }

        String text(boolean stderr) {
            StringBuilder text = new StringBuilder();
            output.stream().filter(o -> o.stderr() == stderr).forEach(o -> text.append(o.text()));
            return text.toString();
        }
    }

    /** Returns the worker, ready for a task. */
    Trial worker() throws IOException, InterruptedException {
        Trial present = trial;
        if (present == null) {
            present = Trial.start(type, spawner, sockets);
            trial = present;
            hello = present.hello();
        }
        return present;
    }

    Message.FromWorker.Hello hello() throws IOException, InterruptedException {
        worker();
        return java.util.Objects.requireNonNull(hello);
    }

    /** Ends the worker; the next check gets another. */
    void discard() {
        Trial old = trial;
        trial = null;
        hello = null;
        if (old != null) {
            try {
                old.close();
            } catch (IOException e) {
                // Its socket is left in a temporary folder; the finding is what counts.
                System.err.println("a worker's socket could not be removed: " + e.getMessage());
            }
        }
    }

    /** Returns the name of a conformance callable, which the worker must offer. */
    String offered(String name) throws SkippedCheck, IOException, InterruptedException {
        boolean there = Offers.read(hello().callables()).stream()
                .map(CallableSpec::name)
                .anyMatch((PREFIX + name)::equals);
        if (!there) {
            throw new SkippedCheck("it does not offer " + PREFIX + name);
        }
        return PREFIX + name;
    }

    static Message.ToWorker.Run run(String task, String callable, String args, String kwargs) {
        return new Message.ToWorker.Run(task, 1, callable, Json.ofValid(args), Json.ofValid(kwargs), 0);
    }

    String nextTask() {
        return "t_" + ++tasks;
    }

    /** Has a conformance callable run, and waits for its end. */
    Answer call(String name, String args, String kwargs)
            throws FailedCheck, SkippedCheck, IOException, InterruptedException {
        String callable = offered(name);
        String task = nextTask();
        worker().send(run(task, callable, args, kwargs));
        return answer(task, SOON);
    }

    Answer call(String name, String args) throws FailedCheck, SkippedCheck, IOException, InterruptedException {
        return call(name, args, "{}");
    }

    /** Waits for the end of a task. */
    Answer answer(String task, Duration limit) throws FailedCheck, IOException, InterruptedException {
        List<Message.FromWorker.Output> output = new ArrayList<>();
        List<Message.FromWorker.Progress> progress = new ArrayList<>();
        long end = System.nanoTime() + limit.toNanos();
        while (true) {
            Message.FromWorker next = next(end, limit);
            switch (next) {
                case Message.FromWorker.Output o when o.task().equals(task) -> output.add(o);
                case Message.FromWorker.Progress p when p.task().equals(task) -> progress.add(p);
                case Message.FromWorker.Settle s when s.task().equals(task) -> worker().settle();
                case Message.FromWorker.Result r
                when r.task().equals(task) -> {
                    return new Answer(r, output, progress);
                }
                case Message.FromWorker.Failed f
                when f.task().equals(task) -> {
                    return new Answer(f, output, progress);
                }
                default -> {
                    if (next.equals(Trial.OVERSIZED)) {
                        return new Answer(next, output, progress);
                    }
                    throw new FailedCheck("unasked it sent " + brief(next));
                }
            }
        }
    }

    /** Waits until a task that reports progress has begun. */
    void begun(String task) throws FailedCheck, IOException, InterruptedException {
        long end = System.nanoTime() + SOON.toNanos();
        Message.FromWorker next = next(end, SOON);
        if (!(next instanceof Message.FromWorker.Progress p && p.task().equals(task))) {
            throw new FailedCheck("instead of the progress of " + task + " it sent " + brief(next));
        }
    }

    private Message.FromWorker next(long endNanos, Duration limit)
            throws FailedCheck, IOException, InterruptedException {
        Message.FromWorker next = worker().next(Duration.ofNanos(Math.max(1, endNanos - System.nanoTime())));
        if (next == null) {
            throw new FailedCheck("it did not answer within " + limit.toMillis() + " ms");
        }
        if (next.equals(Trial.END)) {
            throw new FailedCheck("it was lost: " + worker().cause());
        }
        return next;
    }

    /** Says a message in words that fit a line. */
    static String brief(Message message) {
        String text = message.toString();
        return text.length() <= 300 ? text : text.substring(0, 300) + "…";
    }

    @Override
    public void close() {
        discard();
    }
}
