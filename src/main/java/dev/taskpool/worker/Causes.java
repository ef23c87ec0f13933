package dev.taskpool.worker;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.taskpool.callable.JsonValues;
import dev.taskpool.model.Failure;
import dev.taskpool.model.Json;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The chain of causes of an exception: on its way in a message, and out of a Java exception. */
public final class Causes {
    private static final int MAX_TRACE = 16 << 10;

    private Causes() {}

    /** Reads what a worker tells; what is no list of causes is no reason to lose the error that it came with. */
    static List<Failure.Cause> read(@Nullable Json json) throws IOException {
        List<Failure.Cause> causes = new ArrayList<>();
        if (json != null) {
            for (JsonNode each : JsonValues.mapper().readTree(json.utf8())) {
                if (causes.size() == Failure.MAX_CAUSES) {
                    break;
                }
                String trace = text(each.path("traceback"));
                causes.add(new Failure.Cause(
                        text(each.path("exception")),
                        each.path("message").asText(""),
                        trace == null ? null : shortened(trace)));
            }
        }
        return causes;
    }

    private static @Nullable String text(JsonNode node) {
        return node.isTextual() ? node.textValue() : null;
    }

    static Json write(List<Failure.Cause> causes) {
        ArrayNode all = JsonNodeFactory.instance.arrayNode();
        for (Failure.Cause cause : causes) {
            ObjectNode one = all.addObject();
            if (cause.exceptionType() != null) {
                one.put("exception", cause.exceptionType());
            }
            one.put("message", cause.message());
            if (cause.trace() != null) {
                one.put("traceback", cause.trace());
            }
        }
        try {
            return JsonValues.json(all);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("text cannot fail to be written", e);
        }
    }

    /** Returns the causes of an exception, the nearest first. */
    public static List<Failure.Cause> of(Throwable error) {
        List<Failure.Cause> causes = new ArrayList<>();
        // By identity: exceptions may say that they equal, and a chain may be a ring.
        Set<Throwable> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        seen.add(error);
        for (Throwable cause = error.getCause();
                cause != null && seen.add(cause) && causes.size() < Failure.MAX_CAUSES;
                cause = cause.getCause()) {
            // No trace of its own: that of the exception has it, as Java prints it.
            causes.add(new Failure.Cause(cause.getClass().getName(), message(cause), null));
        }
        return causes;
    }

    /** Returns its message; empty where it has none. */
    public static String message(Throwable error) {
        String message = error.getMessage();
        return message == null ? "" : message;
    }

    /** Returns the stack trace as Java prints it, of the causes too, shortened. */
    public static String trace(Throwable error) {
        StringWriter text = new StringWriter();
        error.printStackTrace(new PrintWriter(text));
        return shortened(text.toString());
    }

    private static String shortened(String trace) {
        return trace.length() <= MAX_TRACE ? trace : trace.substring(0, MAX_TRACE) + "…";
    }
}
