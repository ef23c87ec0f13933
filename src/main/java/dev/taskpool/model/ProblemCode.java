package dev.taskpool.model;

/**
 * The catalogue of things that can be wrong with a request. Codes may be added, never renamed or reused. The HTTP status
 * of each stands in one place, in {@code http.Problems}.
 */
public enum ProblemCode {
    INVALID_REQUEST("The request is not valid"),
    UNAUTHORIZED("A valid token is needed"),
    FORBIDDEN("The token does not allow this"),
    CROSS_SITE("This is not for web pages of others"),
    TASK_NOT_FOUND("There is no such task"),
    BATCH_NOT_FOUND("There is no such batch"),
    POOL_NOT_FOUND("There is no such pool"),
    WORKER_NOT_FOUND("There is no such worker"),
    ARTIFACT_NOT_FOUND("There is no such artifact"),
    CALLBACK_NOT_FOUND("The task has no such callback"),
    ROUTE_NOT_FOUND("There is nothing here"),
    METHOD_NOT_ALLOWED("This method is not allowed here"),
    TASK_NOT_DONE("The task is not done"),
    TASK_FAILED("The task failed"),
    TASK_CANCELLED("The task was cancelled"),
    TASK_RUNNING("The task is running"),
    TASK_DONE("The task is done"),
    TASK_ID_TAKEN("The id stands for another task"),
    BATCH_NOT_DONE("The batch is not done"),
    BATCH_CLOSED("The batch takes no more"),
    LINES_OUT_OF_ORDER("These lines do not follow those that were taken"),
    POOL_SHUT_DOWN("The pool takes no more tasks"),
    POOL_BROKEN("The pool is broken"),
    POOL_NOT_SHUT_DOWN("The pool is not shut down"),
    WORKER_HAS_NO_PROCESS("The worker has no process"),
    EVENTS_EXPIRED("These events are not kept any more"),
    POOL_KIND_FIXED("The kind of a pool cannot change"),
    REQUEST_TOO_LARGE("The request is too large"),
    UNSUPPORTED_MEDIA_TYPE("The body must be application/json"),
    RANGE_NOT_SATISFIABLE("There are no such bytes"),
    UNKNOWN_CALLABLE("There is no such callable"),
    UNKNOWN_POOL("There is no such pool"),
    POOL_KIND_UNSUPPORTED("The callable does not run on this kind of pool"),
    INVALID_ARGUMENTS("The arguments do not fit the callable"),
    LIMIT_UNSUPPORTED("The limit cannot be kept here"),
    FILES_NOT_ALLOWED("The callable does not take these files"),
    CALLBACK_NOT_ALLOWED("The callback's address is not allowed"),
    CALLBACK_SKIPPED("The callback is not for this end"),
    TOO_MANY_CALLBACKS("The task has all the callbacks that it may have"),
    IDEMPOTENCY_KEY_REUSED("The idempotency key stands for another request"),
    QUEUE_FULL("The pool's queue is full"),
    TOO_MANY_BATCHES("The batches that are not done take all the memory that they may"),
    TOO_MANY_UPLOADS("Too many bodies are being sent"),
    INTERNAL("Something went wrong in the service"),
    DRAINING("The service is draining"),
    STORAGE_UNAVAILABLE("The store cannot be written");

    private final String title;

    ProblemCode(String title) {
        this.title = title;
    }

    /** Returns the code as clients see it, {@code task_not_done}. */
    public String code() {
        return name().toLowerCase(java.util.Locale.ROOT);
    }

    /** Returns a short sentence for people, the same for every occurrence. */
    public String title() {
        return title;
    }
}
