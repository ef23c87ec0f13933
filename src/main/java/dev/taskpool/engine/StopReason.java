package dev.taskpool.engine;

/** Why a run was asked to stop. The first reason stands. */
enum StopReason {
    /** A client cancelled it. */
    CANCEL,
    /** Its time is over. */
    TIMEOUT,
    /** It was to be done by now. */
    DEADLINE,
    /** The service stops. */
    DRAIN,
    /** Its pool broke. */
    BROKEN
}
