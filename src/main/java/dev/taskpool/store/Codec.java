package dev.taskpool.store;

import dev.taskpool.model.Artifacts;
import dev.taskpool.model.Attempt;
import dev.taskpool.model.Batch;
import dev.taskpool.model.BatchId;
import dev.taskpool.model.BatchPart;
import dev.taskpool.model.Callbacks;
import dev.taskpool.model.Failure;
import dev.taskpool.model.FailureMatch;
import dev.taskpool.model.IdempotencyKey;
import dev.taskpool.model.InputFile;
import dev.taskpool.model.Json;
import dev.taskpool.model.Limits;
import dev.taskpool.model.OnLost;
import dev.taskpool.model.Outcome;
import dev.taskpool.model.ProcessExit;
import dev.taskpool.model.RetryPolicy;
import dev.taskpool.model.Surroundings;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import dev.taskpool.model.TaskSpec;
import dev.taskpool.model.TaskState;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The bytes of changes, for the journal and for H2's columns. A task is two parts: its spec, written once, and its
 * progress, written with every change. Numbers that stand for enums are the codec's own and never change.
 */
final class Codec {
    /** No change: only there to see whether the journal takes writes. */
    static final int NOTHING = 0;

    private static final int TASK_CREATED = 1;
    private static final int TASK_CHANGED = 2;
    private static final int TASK_DELETED = 3;
    private static final int BATCH_SAVED = 4;
    private static final int POOL_SAVED = 5;
    private static final int POOL_DELETED = 6;
    private static final int CALLBACKS_CHANGED = 10;

    /** As TASK_CHANGED, and it ran in between. */
    private static final int TASK_RAN = 20;

    /** As TASK_CHANGED, and it was done already. */
    private static final int CALLBACKS_BEGUN = 21;

    private static final int BATCH_COUNTED = 9;
    private static final int PART_ADDED = 7;
    private static final int BATCH_DELETED = 8;

    /** Bits of an output's flags. */
    private static final int TRUNCATED = 1;

    private static final int DROPPED = 2;

    private static final int EXIT = 4;

    private static final int ARTIFACTS = 8;

    /** Bits of what stands at the end of a spec. */
    private static final int KEY = 1;

    private static final int LIMITS = 2;
    private static final int CALLER_ID = 16;

    private static final int SCRATCH = 4;

    private static final int FILES = 8;

    /** A longer failure is shortened where it stands in a list. */
    private static final int BRIEF_CHARS = 4 << 10;

    private Codec() {}

    static void write(Change change, Bytes out) {
        switch (change) {
            case Change.TaskCreated(Task task) -> {
                out.putByte(TASK_CREATED);
                id(task.id(), out);
                spec(task.spec(), out);
                progress(task, out);
                callbacks(task, out);
            }
            case Change.TaskChanged(Task task, boolean ran) -> {
                out.putByte(ran ? TASK_RAN : TASK_CHANGED);
                id(task.id(), out);
                progress(task, out);
                callbacks(task, out);
            }
            case Change.CallbacksBegun(Task task) -> {
                out.putByte(CALLBACKS_BEGUN);
                id(task.id(), out);
                progress(task, out);
                callbacks(task, out);
            }
            case Change.CallbacksChanged(Task task) -> {
                out.putByte(CALLBACKS_CHANGED);
                id(task.id(), out);
                out.putLong(task.revision());
                CallbackCodec.all(task.callbacks(), out);
            }
            case Change.TaskDeleted(TaskId id) -> {
                out.putByte(TASK_DELETED);
                id(id, out);
            }
            case Change.BatchSaved(Batch batch) -> {
                out.putByte(BATCH_SAVED);
                BatchCodec.whole(batch, out);
            }
            case Change.BatchCounted(Batch batch) -> {
                out.putByte(BATCH_COUNTED);
                BatchCodec.batch(batch, out);
            }
            case Change.PartAdded(BatchPart part) -> {
                out.putByte(PART_ADDED);
                BatchCodec.part(part, out);
            }
            case Change.BatchDeleted(BatchId id) -> {
                out.putByte(BATCH_DELETED);
                out.putFixed(id.sequence());
                out.putFixed(id.nonce());
            }
            case Change.PoolSaved(Change.StoredPool pool) -> {
                out.putByte(POOL_SAVED);
                PoolCodec.pool(pool, out);
            }
            case Change.PoolDeleted(String name) -> {
                out.putByte(POOL_DELETED);
                out.putString(name);
            }
        }
    }

    /** In the journal, callbacks stand behind the task; in H2 they have rows of their own. */
    private static void callbacks(Task task, Bytes out) {
        if (!task.callbacks().isEmpty()) {
            CallbackCodec.all(task.callbacks(), out);
        }
    }

    private static Task callbacks(Task task, boolean any, Bytes.Reader in) {
        return any ? task.withCallbacks(CallbackCodec.all(in), task.revision()) : task;
    }

    /** Gets a task as an earlier frame or H2 has it. */
    @FunctionalInterface
    interface Tasks {
        @Nullable
        Task of(TaskId id);
    }

    /** A task without its callbacks, and whether it has any. */
    record Progress(Task task, boolean callbacks) {}

    /** Returns the next change, or null where it is none, or of a task that is gone since. A counted batch comes without callbacks. */
    static @Nullable Change read(Bytes.Reader in, Tasks tasks) {
        int kind = in.readByte();
        return switch (kind) {
            case NOTHING -> null;
            case TASK_CREATED -> {
                TaskId id = id(in);
                TaskSpec spec = spec(in);
                Progress progress = progress(id, spec, in);
                yield new Change.TaskCreated(callbacks(progress.task, progress.callbacks, in));
            }
            case TASK_CHANGED, TASK_RAN, CALLBACKS_BEGUN -> {
                TaskId id = id(in);
                Task before = tasks.of(id);
                // Read on in any case: the next change begins behind it.
                Progress progress = progress(id, before == null ? NO_SPEC : before.spec(), in);
                Task task = callbacks(progress.task, progress.callbacks, in);
                if (before == null) {
                    yield null;
                }
                yield kind == CALLBACKS_BEGUN
                        ? new Change.CallbacksBegun(task)
                        : new Change.TaskChanged(task, kind == TASK_RAN);
            }
            case CALLBACKS_CHANGED -> {
                Task before = tasks.of(id(in));
                long revision = in.readLong();
                Callbacks callbacks = CallbackCodec.all(in);
                yield before == null ? null : new Change.CallbacksChanged(before.withCallbacks(callbacks, revision));
            }
            case TASK_DELETED -> new Change.TaskDeleted(id(in));
            case BATCH_SAVED -> new Change.BatchSaved(BatchCodec.whole(in));
            case BATCH_COUNTED -> new Change.BatchCounted(BatchCodec.batch(in).batch());
            case PART_ADDED -> new Change.PartAdded(BatchCodec.part(in));
            case BATCH_DELETED -> new Change.BatchDeleted(new BatchId(in.readFixed(), in.readFixed()));
            case POOL_SAVED -> new Change.PoolSaved(PoolCodec.pool(in));
            case POOL_DELETED -> new Change.PoolDeleted(in.readString());
            default -> throw new IllegalStateException("unknown kind of change in the journal: " + kind);
        };
    }

    private static final TaskSpec NO_SPEC = new TaskSpec(
            "",
            null,
            null,
            "",
            null,
            null,
            0,
            0,
            1,
            RetryPolicy.DEFAULT,
            null,
            OnLost.FAIL,
            Map.of(),
            null,
            0,
            null,
            null);

    private static void id(TaskId id, Bytes out) {
        out.putFixed(id.sequence());
        out.putFixed(id.nonce());
    }

    private static TaskId id(Bytes.Reader in) {
        return new TaskId(in.readFixed(), in.readFixed());
    }

    static void spec(TaskSpec spec, Bytes out) {
        out.putString(spec.callable());
        out.putOptional(spec.args());
        out.putOptional(spec.kwargs());
        out.putString(spec.pool());
        out.putOptional(spec.timeoutMillis());
        out.putOptional(spec.queueTimeoutMillis());
        out.putLong(spec.delayMillis());
        out.putByte(spec.priority());
        out.putByte(spec.maxAttempts());
        retry(spec.retry(), out);
        out.putOptional(spec.deadlineMillis());
        out.putByte(spec.onLost() == OnLost.FAIL ? 0 : 1);
        out.putLong(spec.labels().size());
        for (Map.Entry<String, String> label : spec.labels().entrySet()) {
            out.putString(label.getKey());
            out.putString(label.getValue());
        }
        BatchId batch = spec.batch();
        out.putByte(batch == null ? 0 : 1);
        if (batch != null) {
            out.putFixed(batch.sequence());
            out.putFixed(batch.nonce());
            out.putLong(spec.batchIndex());
        }
        out.putOptional(spec.callbackUrl());
        IdempotencyKey key = spec.key();
        Limits limits = spec.surroundings().limits();
        List<InputFile> files = spec.surroundings().files();
        String callerId = key == null ? null : key.callerId();
        out.putByte((key == null ? 0 : KEY)
                | (callerId == null ? 0 : CALLER_ID)
                | (limits.isNone() ? 0 : LIMITS)
                | (limits.scratchBytes() == null ? 0 : SCRATCH)
                | (files.isEmpty() ? 0 : FILES));
        if (key != null) {
            out.putString(key.keyHash());
            out.putString(key.bodyHash());
        }
        if (callerId != null) {
            out.putString(callerId);
        }
        if (!limits.isNone()) {
            limits(limits, out);
        }
        if (limits.scratchBytes() != null) {
            out.putLong(limits.scratchBytes());
        }
        if (!files.isEmpty()) {
            FilesCodec.inputs(files, out);
        }
    }

    static TaskSpec spec(Bytes.Reader in) {
        String callable = in.readString();
        Json args = in.readOptionalJson();
        Json kwargs = in.readOptionalJson();
        String pool = in.readString();
        Long timeout = in.readOptionalLong();
        Long queueTimeout = in.readOptionalLong();
        long delay = in.readLong();
        int priority = in.readByte();
        int maxAttempts = in.readByte();
        RetryPolicy retry = retry(in);
        Long deadline = in.readOptionalLong();
        OnLost onLost = in.readByte() == 0 ? OnLost.FAIL : OnLost.RETRY;
        int labelCount = in.readInt();
        Map<String, String> labels = labelCount == 0 ? Map.of() : new LinkedHashMap<>();
        for (int i = 0; i < labelCount; i++) {
            labels.put(in.readString(), in.readString());
        }
        BatchId batch = null;
        int index = 0;
        if (in.readByte() != 0) {
            batch = new BatchId(in.readFixed(), in.readFixed());
            index = in.readInt();
        }
        String callback = in.readOptionalString();
        int flags = in.readByte();
        IdempotencyKey key = (flags & KEY) == 0
                ? null
                : new IdempotencyKey(
                        in.readString(), in.readString(), (flags & CALLER_ID) == 0 ? null : in.readString());
        Limits limits = (flags & LIMITS) == 0 ? Limits.NONE : limits(in);
        limits = (flags & SCRATCH) == 0 ? limits : scratch(limits, in.readLong());
        List<InputFile> files = (flags & FILES) == 0 ? List.of() : FilesCodec.inputs(in);
        return new TaskSpec(
                callable,
                args,
                kwargs,
                pool,
                timeout,
                queueTimeout,
                delay,
                priority,
                maxAttempts,
                retry,
                deadline,
                onLost,
                labels,
                batch,
                index,
                callback,
                key,
                limits.isNone() && files.isEmpty() ? Surroundings.NONE : new Surroundings(limits, files));
    }

    /** It came later than the others, so it stands apart from them. */
    static Limits scratch(Limits others, @Nullable Long bytes) {
        return new Limits(
                others.memoryBytes(),
                others.cpuMillis(),
                others.openFiles(),
                others.processes(),
                others.fileSizeBytes(),
                bytes);
    }

    static void limits(Limits limits, Bytes out) {
        out.putOptional(limits.memoryBytes());
        out.putOptional(limits.cpuMillis());
        out.putOptional(limits.openFiles());
        out.putOptional(limits.processes());
        out.putOptional(limits.fileSizeBytes());
    }

    static Limits limits(Bytes.Reader in) {
        return new Limits(
                in.readOptionalLong(),
                in.readOptionalLong(),
                in.readOptionalLong(),
                in.readOptionalLong(),
                in.readOptionalLong());
    }

    /** Returns a task as lists have it: without arguments and result, and of an error without what may be long. */
    static Task brief(Task task) {
        return new Task(
                task.id(),
                brief(task.spec()),
                task.state(),
                task.revision(),
                task.attempt(),
                task.lost(),
                task.createdAt(),
                task.notBefore(),
                task.front(),
                task.startedAt(),
                task.finishedMicros(),
                task.cancelRequestedAt(),
                task.expiresAt(),
                task.runMillis(),
                brief(task.outcome()),
                task.output().withoutArtifacts(),
                task.callbacks().brief(),
                List.of(),
                task.snoozes());
    }

    private static TaskSpec brief(TaskSpec spec) {
        return new TaskSpec(
                spec.callable(),
                null,
                null,
                spec.pool(),
                spec.timeoutMillis(),
                spec.queueTimeoutMillis(),
                spec.delayMillis(),
                spec.priority(),
                spec.maxAttempts(),
                spec.retry(),
                spec.deadlineMillis(),
                spec.onLost(),
                spec.labels(),
                spec.batch(),
                spec.batchIndex(),
                spec.callbackUrl(),
                spec.key(),
                spec.surroundings().brief());
    }

    private static @Nullable Outcome brief(@Nullable Outcome outcome) {
        return switch (outcome) {
            case null -> null;
            case Outcome.Succeeded succeeded -> new Outcome.Succeeded(Json.NULL);
            case Outcome.Failed(Failure f)
            when !f.causes().isEmpty() || length(f.message()) + length(f.trace()) + size(f.data()) > BRIEF_CHARS ->
                new Outcome.Failed(new Failure(
                        f.code(),
                        f.message()
                                .substring(0, Math.min(BRIEF_CHARS, f.message().length())),
                        f.exceptionType(),
                        null,
                        null,
                        f.exitCode(),
                        f.signal()));
            case Outcome.Failed failed -> failed;
            case Outcome.Cancelled cancelled -> cancelled;
        };
    }

    private static int length(@Nullable String text) {
        return text == null ? 0 : text.length();
    }

    private static int size(@Nullable Json json) {
        return json == null ? 0 : json.size();
    }

    static void progress(Task task, Bytes out) {
        out.putByte(code(task.state()));
        out.putLong(task.revision());
        out.putLong(task.attempt());
        out.putLong(task.lost());
        out.putLong(task.createdAt());
        out.putLong(task.notBefore());
        out.putByte(task.front() ? 1 : 0);
        out.putLong(task.startedAt());
        out.putLong(task.finishedMicros());
        out.putLong(task.cancelRequestedAt());
        out.putLong(task.expiresAt());
        out.putLong(task.runMillis());
        outcome(task.outcome(), out);
        Task.Output output = task.output();
        boolean wrote = !output.equals(Task.Output.NONE);
        out.putByte(wrote ? 1 : 0);
        if (wrote) {
            out.putLong(output.stdoutBytes());
            out.putLong(output.stderrBytes());
            boolean dropped = output.stdoutDropped() > 0 || output.stderrDropped() > 0;
            out.putByte((output.truncated() ? TRUNCATED : 0)
                    | (dropped ? DROPPED : 0)
                    | (output.exit() != null ? EXIT : 0)
                    | (output.artifacts().equals(Artifacts.NONE) ? 0 : ARTIFACTS));
            if (dropped) {
                out.putLong(output.stdoutDropped());
                out.putLong(output.stderrDropped());
            }
            out.putOptional(output.exitCode());
            if (output.exit() != null) {
                exit(output.exit(), out);
            }
            if (!output.artifacts().equals(Artifacts.NONE)) {
                FilesCodec.artifacts(output.artifacts(), out);
            }
        }
        out.putByte(task.callbacks().isEmpty() ? 0 : 1);
        out.putLong(task.snoozes());
        out.putLong(task.history().size());
        task.history().forEach(each -> attempt(each, out));
    }

    private static void retry(RetryPolicy retry, Bytes out) {
        boolean usual = retry.equals(RetryPolicy.DEFAULT);
        out.putByte(usual ? 0 : 1);
        if (!usual) {
            out.putLong(retry.delayMillis());
            out.putFixed(Double.doubleToLongBits(retry.factor()));
            out.putLong(retry.maxDelayMillis());
            out.putFixed(Double.doubleToLongBits(retry.jitter()));
            matches(retry.on(), out);
            matches(retry.except(), out);
        }
    }

    private static void matches(List<FailureMatch> matches, Bytes out) {
        out.putLong(matches.size());
        matches.forEach(each -> out.putString(each.text()));
    }

    private static RetryPolicy retry(Bytes.Reader in) {
        return in.readByte() == 0
                ? RetryPolicy.DEFAULT
                : new RetryPolicy(
                        in.readLong(),
                        Double.longBitsToDouble(in.readFixed()),
                        in.readLong(),
                        Double.longBitsToDouble(in.readFixed()),
                        matches(in),
                        matches(in));
    }

    private static List<FailureMatch> matches(Bytes.Reader in) {
        List<FailureMatch> all = new ArrayList<>();
        for (int left = in.readInt(); left > 0; left--) {
            all.add(FailureMatch.parse(in.readString()));
        }
        return all;
    }

    private static void attempt(Attempt attempt, Bytes out) {
        out.putLong(attempt.number());
        out.putLong(attempt.startedAt());
        out.putLong(attempt.endedAt());
        out.putLong(attempt.runMillis());
        out.putByte(
                switch (attempt.how()) {
                    case FAILED -> 1;
                    case LOST -> 2;
                });
        Failure failure = attempt.failure();
        out.putByte(failure == null ? 0 : 1);
        if (failure != null) {
            failure(failure, out);
        }
    }

    private static Attempt attempt(Bytes.Reader in) {
        return new Attempt(
                in.readInt(),
                in.readLong(),
                in.readLong(),
                in.readLong(),
                in.readByte() == 1 ? Attempt.Ended.FAILED : Attempt.Ended.LOST,
                in.readByte() == 0 ? null : failure(in));
    }

    private static void failure(Failure failure, Bytes out) {
        out.putString(failure.code());
        out.putString(failure.message());
        out.putOptional(failure.exceptionType());
        out.putOptional(failure.trace());
        out.putOptional(failure.data());
        out.putOptional(failure.exitCode());
        out.putOptional(failure.signal());
        causes(failure.causes(), out);
    }

    private static Failure failure(Bytes.Reader in) {
        return new Failure(
                in.readString(),
                in.readString(),
                in.readOptionalString(),
                in.readOptionalString(),
                in.readOptionalJson(),
                in.readOptionalInt(),
                in.readOptionalString(),
                causes(in));
    }

    static Progress progress(TaskId id, TaskSpec spec, Bytes.Reader in) {
        TaskState state = state(in.readByte());
        long revision = in.readLong();
        int attempt = in.readInt();
        int lost = in.readInt();
        long createdAt = in.readLong();
        long notBefore = in.readLong();
        boolean front = in.readByte() != 0;
        long startedAt = in.readLong();
        long finishedMicros = in.readLong();
        long cancelRequestedAt = in.readLong();
        long expiresAt = in.readLong();
        long runMillis = in.readLong();
        Outcome outcome = outcome(in);
        Task.Output output = in.readByte() == 0 ? Task.Output.NONE : output(in);
        boolean callbacks = in.readByte() != 0;
        int snoozes = in.readInt();
        List<Attempt> attempts = new ArrayList<>();
        for (int left = in.readInt(); left > 0; left--) {
            attempts.add(attempt(in));
        }
        Task task = new Task(
                id,
                spec,
                state,
                revision,
                attempt,
                lost,
                createdAt,
                notBefore,
                front,
                startedAt,
                finishedMicros,
                cancelRequestedAt,
                expiresAt,
                runMillis,
                outcome,
                output,
                Callbacks.NONE,
                List.copyOf(attempts),
                snoozes);
        return new Progress(task, callbacks);
    }

    private static Task.Output output(Bytes.Reader in) {
        long stdout = in.readLong();
        long stderr = in.readLong();
        int flags = in.readByte();
        boolean dropped = (flags & DROPPED) != 0;
        long stdoutDropped = dropped ? in.readLong() : 0;
        long stderrDropped = dropped ? in.readLong() : 0;
        Integer exitCode = in.readOptionalInt();
        ProcessExit exit = (flags & EXIT) == 0 ? null : exit(in);
        Artifacts artifacts = (flags & ARTIFACTS) == 0 ? Artifacts.NONE : FilesCodec.artifacts(in);
        return new Task.Output(
                stdout, stderr, stdoutDropped, stderrDropped, (flags & TRUNCATED) != 0, exitCode, exit, artifacts);
    }

    private static void exit(ProcessExit exit, Bytes out) {
        out.putOptional(exit.code());
        out.putOptional(exit.signal());
        out.putString(exit.cause());
        out.putLong(exit.wallMillis());
        out.putOptional(exit.userCpuMillis());
        out.putOptional(exit.systemCpuMillis());
        out.putOptional(exit.peakMemoryBytes());
    }

    private static ProcessExit exit(Bytes.Reader in) {
        return new ProcessExit(
                in.readOptionalInt(),
                in.readOptionalString(),
                in.readString(),
                in.readLong(),
                in.readOptionalLong(),
                in.readOptionalLong(),
                in.readOptionalLong());
    }

    private static void outcome(@Nullable Outcome outcome, Bytes out) {
        switch (outcome) {
            case null -> out.putByte(0);
            case Outcome.Succeeded(Json result) -> {
                out.putByte(1);
                out.putBytes(result.utf8());
            }
            case Outcome.Failed(Failure failure) -> {
                out.putByte(2);
                failure(failure, out);
            }
            case Outcome.Cancelled() -> out.putByte(3);
        }
    }

    private static @Nullable Outcome outcome(Bytes.Reader in) {
        int kind = in.readByte();
        return switch (kind) {
            case 0 -> null;
            case 1 -> new Outcome.Succeeded(Json.ofValid(in.readBytes()));
            case 2 -> new Outcome.Failed(failure(in));
            case 3 -> new Outcome.Cancelled();
            default -> throw new IllegalStateException("unknown kind of outcome in the store: " + kind);
        };
    }

    private static void causes(List<Failure.Cause> causes, Bytes out) {
        out.putByte(causes.size());
        for (Failure.Cause cause : causes) {
            out.putOptional(cause.exceptionType());
            out.putString(cause.message());
            out.putOptional(cause.trace());
        }
    }

    private static List<Failure.Cause> causes(Bytes.Reader in) {
        List<Failure.Cause> causes = new ArrayList<>();
        for (int left = in.readByte(); left > 0; left--) {
            causes.add(new Failure.Cause(in.readOptionalString(), in.readString(), in.readOptionalString()));
        }
        return causes;
    }

    static int code(TaskState state) {
        return switch (state) {
            case PENDING -> 1;
            case RUNNING -> 2;
            case SUCCEEDED -> 3;
            case FAILED -> 4;
            case CANCELLED -> 5;
        };
    }

    static TaskState state(int code) {
        return switch (code) {
            case 1 -> TaskState.PENDING;
            case 2 -> TaskState.RUNNING;
            case 3 -> TaskState.SUCCEEDED;
            case 4 -> TaskState.FAILED;
            case 5 -> TaskState.CANCELLED;
            default -> throw new IllegalStateException("unknown state in the store: " + code);
        };
    }
}
