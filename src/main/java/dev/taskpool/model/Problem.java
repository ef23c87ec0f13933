package dev.taskpool.model;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A request that cannot be done, as RFC 9457 has it. Thrown where it is found, turned into an answer in one place.
 * Carries no stack trace: it is an answer, not a fault of the program.
 */
public final class Problem extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final ProblemCode code;
    private final transient List<FieldError> errors;
    private final transient @Nullable Task task;
    private final @Nullable Integer retryAfterSeconds;

    /**
     * One thing that is wrong with a request.
     *
     * @param pointer JSON Pointer into the body, or {@code query:NAME}, {@code header:NAME}, {@code path:NAME}
     * @param detail what is wrong, with the value and the limit
     */
    public record FieldError(String pointer, String detail) {}

    private Problem(
            ProblemCode code,
            String detail,
            List<FieldError> errors,
            @Nullable Task task,
            @Nullable Integer retryAfterSeconds) {
        super(detail, null, false, false);
        this.code = code;
        this.errors = errors;
        this.task = task;
        this.retryAfterSeconds = retryAfterSeconds;
    }

    /** A problem with a sentence for people. */
    public static Problem of(ProblemCode code, String detail) {
        return new Problem(code, detail, List.of(), null, null);
    }

    /** A problem that a later try may not have. */
    public static Problem retryable(ProblemCode code, String detail, int retryAfterSeconds) {
        return new Problem(code, detail, List.of(), null, retryAfterSeconds);
    }

    /** A problem with the state of a task. */
    public static Problem ofTask(ProblemCode code, String detail, Task task) {
        return new Problem(code, detail, List.of(), task, code == ProblemCode.TASK_NOT_DONE ? 1 : null);
    }

    /** A problem with fields of the request. */
    public static Problem fields(ProblemCode code, List<FieldError> errors) {
        FieldError first = errors.getFirst();
        String more = errors.size() == 1 ? "" : " (and " + (errors.size() - 1) + " more)";
        return new Problem(
                code,
                (first.pointer().isEmpty() ? "the body" : first.pointer() + ":") + " " + first.detail() + more,
                List.copyOf(errors),
                null,
                null);
    }

    /** A problem with one field of the request. */
    public static Problem field(ProblemCode code, String pointer, String detail) {
        return fields(code, List.of(new FieldError(pointer, detail)));
    }

    public ProblemCode code() {
        return code;
    }

    /** Returns the sentence for people. */
    public String detail() {
        String message = getMessage();
        return message == null ? code.title() : message;
    }

    public List<FieldError> errors() {
        return errors;
    }

    /** Returns the task that it is about, or null. */
    public @Nullable Task task() {
        return task;
    }

    /** Returns seconds to wait before trying again, or null where that makes no sense. */
    public @Nullable Integer retryAfterSeconds() {
        return retryAfterSeconds;
    }
}
