package dev.taskpool.http;

import static io.javalin.http.HandlerType.DELETE;
import static io.javalin.http.HandlerType.GET;
import static io.javalin.http.HandlerType.POST;
import static io.javalin.http.HandlerType.PUT;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The table of routes: one line each. */
final class Routes {
    private static final Set<String> NONE = Set.of();
    private static final Set<String> WAIT = Set.of("wait");
    private static final String CALLBACKS = "/v1/tasks/{task_id}/callbacks";
    private static final String BATCH_CALLBACKS = "/v1/batches/{batch_id}/callbacks";

    private Routes() {}

    /** Everything that answers something. */
    record Handlers(
            TaskHandlers tasks,
            ListHandlers lists,
            OutputHandlers outputs,
            OrderedOutput ordered,
            ArtifactHandlers artifacts,
            CallbackHandlers callbacks,
            BatchHandlers batches,
            MapHandlers maps,
            WaitHandler waiting,
            EventHandlers events,
            CompletionHandlers completions,
            PoolHandlers pools,
            WorkerHandlers workers,
            ServiceHandlers service,
            @Nullable Docs docs,
            @Nullable Supplier<byte[]> metrics) {}

    static List<Route> table(Handlers h) {
        List<Route> all = new ArrayList<>(List.of(
                new Route(POST, "/v1/tasks", "submitTask", Scope.SUBMIT, WAIT, h.tasks::submit),
                new Route(GET, "/v1/tasks", "listTasks", Scope.READ, ListHandlers.PARAMETERS, h.lists::list),
                new Route(GET, "/v1/tasks/{task_id}", "getTask", Scope.READ, WAIT, h.tasks::get),
                new Route(PUT, "/v1/tasks/{task_id}", "putTask", Scope.SUBMIT, WAIT, h.tasks::put),
                new Route(DELETE, "/v1/tasks/{task_id}", "deleteTask", Scope.CANCEL, NONE, h.tasks::delete),
                new Route(GET, "/v1/tasks/{task_id}/result", "getTaskResult", Scope.READ, WAIT, h.tasks::result),
                new Route(
                        POST,
                        "/v1/tasks/{task_id}/cancel",
                        "cancelTask",
                        Scope.CANCEL,
                        Set.of("interrupt", "wait"),
                        h.tasks::cancel),
                new Route(
                        GET,
                        "/v1/tasks/{task_id}/stdout",
                        "getTaskStdout",
                        Scope.READ,
                        OutputHandlers.PARAMETERS,
                        h.outputs::stdout),
                new Route(
                        GET,
                        "/v1/tasks/{task_id}/stderr",
                        "getTaskStderr",
                        Scope.READ,
                        OutputHandlers.PARAMETERS,
                        h.outputs::stderr),
                new Route(
                        GET,
                        "/v1/tasks/{task_id}/output",
                        "getTaskOutput",
                        Scope.READ,
                        OrderedOutput.PARAMETERS,
                        h.ordered::output),
                new Route(
                        GET, "/v1/tasks/{task_id}/artifacts", "listTaskArtifacts", Scope.READ, NONE, h.artifacts::list),
                new Route(
                        GET,
                        "/v1/tasks/{task_id}/artifacts/{artifact_name}",
                        "getTaskArtifact",
                        Scope.READ,
                        NONE,
                        h.artifacts::get),
                new Route(POST, CALLBACKS, "addCallback", Scope.SUBMIT, NONE, h.callbacks::add),
                new Route(GET, CALLBACKS, "listCallbacks", Scope.READ, NONE, h.callbacks::list),
                new Route(
                        POST,
                        CALLBACKS + "/{callback_number}/redeliver",
                        "redeliverCallback",
                        Scope.SUBMIT,
                        NONE,
                        h.callbacks::redeliver),
                new Route(POST, "/v1/batches", "submitBatch", Scope.SUBMIT, NONE, h.batches::submit),
                new Route(GET, "/v1/batches/{batch_id}", "getBatch", Scope.READ, WAIT, h.batches::get),
                new Route(DELETE, "/v1/batches/{batch_id}", "deleteBatch", Scope.CANCEL, NONE, h.batches::delete),
                new Route(
                        POST,
                        "/v1/batches/{batch_id}/cancel",
                        "cancelBatch",
                        Scope.CANCEL,
                        Set.of("interrupt", "wait"),
                        h.batches::cancel),
                new Route(
                        GET,
                        "/v1/batches/{batch_id}/results",
                        "listBatchResults",
                        Scope.READ,
                        BatchHandlers.RESULT_PARAMETERS,
                        h.batches::results),
                new Route(POST, BATCH_CALLBACKS, "addBatchCallback", Scope.SUBMIT, NONE, h.callbacks::addToBatch),
                new Route(GET, BATCH_CALLBACKS, "listBatchCallbacks", Scope.READ, NONE, h.callbacks::listOfBatch),
                new Route(
                        POST,
                        BATCH_CALLBACKS + "/{callback_number}/redeliver",
                        "redeliverBatchCallback",
                        Scope.SUBMIT,
                        NONE,
                        h.callbacks::redeliverOfBatch),
                new Route(POST, "/v1/map", "submitMap", Scope.SUBMIT, NONE, h.batches::map),
                new Route(POST, "/v1/map/stream", "streamMap", Scope.SUBMIT, MapOptions.PARAMETERS, h.maps::stream),
                new Route(POST, "/v1/wait", "waitTasks", Scope.READ, NONE, h.waiting::handle),
                new Route(
                        GET,
                        "/v1/as-completed",
                        "streamCompleted",
                        Scope.READ,
                        CompletionHandlers.PARAMETERS,
                        h.completions::get),
                new Route(
                        POST, "/v1/as-completed", "followCompleted", Scope.READ, Set.of("after"), h.completions::post),
                new Route(GET, "/v1/events", "streamEvents", Scope.READ, EventHandlers.PARAMETERS, h.events::all),
                new Route(
                        GET,
                        "/v1/tasks/{task_id}/events",
                        "streamTaskEvents",
                        Scope.READ,
                        EventHandlers.TASK_PARAMETERS,
                        h.events::ofTask),
                new Route(GET, "/v1/pools", "listPools", Scope.READ, NONE, h.pools::list),
                new Route(GET, "/v1/pools/{pool_name}", "getPool", Scope.READ, NONE, h.pools::get),
                new Route(PUT, "/v1/pools/{pool_name}", "putPool", Scope.ADMIN, NONE, h.pools::put),
                new Route(DELETE, "/v1/pools/{pool_name}", "deletePool", Scope.ADMIN, NONE, h.pools::delete),
                new Route(POST, "/v1/pools/{pool_name}/pause", "pausePool", Scope.ADMIN, NONE, h.pools::pause),
                new Route(POST, "/v1/pools/{pool_name}/renew", "renewPool", Scope.SUBMIT, NONE, h.pools::renew),
                new Route(POST, "/v1/pools/{pool_name}/resume", "resumePool", Scope.ADMIN, NONE, h.pools::resume),
                new Route(
                        POST,
                        "/v1/pools/{pool_name}/shutdown",
                        "shutdownPool",
                        Scope.ADMIN,
                        Set.of("cancel_pending", "wait"),
                        h.pools::shutdown),
                new Route(
                        POST,
                        "/v1/pools/{pool_name}/terminate",
                        "terminatePool",
                        Scope.ADMIN,
                        Set.of("signal"),
                        h.workers::terminate),
                new Route(GET, "/v1/pools/{pool_name}/workers", "listWorkers", Scope.READ, NONE, h.workers::list),
                new Route(
                        POST,
                        "/v1/pools/{pool_name}/workers/{worker_id}/signal",
                        "signalWorker",
                        Scope.ADMIN,
                        Set.of("signal"),
                        h.workers::signal),
                new Route(GET, "/v1/callables", "listCallables", Scope.READ, NONE, h.service::callables),
                new Route(GET, "/v1/service", "getService", Scope.READ, NONE, h.service::service),
                new Route(
                        POST,
                        "/v1/service/drain",
                        "drainService",
                        Scope.ADMIN,
                        Set.of("cancel_pending"),
                        h.service::drain),
                new Route(DELETE, "/v1/service/drain", "resumeService", Scope.ADMIN, NONE, h.service::resume),
                new Route(GET, "/healthz", "getHealth", Scope.NONE, NONE, h.service::health),
                new Route(GET, "/readyz", "getReadiness", Scope.NONE, NONE, h.service::readiness)));
        Supplier<byte[]> metrics = h.metrics;
        if (metrics != null) {
            all.add(new Route(GET, "/metrics", "", Scope.READ, NONE, e -> metrics(metrics)));
        }
        Docs docs = h.docs == null ? new Docs() : h.docs;
        all.add(new Route(GET, "/openapi.yaml", "", Scope.NONE, NONE, docs::contract));
        if (h.docs != null) {
            all.add(new Route(GET, "/docs", "", Scope.NONE, NONE, docs::page));
            all.add(new Route(GET, "/docs/{file}", "", Scope.NONE, NONE, docs::file));
        }
        return List.copyOf(all);
    }

    private static CompletableFuture<Reply> metrics(Supplier<byte[]> scrape) {
        return CompletableFuture.completedFuture(
                () -> new Answer(200, "text/plain; version=0.0.4; charset=utf-8", scrape.get()));
    }
}
