package dev.taskpool.model;

/** How a pool runs its tasks. */
public enum PoolKind {
    /** On threads of this JVM. */
    THREAD,
    /** On persistent worker processes. */
    PROCESS,
    /** As one subprocess per task. */
    COMMAND
}
