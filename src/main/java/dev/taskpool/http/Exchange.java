package dev.taskpool.http;

import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.TaskId;
import io.javalin.http.Context;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.io.InputStream;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/** One request, and what every handler needs of it. What is wrong with it is a {@link Problem}. */
final class Exchange {
    static final int MAX_WAIT_SECONDS = 300;

    /** By which a task that waits for others says who it is; commands have the value in {@code TASKPOOL_TASK_ID}. */
    private static final String TASK_HEADER = "Taskpool-Task";

    private final Context context;
    private final Caller caller;
    private final String requestId;
    private final int maxBytes;
    private final Map<String, List<String>> query;
    private final @Nullable TaskId waitingTask;
    private final ReentrantLock lock = new ReentrantLock();
    /** Guarded by the lock, as is whether it is still to come. */
    private @Nullable ClientWatch watch;

    private boolean answering;

    /** @param known query parameters of the route; any other is refused */
    Exchange(Context context, Caller caller, String requestId, int maxBytes, Set<String> known) {
        this.context = context;
        this.caller = caller;
        this.requestId = requestId;
        this.maxBytes = maxBytes;
        this.query = query(context.req().getQueryString(), known);
        this.waitingTask = waitingTask(context.req().getHeader(TASK_HEADER));
    }

    private static @Nullable TaskId waitingTask(@Nullable String header) {
        if (header == null) {
            return null;
        }
        return TaskId.parse(header)
                .orElseThrow(() -> Problem.field(
                        ProblemCode.INVALID_REQUEST,
                        "header:" + TASK_HEADER,
                        "must be the id of the task that asks, is '" + shortened(header) + "'"));
    }

    /** Returns the task that asks, where one says that it does, or null. */
    @Nullable
    TaskId waitingTask() {
        return waitingTask;
    }

    Caller caller() {
        return caller;
    }

    String requestId() {
        return requestId;
    }

    HttpServletRequest servlet() {
        return context.req();
    }

    String path(String name) {
        return context.pathParam(name);
    }

    @Nullable
    String header(String name) {
        return context.req().getHeader(name);
    }

    /** Tells when the client goes away before it is answered. Only for a request that no thread works on. */
    void watch(Runnable gone) {
        lock.lock();
        try {
            if (!answering && watch == null) {
                watch = ClientWatch.of(context.req(), gone);
            }
        } finally {
            lock.unlock();
        }
    }

    /** The answer is about to be written: the connection is the server's again. */
    void answering() {
        lock.lock();
        try {
            answering = true;
            if (watch != null) {
                watch.end();
                watch = null;
            }
        } finally {
            lock.unlock();
        }
    }

    private static Map<String, List<String>> query(@Nullable String text, Set<String> known) {
        if (text == null || text.isEmpty()) {
            return Map.of();
        }
        Map<String, List<String>> all = new LinkedHashMap<>();
        List<Problem.FieldError> errors = new ArrayList<>();
        for (String pair : text.split("&")) {
            if (pair.isEmpty()) {
                continue;
            }
            int equals = pair.indexOf('=');
            String name = decoded(equals < 0 ? pair : pair.substring(0, equals));
            if (!known.contains(name)) {
                errors.add(new Problem.FieldError(
                        "query:" + shortened(name),
                        "there is no such parameter here" + (known.isEmpty() ? "" : "; there are " + sorted(known))));
                continue;
            }
            all.computeIfAbsent(name, k -> new ArrayList<>(1))
                    .add(decoded(equals < 0 ? "" : pair.substring(equals + 1)));
        }
        if (!errors.isEmpty()) {
            throw Problem.fields(ProblemCode.INVALID_REQUEST, errors);
        }
        return all;
    }

    private static String decoded(String text) {
        try {
            return URLDecoder.decode(text, StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            throw Problem.field(ProblemCode.INVALID_REQUEST, "query:" + shortened(text), "is not percent-encoded");
        }
    }

    private static String sorted(Set<String> names) {
        return String.join(", ", names.stream().sorted().toList());
    }

    static String shortened(String value) {
        return value.length() <= 80 ? value : value.substring(0, 80) + "…";
    }

    static Problem badQuery(String name, String detail) {
        return Problem.field(ProblemCode.INVALID_REQUEST, "query:" + name, detail);
    }

    /** Returns a parameter that may come once, or null. An empty one counts as absent. */
    @Nullable
    String query(String name) {
        List<String> all = query.get(name);
        if (all == null) {
            return null;
        }
        if (all.size() > 1) {
            throw badQuery(name, "may be given once, is given " + all.size() + " times");
        }
        return all.getFirst().isEmpty() ? null : all.getFirst();
    }

    /** Returns all values of a parameter that may be repeated. Empty ones count as absent. */
    List<String> queries(String name) {
        return query.getOrDefault(name, List.of()).stream()
                .filter(v -> !v.isEmpty())
                .toList();
    }

    int query(String name, int otherwise, int min, int max) {
        String text = query(name);
        if (text == null) {
            return otherwise;
        }
        try {
            int value = Integer.parseInt(text);
            if (value >= min && value <= max) {
                return value;
            }
        } catch (NumberFormatException e) {
            throw badQuery(name, "must be an integer from " + min + " to " + max + ", is '" + shortened(text) + "'");
        }
        throw badQuery(name, "must be from " + min + " to " + max + ", is " + shortened(text));
    }

    /** Returns a parameter that is true or false, or false where there is none. An empty one may be meant for either. */
    boolean flag(String name) {
        String text = query(name);
        if (text == null) {
            if (query.containsKey(name)) {
                throw badQuery(name, "must be true or false, is empty");
            }
            return false;
        }
        return switch (text) {
            case "true" -> true;
            case "false" -> false;
            default -> throw badQuery(name, "must be true or false, is '" + shortened(text) + "'");
        };
    }

    /** Returns the query parameter {@code wait}, in seconds. */
    int waitSeconds() {
        return query("wait", 0, 0, MAX_WAIT_SECONDS);
    }

    /** Reads the body, which has to be JSON of a bounded size. */
    byte[] body() {
        HttpServletRequest request = context.req();
        requireJson(request.getContentType());
        String encoding = request.getHeader("Content-Encoding");
        if (encoding != null && !encoding.strip().equalsIgnoreCase("identity")) {
            throw Problem.of(
                    ProblemCode.UNSUPPORTED_MEDIA_TYPE,
                    "send the body as it is, without Content-Encoding: " + shortened(encoding));
        }
        long announced = request.getContentLengthLong();
        if (announced > maxBytes) {
            throw tooLarge("has " + announced + " bytes");
        }
        try {
            InputStream in = request.getInputStream();
            byte[] body;
            if (announced >= 0) {
                body = in.readNBytes((int) announced);
                if (body.length < announced) {
                    throw Problem.of(
                            ProblemCode.INVALID_REQUEST,
                            "the body ended after " + body.length + " of " + announced + " bytes");
                }
            } else {
                body = in.readNBytes(maxBytes + 1);
            }
            if (body.length > maxBytes) {
                throw tooLarge("has more");
            }
            return body;
        } catch (IOException e) {
            throw Problem.of(ProblemCode.INVALID_REQUEST, "the body could not be read to its end");
        }
    }

    private Problem tooLarge(String has) {
        return Problem.of(
                ProblemCode.REQUEST_TOO_LARGE,
                "the body may have " + maxBytes + " bytes (server.max_request_bytes), it " + has);
    }

    private static void requireJson(@Nullable String contentType) {
        if (contentType == null || contentType.equals(Answer.JSON)) {
            return;
        }
        String type = contentType.toLowerCase(Locale.ROOT);
        int end = type.indexOf(';');
        String essence = (end < 0 ? type : type.substring(0, end)).strip();
        boolean otherCharset = end >= 0
                && type.substring(end).contains("charset")
                && !type.substring(end).contains("utf-8");
        if (!essence.equals(Answer.JSON) || otherCharset) {
            throw Problem.of(
                    ProblemCode.UNSUPPORTED_MEDIA_TYPE,
                    "send Content-Type: application/json (UTF-8), not " + shortened(contentType));
        }
    }
}
