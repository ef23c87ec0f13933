package dev.taskpool.model;

/** Where a pool stands. This set does not grow within v1. */
public enum PoolState {
    /** Takes tasks and runs them. */
    ACTIVE,
    /** Takes tasks and starts none. */
    PAUSED,
    /** Takes none and starts none until it is mended. */
    BROKEN,
    /** Takes none, runs what it has. */
    SHUTTING_DOWN,
    /** Has nothing left and no worker. */
    SHUT_DOWN;

    /** Returns whether submissions are accepted. */
    public boolean accepts() {
        return this == ACTIVE || this == PAUSED;
    }

    /** Returns whether pending tasks are started. */
    public boolean starts() {
        return this == ACTIVE || this == SHUTTING_DOWN;
    }
}
