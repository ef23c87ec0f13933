package dev.taskpool.http;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.taskpool.engine.Engine;
import dev.taskpool.engine.PoolView;
import dev.taskpool.model.Breakage;
import dev.taskpool.model.Limits;
import dev.taskpool.model.PoolKind;
import dev.taskpool.model.PoolLimits;
import dev.taskpool.model.PoolSettings;
import dev.taskpool.model.PoolState;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** Pools: executors. */
final class PoolHandlers {
    private static final String PROPERTIES = "kind, max_workers, min_workers, virtual_threads, worker_type,"
            + " max_tasks_per_worker, idle_timeout_ms, on_worker_lost, ttl_ms, ttl_cancel_pending, queue_capacity, default_timeout_ms, grace_ms,"
            + " initializer, max_worker_memory_bytes, max_worker_age_ms, max_stuck_workers,"
            + " max_timeout_ms, queue_timeout_ms, max_queue_timeout_ms, limits, max_limits";
    private static final long MAX_MILLIS = 100L * 365 * 86_400_000;
    private static final int DEFAULT_CAPACITY = 10_000;
    private static final long DEFAULT_GRACE_MILLIS = 5_000;

    private final Engine engine;
    private final OpenWaits waits;
    private final JsonIn.Source source;
    private final Set<String> workerTypes;

    PoolHandlers(Engine engine, OpenWaits waits, JsonIn.Source source, Set<String> workerTypes) {
        this.engine = engine;
        this.waits = waits;
        this.source = source;
        this.workerTypes = workerTypes;
    }

    CompletableFuture<Reply> list(Exchange exchange) {
        return engine.pools()
                .thenApply(pools -> () -> Answer.json(200, out -> {
                    out.writeStartObject();
                    out.writeArrayFieldStart("items");
                    for (PoolView pool : pools) {
                        if (exchange.caller().mayUsePool(pool.name())) {
                            write(out, pool);
                        }
                    }
                    out.writeEndArray();
                    out.writeEndObject();
                }));
    }

    CompletableFuture<Reply> get(Exchange exchange) {
        return engine.pool(name(exchange)).thenApply(pool -> reply(200, pool));
    }

    CompletableFuture<Reply> put(Exchange exchange) {
        String name = exchange.path("pool_name");
        if (!PoolNames.valid(name)) {
            throw Problem.field(
                    ProblemCode.INVALID_REQUEST,
                    "path:pool_name",
                    "must match " + PoolNames.PATTERN + ", is '" + Exchange.shortened(name) + "'");
        }
        exchange.caller().requirePool(name);
        Body body = new Body(workerTypes);
        source.read(exchange.body(), PROPERTIES, body);
        return engine.putPool(name, body.settings()).thenApply(pool -> reply(pool.created() ? 201 : 200, pool));
    }

    CompletableFuture<Reply> delete(Exchange exchange) {
        return engine.deletePool(name(exchange)).thenApply(gone -> Answer.empty(204));
    }

    /** Says that a pool is needed, which naming it does; more than GET only by its name. */
    CompletableFuture<Reply> renew(Exchange exchange) {
        return engine.pool(name(exchange)).thenApply(pool -> reply(200, pool));
    }

    CompletableFuture<Reply> pause(Exchange exchange) {
        return engine.pausePool(name(exchange), true).thenApply(pool -> reply(200, pool));
    }

    CompletableFuture<Reply> resume(Exchange exchange) {
        return engine.pausePool(name(exchange), false).thenApply(pool -> reply(200, pool));
    }

    CompletableFuture<Reply> shutdown(Exchange exchange) {
        String name = name(exchange);
        int seconds = exchange.waitSeconds();
        CompletableFuture<PoolView> finished = new CompletableFuture<>();
        return engine.shutdownPool(name, exchange.flag("cancel_pending"), finished)
                .thenCompose(now -> {
                    if (seconds == 0 || now.state() == PoolState.SHUT_DOWN) {
                        finished.complete(now);
                        return CompletableFuture.completedFuture(reply(200, now));
                    }
                    CompletableFuture<Reply> answer = new CompletableFuture<>();
                    OpenWaits.Wait wait = waits.begin(exchange, seconds, () -> {
                        // Whatever ended the wait: the pool as it is then.
                        finished.complete(now);
                        engine.pool(name).whenComplete((pool, error) -> {
                            if (pool != null) {
                                answer.complete(reply(200, pool));
                            } else {
                                answer.complete(reply(200, now));
                            }
                        });
                    });
                    finished.whenComplete((pool, error) -> wait.end());
                    return answer;
                });
    }

    static String name(Exchange exchange) {
        return visible(exchange, exchange.path("pool_name"));
    }

    /** Returns the name of a pool that the caller may know of. */
    static String visible(Exchange exchange, String name) {
        if (!exchange.caller().mayUsePool(name) || !PoolNames.valid(name)) {
            throw Problem.of(ProblemCode.POOL_NOT_FOUND, "there is no pool '" + Exchange.shortened(name) + "'");
        }
        return name;
    }

    static Reply reply(int status, PoolView pool) {
        return () -> Answer.json(status, out -> write(out, pool));
    }

    private static void write(JsonGenerator out, PoolView pool) throws IOException {
        PoolSettings settings = pool.settings();
        out.writeStartObject();
        out.writeStringField("name", pool.name());
        out.writeStringField("kind", settings.kind().name());
        out.writeStringField("state", pool.state().name());
        out.writeNumberField("max_workers", settings.maxWorkers());
        out.writeNumberField("min_workers", settings.minWorkers());
        if (settings.kind() == PoolKind.THREAD) {
            out.writeBooleanField("virtual_threads", settings.virtualThreads());
            out.writeNumberField("stuck", pool.stuck());
        }
        if (settings.kind() == PoolKind.PROCESS) {
            out.writeStringField("worker_type", settings.workerType());
            out.writeStringField("on_worker_lost", settings.onWorkerLost().name());
            out.writeBooleanField("degraded", pool.status().degraded());
            out.writeNumberField("worker_losses", pool.status().workerLosses());
        }
        WorkerPolicyJson.write(out, settings.worker());
        number(
                out,
                "max_tasks_per_worker",
                settings.maxTasksPerWorker() == null
                        ? null
                        : settings.maxTasksPerWorker().longValue());
        number(out, "idle_timeout_ms", settings.idleTimeoutMillis());
        number(out, "ttl_ms", settings.ttlMillis());
        if (settings.ttlCancelsPending()) {
            out.writeBooleanField("ttl_cancel_pending", true);
        }
        out.writeNumberField("queue_capacity", settings.queueCapacity());
        number(out, "default_timeout_ms", settings.defaultTimeoutMillis());
        out.writeNumberField("grace_ms", settings.graceMillis());
        number(out, "max_timeout_ms", settings.limits().maxTimeoutMillis());
        number(out, "queue_timeout_ms", settings.limits().queueTimeoutMillis());
        number(out, "max_queue_timeout_ms", settings.limits().maxQueueTimeoutMillis());
        LimitsJson.write(out, "limits", settings.limits().defaults());
        LimitsJson.write(out, "max_limits", settings.limits().maximum());
        if (pool.brokenBy() != null) {
            broken(out, pool.brokenBy());
        }
        out.writeNumberField("pending", pool.pending());
        out.writeNumberField("running", pool.running());
        out.writeEndObject();
    }

    private static void broken(JsonGenerator out, Breakage by) throws IOException {
        out.writeStringField("broken_by", by.text());
        out.writeObjectFieldStart("broken");
        out.writeStringField("code", by.code());
        out.writeStringField("message", by.message());
        out.writeStringField("cause", by.cause());
        out.writeEndObject();
    }

    private static void number(JsonGenerator out, String name, @Nullable Long value) throws IOException {
        if (value != null) {
            out.writeNumberField(name, value);
        }
    }

    private static final class Body implements JsonIn.Reading {
        private final Set<String> workerTypes;
        private @Nullable String kind;
        private @Nullable Long maxWorkers;
        private @Nullable Long minWorkers;
        private @Nullable Boolean virtualThreads;
        private @Nullable String workerType;
        private @Nullable Long maxTasks;
        private @Nullable Long idleTimeout;
        private @Nullable String onWorkerLost;
        private @Nullable Long ttl;
        private @Nullable Boolean ttlCancels;
        private @Nullable Long capacity;
        private @Nullable Long defaultTimeout;
        private @Nullable Long grace;
        private final WorkerPolicyJson policy = new WorkerPolicyJson();
        private @Nullable Long maxTimeout;
        private @Nullable Long queueTimeout;
        private @Nullable Long maxQueueTimeout;
        private Limits limits = Limits.NONE;
        private Limits maxLimits = Limits.NONE;

        Body(Set<String> workerTypes) {
            this.workerTypes = workerTypes;
        }

        @Override
        public boolean property(JsonIn in, String name) throws IOException {
            switch (name) {
                case "kind" ->
                    kind = in.word(
                            Arrays.stream(PoolKind.values()).map(Enum::name).toList());
                case "max_workers" -> maxWorkers = in.integer(1, 1024);
                case "min_workers" -> minWorkers = in.integer(0, 1024);
                case "virtual_threads" -> virtualThreads = in.bool();
                case "worker_type" ->
                    workerType = in.word(workerTypes.stream().sorted().toList());
                case "max_tasks_per_worker" -> maxTasks = in.integer(1, Integer.MAX_VALUE);
                case "idle_timeout_ms" -> idleTimeout = in.integer(1, MAX_MILLIS);
                case "on_worker_lost" -> onWorkerLost = in.word(List.of("HEAL", "BREAK"));
                case "ttl_ms" -> ttl = in.integer(1000, MAX_MILLIS);
                case "ttl_cancel_pending" -> ttlCancels = in.bool();
                case "queue_capacity" -> capacity = in.integer(0, 1_000_000);
                case "default_timeout_ms" -> defaultTimeout = in.integer(1, MAX_MILLIS);
                case "grace_ms" -> grace = in.integer(0, MAX_MILLIS);
                case "max_timeout_ms" -> maxTimeout = in.integer(1, MAX_MILLIS);
                case "queue_timeout_ms" -> queueTimeout = in.integer(1, MAX_MILLIS);
                case "max_queue_timeout_ms" -> maxQueueTimeout = in.integer(1, MAX_MILLIS);
                case "limits" -> limits = LimitsJson.read(in);
                case "max_limits" -> maxLimits = LimitsJson.read(in);
                default -> {
                    return policy.property(in, name);
                }
            }
            return true;
        }

        PoolSettings settings() {
            if (kind == null) {
                throw Problem.field(ProblemCode.INVALID_REQUEST, "/kind", "is required");
            }
            if (maxWorkers == null) {
                throw Problem.field(ProblemCode.INVALID_REQUEST, "/max_workers", "is required");
            }
            PoolKind poolKind = PoolKind.valueOf(kind);
            int least = minWorkers == null ? 0 : minWorkers.intValue();
            if (least > maxWorkers) {
                throw Problem.field(
                        ProblemCode.INVALID_REQUEST,
                        "/min_workers",
                        "must be at most max_workers, which is " + maxWorkers + ", is " + least);
            }
            onlyFor(virtualThreads, "virtual_threads", poolKind, PoolKind.THREAD);
            onlyFor(workerType, "worker_type", poolKind, PoolKind.PROCESS);
            onlyFor(maxTasks, "max_tasks_per_worker", poolKind, PoolKind.PROCESS);
            String given = policy.given();
            onlyFor(given, given == null ? "" : given, poolKind, PoolKind.PROCESS);
            onlyFor(policy.stuck(), "max_stuck_workers", poolKind, PoolKind.THREAD);
            onlyFor(onWorkerLost, "on_worker_lost", poolKind, PoolKind.PROCESS);
            for (String name : List.of("limits", "max_limits")) {
                if (poolKind == PoolKind.THREAD && !(name.equals("limits") ? limits : maxLimits).isNone()) {
                    throw Problem.field(
                            ProblemCode.LIMIT_UNSUPPORTED,
                            "/" + name,
                            "a thread cannot be limited, only processes can");
                }
            }
            requireScratch(poolKind, limits, "/limits");
            requireScratch(poolKind, maxLimits, "/max_limits");
            return new PoolSettings(
                    poolKind,
                    maxWorkers.intValue(),
                    least,
                    Boolean.TRUE.equals(virtualThreads),
                    workerType == null ? PoolSettings.JAVA_WORKER : workerType,
                    maxTasks == null ? null : Integer.valueOf(maxTasks.intValue()),
                    idleTimeout,
                    onWorkerLost == null
                            ? PoolSettings.OnWorkerLost.HEAL
                            : PoolSettings.OnWorkerLost.valueOf(onWorkerLost),
                    ttl,
                    capacity == null ? DEFAULT_CAPACITY : capacity.intValue(),
                    defaultTimeout,
                    grace == null ? DEFAULT_GRACE_MILLIS : grace,
                    policy.policy(),
                    new PoolLimits(limits, maxLimits, maxTimeout, queueTimeout, maxQueueTimeout),
                    Boolean.TRUE.equals(ttlCancels));
        }

        private static void requireScratch(PoolKind kind, Limits limits, String pointer) {
            if (kind == PoolKind.PROCESS && limits.scratchBytes() != null) {
                throw Problem.field(
                        ProblemCode.LIMIT_UNSUPPORTED,
                        pointer + "/scratch_bytes",
                        "is for pools of kind COMMAND: a worker has no scratch folder");
            }
        }

        private static void onlyFor(@Nullable Object value, String name, PoolKind kind, PoolKind only) {
            if (value != null && kind != only) {
                throw Problem.field(
                        ProblemCode.INVALID_REQUEST, "/" + name, "is for pools of kind " + only + ", this is " + kind);
            }
        }
    }
}
