package dev.taskpool.http;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.taskpool.model.Attempt;
import dev.taskpool.model.Callback;
import dev.taskpool.model.Failure;
import dev.taskpool.model.Json;
import dev.taskpool.model.Outcome;
import dev.taskpool.model.ProcessExit;
import dev.taskpool.model.RetryPolicy;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskSpec;
import dev.taskpool.model.TaskState;
import dev.taskpool.pool.Run;
import java.io.IOException;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Tasks as clients see them. An absent property means: not known, or does not apply. */
public final class TaskJson {
    private TaskJson() {}

    /** Returns the entity tag. What a run says of itself is shown and makes no revision, so it is in the tag. */
    static String etag(Task task, @Nullable Run run) {
        String shown = run != null && task.state() == TaskState.RUNNING
                ? "." + Integer.toHexString(Objects.hash(run.progress(), run.ignoredStopAt()))
                : "";
        return "\"" + task.id() + "." + task.revision() + shown + "\"";
    }

    /** Writes a task with arguments and result. */
    static void full(JsonGenerator out, Task task, @Nullable Run run) throws IOException {
        write(out, task, true, true, run);
    }

    /** Writes a task with its result and without its arguments, which who waited for it knows. */
    static void ended(JsonGenerator out, Task task) throws IOException {
        write(out, task, false, true, null);
    }

    /** Writes a task as lists have it: without arguments and result. */
    static void brief(JsonGenerator out, Task task) throws IOException {
        write(out, task, false, false, null);
    }

    /** Returns a task as JSON with arguments and result, as getTask answers it and callbacks carry it. */
    public static byte[] bytes(Task task, @Nullable Run run) {
        return JsonOut.bytes(out -> full(out, task, run));
    }

    private static void write(JsonGenerator out, Task task, boolean arguments, boolean result, @Nullable Run run)
            throws IOException {
        TaskSpec spec = task.spec();
        out.writeStartObject();
        out.writeStringField("id", task.id().toString());
        if (spec.key() != null && spec.key().callerId() != null) {
            out.writeStringField("caller_id", spec.key().callerId());
        }
        out.writeStringField("callable", spec.callable());
        if (arguments && spec.args() != null) {
            JsonOut.raw(out, "args", spec.args());
        }
        if (arguments && spec.kwargs() != null) {
            JsonOut.raw(out, "kwargs", spec.kwargs());
        }
        if (arguments) {
            FilesJson.inputs(out, spec.surroundings().files());
        }
        out.writeStringField("pool", spec.pool());
        out.writeStringField("state", task.state().name());
        out.writeBooleanField("done", task.done());
        switch (task.outcome()) {
            case null -> {}
            case Outcome.Succeeded(Json value) -> {
                if (result) {
                    JsonOut.raw(out, "result", value);
                }
            }
            case Outcome.Failed(Failure failure) -> {
                out.writeFieldName("error");
                failure(out, failure);
            }
            case Outcome.Cancelled() -> {}
        }
        if (!spec.labels().isEmpty()) {
            out.writeObjectFieldStart("labels");
            for (Map.Entry<String, String> label : spec.labels().entrySet()) {
                out.writeStringField(label.getKey(), label.getValue());
            }
            out.writeEndObject();
        }
        if (spec.batch() != null) {
            out.writeStringField("batch_id", spec.batch().toString());
            out.writeNumberField("batch_index", spec.batchIndex());
        }
        if (spec.timeoutMillis() != null) {
            out.writeNumberField("timeout_ms", spec.timeoutMillis());
        }
        number(out, "queue_timeout_ms", spec.queueTimeoutMillis());
        LimitsJson.write(out, "limits", spec.surroundings().limits());
        if (spec.priority() != 0) {
            out.writeNumberField("priority", spec.priority());
        }
        if (spec.maxAttempts() != 1) {
            out.writeNumberField("max_attempts", spec.maxAttempts());
        }
        if (!spec.retry().equals(RetryPolicy.DEFAULT)) {
            RetryJson.write(out, spec.retry());
        }
        if (task.attempt() > 0) {
            out.writeNumberField("attempt", task.attempt());
        }
        if (task.snoozes() > 0) {
            out.writeNumberField("snoozes", task.snoozes());
        }
        if (result && !task.history().isEmpty()) {
            attempts(out, task);
        }
        times(out, task);
        output(out, task);
        if (result) {
            FilesJson.artifacts(out, task.output().artifacts());
        }
        callback(out, task);
        if (run != null && task.state() == TaskState.RUNNING) {
            running(out, run);
        }
        out.writeNumberField("revision", task.revision());
        out.writeEndObject();
    }

    /** What only the run under way knows. */
    private static void running(JsonGenerator out, Run run) throws IOException {
        Run.Progress progress = run.progress();
        if (progress != null) {
            out.writeObjectFieldStart("progress");
            out.writeNumberField("fraction", progress.fraction());
            out.writeStringField("message", progress.message());
            out.writeEndObject();
        }
        instant(out, "interrupt_ignored_at", run.ignoredStopAt());
    }

    private static void attempts(JsonGenerator out, Task task) throws IOException {
        out.writeArrayFieldStart("earlier_attempts");
        for (Attempt each : task.history()) {
            out.writeStartObject();
            out.writeNumberField("attempt", each.number());
            out.writeStringField("ended", each.how().name());
            instant(out, "started_at", each.startedAt());
            instant(out, "ended_at", each.endedAt());
            out.writeNumberField("run_ms", each.runMillis());
            if (each.failure() != null) {
                out.writeFieldName("error");
                failure(out, each.failure());
            }
            out.writeEndObject();
        }
        out.writeEndArray();
    }

    private static void times(JsonGenerator out, Task task) throws IOException {
        instant(out, "created_at", task.createdAt());
        instant(out, "not_before", task.notBefore());
        instant(out, "deadline_at", task.deadline());
        instant(out, "started_at", task.startedAt());
        instant(out, "finished_at", task.finishedAt());
        instant(out, "cancel_requested_at", task.cancelRequestedAt());
        instant(out, "expires_at", task.expiresAt());
        if (task.startedAt() > 0) {
            out.writeNumberField("queued_ms", Math.max(0, task.startedAt() - task.createdAt()));
            if (task.done()) {
                out.writeNumberField("run_ms", task.runMillis());
            }
        }
    }

    static void instant(JsonGenerator out, String name, long millis) throws IOException {
        if (millis > 0) {
            out.writeStringField(name, Instants.text(millis));
        }
    }

    private static void output(JsonGenerator out, Task task) throws IOException {
        Task.Output output = task.output();
        if (output.exitCode() != null) {
            out.writeNumberField("exit_code", output.exitCode());
        }
        if (output.stdoutBytes() > 0 || output.stderrBytes() > 0 || output.truncated() || output.exitCode() != null) {
            out.writeNumberField("stdout_bytes", output.stdoutBytes());
            out.writeNumberField("stderr_bytes", output.stderrBytes());
            if (output.stdoutDropped() > 0) {
                out.writeNumberField("stdout_dropped_bytes", output.stdoutDropped());
            }
            if (output.stderrDropped() > 0) {
                out.writeNumberField("stderr_dropped_bytes", output.stderrDropped());
            }
            out.writeBooleanField("output_truncated", output.truncated());
        }
        if (output.exit() != null) {
            exit(out, output.exit());
        }
    }

    private static void exit(JsonGenerator out, ProcessExit exit) throws IOException {
        out.writeObjectFieldStart("exit");
        if (exit.code() != null) {
            out.writeNumberField("code", exit.code());
        }
        if (exit.signal() != null) {
            out.writeStringField("signal", exit.signal());
        }
        out.writeStringField("cause", exit.cause());
        out.writeNumberField("wall_ms", exit.wallMillis());
        number(out, "user_cpu_ms", exit.userCpuMillis());
        number(out, "system_cpu_ms", exit.systemCpuMillis());
        number(out, "peak_memory_bytes", exit.peakMemoryBytes());
        out.writeEndObject();
    }

    private static void number(JsonGenerator out, String name, @Nullable Long value) throws IOException {
        if (value != null) {
            out.writeNumberField(name, value);
        }
    }

    private static void callback(JsonGenerator out, Task task) throws IOException {
        String url = task.spec().callbackUrl();
        if (url != null && !task.callbacks().isEmpty()) {
            // It is the first of them.
            Callback callback = task.callbacks().all().getFirst();
            out.writeObjectFieldStart("callback");
            out.writeStringField("url", url);
            out.writeBooleanField("delivered", callback.state() == Callback.State.DELIVERED);
            out.writeNumberField("attempts", callback.attempts());
            if (callback.lastStatus() > 0) {
                out.writeNumberField("last_status", callback.lastStatus());
            }
            out.writeEndObject();
        }
    }

    static void failure(JsonGenerator out, Failure failure) throws IOException {
        out.writeStartObject();
        out.writeStringField("code", failure.code());
        out.writeStringField("message", failure.message());
        if (failure.exceptionType() != null) {
            out.writeStringField("exception_type", failure.exceptionType());
        }
        if (failure.trace() != null) {
            out.writeStringField("trace", failure.trace());
        }
        if (!failure.causes().isEmpty()) {
            out.writeArrayFieldStart("causes");
            for (Failure.Cause cause : failure.causes()) {
                cause(out, cause);
            }
            out.writeEndArray();
        }
        if (failure.data() != null) {
            JsonOut.raw(out, "data", failure.data());
        }
        if (failure.exitCode() != null) {
            out.writeNumberField("exit_code", failure.exitCode());
        }
        if (failure.signal() != null) {
            out.writeStringField("signal", failure.signal());
        }
        out.writeEndObject();
    }

    private static void cause(JsonGenerator out, Failure.Cause cause) throws IOException {
        out.writeStartObject();
        if (cause.exceptionType() != null) {
            out.writeStringField("exception_type", cause.exceptionType());
        }
        out.writeStringField("message", cause.message());
        if (cause.trace() != null) {
            out.writeStringField("trace", cause.trace());
        }
        out.writeEndObject();
    }
}
