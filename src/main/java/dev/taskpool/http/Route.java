package dev.taskpool.http;

import io.javalin.http.HandlerType;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/**
 * One line of the table of routes.
 *
 * @param method of HTTP
 * @param path with {@code {parameters}}
 * @param operation operationId in the contract; empty where it is not part of it
 * @param scope what a token needs
 * @param query parameters that it knows
 * @param handler what answers it
 */
record Route(HandlerType method, String path, String operation, Scope scope, Set<String> query, RouteHandler handler) {
    /** Returns the path as Javalin has it: an artifact's name may have slashes, any other parameter is one part of the path. */
    String pattern() {
        return path.replace("{artifact_name}", "<artifact_name>");
    }

    /** Answers requests of a route. Throws {@link dev.taskpool.model.Problem}, or returns a future that fails with it. */
    @FunctionalInterface
    interface RouteHandler {
        CompletableFuture<? extends Reply> handle(Exchange exchange);
    }
}
