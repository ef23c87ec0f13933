package dev.taskpool.pool;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.callable.JsonValues;
import dev.taskpool.callable.Snooze;
import dev.taskpool.callable.TaskCallable;
import dev.taskpool.callable.TaskContext;
import dev.taskpool.model.Failure;
import dev.taskpool.model.FailureCode;
import dev.taskpool.model.Json;
import dev.taskpool.worker.Causes;
import java.io.BufferedOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.MDC;

/** Calls a Java callable and turns whatever comes of it into an ending. Never throws. Safe for all threads. */
public final class CallableInvoker {
    private final long maxResultBytes;
    private final boolean traces;

    /**
     * @param maxResultBytes a larger result fails its task
     * @param traces whether stack traces are shown to clients
     */
    public CallableInvoker(long maxResultBytes, boolean traces) {
        this.maxResultBytes = maxResultBytes;
        this.traces = traces;
    }

    Ending invoke(Run run, TaskCallable code) {
        Context context = new Context(run);
        Object value;
        // What the callable logs carries its task.
        MDC.put("task", run.id().toString());
        try {
            value = code.call(context);
        } catch (Snooze e) {
            context.flush();
            return new Ending.Snoozed(e.delayMillis(), run.output().close(null));
        } catch (Throwable e) {
            // Everything, errors too: the run must end for the engine, and an OutOfMemoryError of one task is its own.
            context.flush();
            return new Ending.Failed(failure(e), run.output().close(null));
        } finally {
            MDC.remove("task");
        }
        context.flush();
        try {
            Json result = JsonValues.json(value);
            if (result.size() > maxResultBytes) {
                return new Ending.Failed(
                        tooLarge(result.size(), maxResultBytes), run.output().close(null));
            }
            return new Ending.Returned(result, run.output().close(null));
        } catch (JsonProcessingException | RuntimeException | StackOverflowError e) {
            return new Ending.Failed(
                    Failure.of(
                            FailureCode.INVALID_RESULT,
                            "what " + run.spec().callable() + " returned cannot be written as JSON: " + firstLine(e)),
                    run.output().close(null));
        }
    }

    static Failure tooLarge(long size, long limit) {
        return Failure.of(
                FailureCode.RESULT_TOO_LARGE, "the result has " + size + " bytes; tasks.max_result_bytes is " + limit);
    }

    private Failure failure(Throwable e) {
        return new Failure(
                FailureCode.EXCEPTION,
                Causes.message(e),
                e.getClass().getName(),
                traces ? Causes.trace(e) : null,
                null,
                null,
                null,
                Causes.of(e));
    }

    private static String firstLine(Throwable e) {
        String message = String.valueOf(e.getMessage());
        int end = message.indexOf('\n');
        return end < 0 ? message : message.substring(0, end);
    }

    /** What the callable sees. Arguments are parsed when they are asked for; streams are made when they are. */
    private static final class Context implements TaskContext {
        private final Run run;
        // Confined to the threads of the run, which the callable orders.
        private @Nullable List<JsonNode> args;
        private @Nullable Map<String, JsonNode> kwargs;
        private @Nullable PrintStream stdout;
        private @Nullable PrintStream stderr;

        Context(Run run) {
            this.run = run;
        }

        @Override
        public List<JsonNode> args() {
            List<JsonNode> parsed = args;
            if (parsed == null) {
                parsed = JsonValues.list(run.spec().args());
                args = parsed;
            }
            return parsed;
        }

        @Override
        public Map<String, JsonNode> kwargs() {
            Map<String, JsonNode> parsed = kwargs;
            if (parsed == null) {
                parsed = JsonValues.map(run.spec().kwargs());
                kwargs = parsed;
            }
            return parsed;
        }

        @Override
        public String taskId() {
            return run.id().toString();
        }

        @Override
        public int attempt() {
            return run.attempt();
        }

        @Override
        public Optional<Instant> deadline() {
            return run.deadlineMillis() == 0
                    ? Optional.empty()
                    : Optional.of(Instant.ofEpochMilli(run.deadlineMillis()));
        }

        @Override
        public boolean cancelled() {
            return run.stopping();
        }

        @Override
        public boolean draining() {
            return run.draining();
        }

        @Override
        public synchronized PrintStream stdout() {
            PrintStream stream = stdout;
            if (stream == null) {
                stream = stream(false);
                stdout = stream;
            }
            return stream;
        }

        @Override
        public synchronized PrintStream stderr() {
            PrintStream stream = stderr;
            if (stream == null) {
                stream = stream(true);
                stderr = stream;
            }
            return stream;
        }

        @Override
        public void progress(double fraction, String message) {
            run.progress(fraction, message);
        }

        private PrintStream stream(boolean isStderr) {
            OutputStream sink = new OutputStream() {
                @Override
                public void write(int b) {
                    write(new byte[] {(byte) b}, 0, 1);
                }

                @Override
                public void write(byte[] bytes, int offset, int length) {
                    run.output().write(isStderr, bytes, offset, length);
                }
            };
            // Flushed at each end of line: readable while the task runs.
            return new PrintStream(new BufferedOutputStream(sink, 2048), true, StandardCharsets.UTF_8);
        }

        synchronized void flush() {
            if (stdout != null) {
                stdout.flush();
            }
            if (stderr != null) {
                stderr.flush();
            }
        }
    }
}
