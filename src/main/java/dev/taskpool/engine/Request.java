package dev.taskpool.engine;

import java.util.concurrent.CompletableFuture;

/** A command that somebody waits for. The answer is given when it is durable. */
abstract class Request<T> implements Command {
    final CompletableFuture<T> answer = new CompletableFuture<>();

    @Override
    public void refused(RuntimeException reason) {
        answer.completeExceptionally(reason);
    }
}
