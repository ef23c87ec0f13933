package dev.taskpool.http;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.taskpool.callable.CallableSpec;
import dev.taskpool.callable.JsonValues;
import dev.taskpool.callable.Registered;
import dev.taskpool.callable.Registry;
import dev.taskpool.engine.Drain;
import dev.taskpool.engine.Engine;
import dev.taskpool.model.PoolKind;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import java.io.IOException;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;

/** The service itself: what it can run, how it is, its drain. */
final class ServiceHandlers {
    static final String API_VERSION = "1.0.0";

    private final Engine engine;
    private final Registry registry;
    private final HttpOptions options;
    private volatile boolean stopping;

    ServiceHandlers(Engine engine, Registry registry, HttpOptions options) {
        this.engine = engine;
        this.registry = registry;
        this.options = options;
    }

    /** From now on it is not ready, and the drain cannot be taken back. */
    void stopping() {
        stopping = true;
    }

    CompletableFuture<Reply> callables(Exchange exchange) {
        return CompletableFuture.completedFuture(() -> Answer.json(200, out -> {
            out.writeStartObject();
            out.writeArrayFieldStart("items");
            for (Registered each : registry.all()) {
                if (exchange.caller().mayRun(each.spec().name())) {
                    write(out, each);
                }
            }
            out.writeEndArray();
            out.writeEndObject();
        }));
    }

    private static void write(JsonGenerator out, Registered callable) throws IOException {
        CallableSpec spec = callable.spec();
        out.writeStartObject();
        out.writeStringField("name", spec.name());
        out.writeStringField("description", spec.description());
        out.writeArrayFieldStart("pool_kinds");
        for (PoolKind kind : spec.poolKinds().stream().sorted().toList()) {
            out.writeString(kind.name());
        }
        out.writeEndArray();
        if (!callable.workerTypes().isEmpty()) {
            out.writeArrayFieldStart("worker_types");
            for (String type : callable.workerTypes().stream().sorted().toList()) {
                out.writeString(type);
            }
            out.writeEndArray();
        }
        out.writeStringField("on_lost", spec.onLost().name().toLowerCase(Locale.ROOT));
        out.writeNumberField("max_attempts", spec.maxAttempts());
        RetryJson.write(out, spec.retry());
        if (spec.timeout() != null) {
            out.writeNumberField("timeout_ms", spec.timeout().toMillis());
        }
        LimitsJson.write(out, "limits", spec.limits());
        FilesJson.rules(out, callable.files());
        if (spec.schema() != null) {
            out.writeFieldName("arguments_schema");
            out.writeRawValue(JsonValues.mapper().writeValueAsString(spec.schema()));
        }
        out.writeEndObject();
    }

    CompletableFuture<Reply> service(Exchange exchange) {
        return engine.drain().status().thenApply(this::info);
    }

    CompletableFuture<Reply> drain(Exchange exchange) {
        return engine.drain().begin(exchange.flag("cancel_pending")).thenApply(this::info);
    }

    CompletableFuture<Reply> resume(Exchange exchange) {
        if (stopping) {
            throw Problem.of(
                    ProblemCode.DRAINING, "the service was told to stop by a signal: that cannot be taken back");
        }
        return engine.drain().takeBack().thenApply(this::info);
    }

    private Reply info(Drain.Status status) {
        return () -> Answer.json(200, out -> {
            out.writeStartObject();
            out.writeStringField("version", options.version());
            out.writeStringField("api_version", API_VERSION);
            out.writeBooleanField("draining", status.draining());
            out.writeNumberField("running", status.running());
            out.writeNumberField("pending", status.pending());
            out.writeObjectFieldStart("limits");
            out.writeNumberField("max_wait_seconds", options.maxWait().toSeconds());
            out.writeNumberField("max_batch_size", options.maxBatchSize());
            out.writeNumberField("max_request_bytes", options.maxRequestBytes());
            out.writeNumberField("max_result_bytes", options.maxResultBytes());
            out.writeNumberField("max_output_bytes", options.maxOutputBytes());
            out.writeNumberField("max_open_waits", options.maxOpenWaits());
            out.writeNumberField("max_json_depth", options.maxJsonDepth());
            out.writeEndObject();
            out.writeEndObject();
        });
    }

    CompletableFuture<Reply> health(Exchange exchange) {
        return CompletableFuture.completedFuture(status("ok"));
    }

    CompletableFuture<Reply> readiness(Exchange exchange) {
        if (stopping || engine.drain().draining()) {
            throw Problem.retryable(ProblemCode.DRAINING, "the service is draining", 5);
        }
        if (engine.storeAway()) {
            throw Problem.retryable(ProblemCode.STORAGE_UNAVAILABLE, "the store cannot be written", 2);
        }
        return CompletableFuture.completedFuture(status("ready"));
    }

    private static Reply status(String word) {
        return () -> Answer.json(200, out -> {
            out.writeStartObject();
            out.writeStringField("status", word);
            out.writeEndObject();
        });
    }
}
