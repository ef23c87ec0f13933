package dev.taskpool.model;

/** Whose end callbacks tell of. */
public sealed interface CallbackSubject permits TaskId, BatchId {
    /** Returns a number that no other has, of whatever kind: all are from one counter. */
    long sequence();
}
