package dev.taskpool.http;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.taskpool.model.FailureMatch;
import dev.taskpool.model.RetryPolicy;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The rule for what is tried again, as clients write and see it. What a client leaves out is the callable's. */
final class RetryJson implements JsonIn.Reading {
    static final String PROPERTIES = "delay_ms, factor, max_delay_ms, jitter, on, except";

    private @Nullable Long delay;
    private @Nullable Double factor;
    private @Nullable Long maxDelay;
    private @Nullable Double jitter;
    private @Nullable List<FailureMatch> on;
    private @Nullable List<FailureMatch> except;

    @Override
    public boolean property(JsonIn in, String name) throws IOException {
        switch (name) {
            case "delay_ms" -> delay = in.integer(0, RetryPolicy.MAX_DELAY_MILLIS);
            case "factor" -> factor = in.decimal(1, 10);
            case "max_delay_ms" -> maxDelay = in.integer(0, RetryPolicy.MAX_DELAY_MILLIS);
            case "jitter" -> jitter = in.decimal(0, 1);
            case "on" -> on = matches(in);
            case "except" -> except = matches(in);
            default -> {
                return false;
            }
        }
        return true;
    }

    private static @Nullable List<FailureMatch> matches(JsonIn in) throws IOException {
        List<String> words = in.stringList(RetryPolicy.MAX_MATCHES);
        if (words == null) {
            return null;
        }
        List<FailureMatch> all = new ArrayList<>();
        for (String word : words) {
            try {
                all.add(FailureMatch.parse(word));
            } catch (IllegalArgumentException e) {
                in.error(String.valueOf(e.getMessage()));
            }
        }
        return all;
    }

    /** Returns the rule: what was said, over what the callable says. */
    RetryPolicy over(RetryPolicy callable) {
        return new RetryPolicy(
                delay == null ? callable.delayMillis() : delay,
                factor == null ? callable.factor() : factor,
                maxDelay == null ? callable.maxDelayMillis() : maxDelay,
                jitter == null ? callable.jitter() : jitter,
                on == null ? callable.on() : on,
                except == null ? callable.except() : except);
    }

    /** Writes a rule, with everything that holds. */
    static void write(JsonGenerator out, RetryPolicy policy) throws IOException {
        out.writeObjectFieldStart("retry");
        out.writeNumberField("delay_ms", policy.delayMillis());
        out.writeNumberField("factor", policy.factor());
        out.writeNumberField("max_delay_ms", policy.maxDelayMillis());
        out.writeNumberField("jitter", policy.jitter());
        words(out, "on", policy.on());
        words(out, "except", policy.except());
        out.writeEndObject();
    }

    private static void words(JsonGenerator out, String name, List<FailureMatch> matches) throws IOException {
        if (!matches.isEmpty()) {
            out.writeArrayFieldStart(name);
            for (FailureMatch match : matches) {
                out.writeString(match.text());
            }
            out.writeEndArray();
        }
    }
}
