package dev.taskpool.model;

/** What has become of a batch. */
public enum BatchState {
    /** Tasks of it are not done, or more may come. */
    RUNNING,
    /** All are done, and enough of them SUCCEEDED. */
    SUCCEEDED,
    /** All are done, too few SUCCEEDED, and some FAILED. */
    FAILED,
    /** All are done, too few SUCCEEDED, and none FAILED: they were cancelled. */
    CANCELLED
}
