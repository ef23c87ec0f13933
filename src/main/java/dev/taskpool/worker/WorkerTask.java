package dev.taskpool.worker;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.callable.JsonValues;
import dev.taskpool.callable.TaskContext;
import java.io.PrintStream;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A task in a Java worker, as its callable sees it. Arguments are parsed when they are asked for. */
final class WorkerTask implements TaskContext {
    private final Message.ToWorker.Run run;
    private final Outbox outbox;
    private final PrintStream stdout;
    private final PrintStream stderr;
    // Written by the thread that reads, read by the task's.
    private volatile boolean cancelled;
    private volatile boolean draining;
    // Confined to the threads of the task, which the callable orders.
    private @Nullable List<JsonNode> args;
    private @Nullable Map<String, JsonNode> kwargs;

    WorkerTask(Message.ToWorker.Run run, Outbox outbox, PrintStream stdout, PrintStream stderr, boolean draining) {
        this.run = run;
        this.outbox = outbox;
        this.stdout = stdout;
        this.stderr = stderr;
        this.draining = draining;
    }

    Message.ToWorker.Run run() {
        return run;
    }

    void cancel() {
        cancelled = true;
    }

    void drain() {
        draining = true;
    }

    @Override
    public List<JsonNode> args() {
        List<JsonNode> parsed = args;
        if (parsed == null) {
            parsed = JsonValues.list(run.args());
            args = parsed;
        }
        return parsed;
    }

    @Override
    public Map<String, JsonNode> kwargs() {
        Map<String, JsonNode> parsed = kwargs;
        if (parsed == null) {
            parsed = JsonValues.map(run.kwargs());
            kwargs = parsed;
        }
        return parsed;
    }

    @Override
    public String taskId() {
        return run.task();
    }

    @Override
    public int attempt() {
        return run.attempt();
    }

    @Override
    public Optional<Instant> deadline() {
        return run.deadlineMillis() == 0 ? Optional.empty() : Optional.of(Instant.ofEpochMilli(run.deadlineMillis()));
    }

    @Override
    public boolean cancelled() {
        return cancelled;
    }

    @Override
    public boolean draining() {
        return draining;
    }

    @Override
    public PrintStream stdout() {
        return stdout;
    }

    @Override
    public PrintStream stderr() {
        return stderr;
    }

    @Override
    public void progress(double fraction, String message) {
        outbox.put(new Message.FromWorker.Progress(
                run.task(), Double.isNaN(fraction) ? 0 : Math.clamp(fraction, 0, 1), message));
    }
}
