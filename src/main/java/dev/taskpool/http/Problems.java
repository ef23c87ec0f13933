package dev.taskpool.http;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.taskpool.model.Failure;
import dev.taskpool.model.Outcome;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.Task;
import dev.taskpool.store.StorageException;
import java.io.IOException;
import java.util.concurrent.CompletionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Where every error becomes an HTTP answer (RFC 9457). The one place. */
final class Problems {
    private static final Logger LOG = LoggerFactory.getLogger(Problems.class);

    private Problems() {}

    /** Returns the answer to whatever went wrong with a request. */
    static Answer answer(Throwable error, String requestId) {
        Throwable cause = error instanceof CompletionException && error.getCause() != null ? error.getCause() : error;
        return switch (cause) {
            case Problem problem -> answer(problem, requestId);
            case StorageException e -> {
                LOG.error("the store failed under request {}", requestId, e);
                yield answer(
                        Problem.retryable(ProblemCode.STORAGE_UNAVAILABLE, "the store cannot be read at the moment", 2),
                        requestId);
            }
            default -> {
                LOG.error("request {} found a fault in the service", requestId, cause);
                yield answer(
                        Problem.of(ProblemCode.INTERNAL, "a fault in the service; its log has it under the instance"),
                        requestId);
            }
        };
    }

    static Answer answer(Problem problem, String requestId) {
        return answer(problem, status(problem.code()), requestId);
    }

    private static Answer answer(Problem problem, int status, String requestId) {
        ProblemCode code = problem.code();
        byte[] body = JsonOut.bytes(out -> {
            out.writeStartObject();
            out.writeStringField("type", "urn:problem-type:taskpool:" + code.code());
            out.writeStringField("title", code.title());
            out.writeNumberField("status", status);
            out.writeStringField("detail", problem.detail());
            out.writeStringField("instance", "urn:taskpool:request:" + requestId);
            out.writeStringField("code", code.code());
            errors(out, problem);
            Task task = problem.task();
            if (task != null) {
                out.writeStringField("task_id", task.id().toString());
                out.writeStringField("task_state", task.state().name());
                if (task.outcome() instanceof Outcome.Failed(Failure failure)) {
                    out.writeFieldName("task_error");
                    TaskJson.failure(out, failure);
                }
            }
            out.writeEndObject();
        });
        Answer answer = new Answer(status, Answer.PROBLEM, body);
        Integer retryAfter = problem.retryAfterSeconds();
        if (retryAfter != null) {
            answer.with("Retry-After", retryAfter.toString());
        }
        if (code == ProblemCode.UNAUTHORIZED) {
            answer.with("WWW-Authenticate", "Bearer realm=\"taskpool\"");
        }
        if (code == ProblemCode.DRAINING) {
            answer.with("Connection", "close");
        }
        return answer;
    }

    /** Writes the problem of one of many submissions, where the others have none. */
    static void brief(JsonGenerator out, Problem problem) throws IOException {
        ProblemCode code = problem.code();
        out.writeStartObject();
        out.writeStringField("type", "urn:problem-type:taskpool:" + code.code());
        out.writeStringField("title", code.title());
        out.writeNumberField("status", status(code));
        out.writeStringField("detail", problem.detail());
        out.writeStringField("code", code.code());
        errors(out, problem);
        out.writeEndObject();
    }

    private static void errors(JsonGenerator out, Problem problem) throws IOException {
        if (problem.errors().isEmpty()) {
            return;
        }
        out.writeArrayFieldStart("errors");
        for (Problem.FieldError error : problem.errors()) {
            out.writeStartObject();
            out.writeStringField("pointer", error.pointer());
            out.writeStringField("detail", error.detail());
            out.writeEndObject();
        }
        out.writeEndArray();
    }

    /** Returns the answer to a request that the server itself refused before anybody read it: its head was wrong. */
    static Answer transport(int status, String requestId) {
        ProblemCode code = status == 413 || status == 414 || status == 431
                ? ProblemCode.REQUEST_TOO_LARGE
                : status >= 500 ? ProblemCode.INTERNAL : ProblemCode.INVALID_REQUEST;
        String detail = switch (status) {
            case 414, 431 -> "the request's head is larger than server.max_header_bytes";
            case 413 -> "the request's body is larger than server.max_request_bytes";
            case 426, 505 -> "speak HTTP/1.1";
            default -> "the request is not valid HTTP, or its path is ambiguous (status " + status + ")";
        };
        return answer(Problem.of(code, detail), status, requestId);
    }

    /** The status of each code. */
    static int status(ProblemCode code) {
        return switch (code) {
            case INVALID_REQUEST -> 400;
            case UNAUTHORIZED -> 401;
            case FORBIDDEN, CROSS_SITE -> 403;
            case TASK_NOT_FOUND,
                    BATCH_NOT_FOUND,
                    POOL_NOT_FOUND,
                    WORKER_NOT_FOUND,
                    ARTIFACT_NOT_FOUND,
                    CALLBACK_NOT_FOUND,
                    ROUTE_NOT_FOUND -> 404;
            case METHOD_NOT_ALLOWED -> 405;
            case TASK_NOT_DONE,
                    TASK_FAILED,
                    TASK_CANCELLED,
                    TASK_RUNNING,
                    TASK_DONE,
                    TASK_ID_TAKEN,
                    BATCH_NOT_DONE,
                    BATCH_CLOSED,
                    LINES_OUT_OF_ORDER,
                    POOL_SHUT_DOWN,
                    POOL_BROKEN,
                    POOL_NOT_SHUT_DOWN,
                    WORKER_HAS_NO_PROCESS,
                    CALLBACK_SKIPPED,
                    TOO_MANY_CALLBACKS,
                    POOL_KIND_FIXED -> 409;
            case EVENTS_EXPIRED -> 410;
            case REQUEST_TOO_LARGE -> 413;
            case UNSUPPORTED_MEDIA_TYPE -> 415;
            case RANGE_NOT_SATISFIABLE -> 416;
            case UNKNOWN_CALLABLE,
                    UNKNOWN_POOL,
                    POOL_KIND_UNSUPPORTED,
                    INVALID_ARGUMENTS,
                    LIMIT_UNSUPPORTED,
                    FILES_NOT_ALLOWED,
                    CALLBACK_NOT_ALLOWED,
                    IDEMPOTENCY_KEY_REUSED -> 422;
            case QUEUE_FULL, TOO_MANY_BATCHES -> 429;
            case INTERNAL -> 500;
            case DRAINING, STORAGE_UNAVAILABLE, TOO_MANY_UPLOADS -> 503;
        };
    }
}
