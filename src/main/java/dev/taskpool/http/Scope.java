package dev.taskpool.http;

/** What a token may do. */
public enum Scope {
    /** Nothing is needed: health, contract, documentation. */
    NONE,
    /** Submit tasks. */
    SUBMIT,
    /** See tasks, pools, callables and the service; wait. */
    READ,
    /** Cancel and delete tasks. */
    CANCEL,
    /** Make, change and shut down pools; drain the service. */
    ADMIN
}
