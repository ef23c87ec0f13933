package dev.taskpool.model;

/** What becomes of a task that was running when the service died. */
public enum OnLost {
    /** FAILED {@code lost}: nobody can know how far it got, and it must not run twice. RUNNING is durable before it runs. */
    FAIL,
    /** PENDING again, at the front of its queue: it may run twice. */
    RETRY
}
