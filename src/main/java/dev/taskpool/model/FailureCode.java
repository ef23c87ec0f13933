package dev.taskpool.model;

/** The values of {@code error.code}. Strings and not an enum: workers and later versions may add their own. */
public final class FailureCode {
    /** The callable threw. */
    public static final String EXCEPTION = "exception";
    /** It ran longer than {@code timeout_ms}. */
    public static final String TIMEOUT = "timeout";
    /** It did not start within {@code queue_timeout_ms}. */
    public static final String QUEUE_TIMEOUT = "queue_timeout";
    /** The command ended with an exit code that is not success. */
    public static final String PROCESS_EXIT = "process_exit";
    /** A signal ended the command. */
    public static final String PROCESS_SIGNAL = "process_signal";
    /** It used more memory than it may. */
    public static final String MEMORY_LIMIT = "memory_limit";
    /** It used more CPU time than it may. */
    public static final String CPU_LIMIT = "cpu_limit";
    /** It wrote a larger file than it may, and was ended for that. */
    public static final String FILE_SIZE_LIMIT = "file_size_limit";
    /** It wanted more processes than it may have, and failed. */
    public static final String PROCESS_LIMIT = "process_limit";
    /** Its scratch folder grew larger than it may. */
    public static final String SCRATCH_LIMIT = "scratch_limit";
    /** The worker process died while it held the task. */
    public static final String WORKER_DIED = "worker_died";
    /** The process or worker could not be started. */
    public static final String START_FAILED = "start_failed";
    /** The initializer of the pool's workers failed before the task could run. */
    public static final String INITIALIZER_FAILED = "initializer_failed";
    /** The pool broke while the task was in it. */
    public static final String POOL_BROKEN = "pool_broken";
    /** The worker could not read the arguments, or they do not fit the callable. */
    public static final String ARGUMENTS_UNDECODABLE = "arguments_undecodable";
    /** What came back is not a JSON value. */
    public static final String INVALID_RESULT = "invalid_result";
    /** What came back is larger than {@code tasks.max_result_bytes}. */
    public static final String RESULT_TOO_LARGE = "result_too_large";
    /** It was not done within {@code deadline_ms}. */
    public static final String DEADLINE = "deadline";
    /** It ended one worker after another, and gets no more of them. */
    public static final String QUARANTINED = "quarantined";
    /** A drain had to kill it, and it may not run twice. */
    public static final String INTERRUPTED = "interrupted";
    /** The service stopped while it ran, and it may not run twice. */
    public static final String LOST = "lost";
    /** The callable is not registered any more. */
    public static final String UNKNOWN_CALLABLE = "unknown_callable";

    /** The pool is of another kind since, on which the callable does not run. */
    public static final String POOL_KIND_UNSUPPORTED = "pool_kind_unsupported";

    private FailureCode() {}
}
