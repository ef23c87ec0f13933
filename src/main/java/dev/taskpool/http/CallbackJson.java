package dev.taskpool.http;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.taskpool.model.Callback;
import dev.taskpool.model.CallbackSubject;
import dev.taskpool.model.Callbacks;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.TaskState;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** Callbacks as clients ask for them and see them. */
final class CallbackJson {
    static final String PROPERTIES = "url, on";
    private static final List<String> ENDS = List.of("SUCCEEDED", "FAILED", "CANCELLED");
    static final int MAX_URL_CHARS = 2048;

    private CallbackJson() {}

    /** What a body says of one callback. */
    static final class Draft implements JsonIn.Reading {
        private @Nullable String url;
        private Set<TaskState> on = Callback.Wish.ALL;

        @Override
        public boolean property(JsonIn in, String name) throws IOException {
            switch (name) {
                case "url" -> url = in.string(1, MAX_URL_CHARS);
                case "on" -> {
                    List<String> names = in.stringList(ENDS.size());
                    if (names != null) {
                        on(in, names);
                    }
                }
                default -> {
                    return false;
                }
            }
            return true;
        }

        private void on(JsonIn in, List<String> names) {
            Set<TaskState> ends = new TreeSet<>();
            for (String each : names) {
                if (ENDS.contains(each)) {
                    ends.add(TaskState.valueOf(each));
                } else {
                    in.error("must be some of " + String.join(", ", ENDS) + ", has '" + Exchange.shortened(each) + "'");
                }
            }
            on = ends.isEmpty() ? Callback.Wish.ALL : ends;
        }

        /**
         * Returns it, held against what the operator allows.
         *
         * @param key hash of what it was asked for with; null for none
         */
        Callback.Wish wish(CallbackCheck check, String pointer, @Nullable String key) {
            if (url == null) {
                throw Problem.field(ProblemCode.INVALID_REQUEST, pointer + "/url", "is required");
            }
            check.check(url, pointer + "/url");
            return new Callback.Wish(url, on, key);
        }

        /** Returns the request in one form, however it was written. */
        @Override
        public String toString() {
            return "callback " + new TreeSet<>(on) + " " + url;
        }
    }

    /** Reads an array of callbacks within a body. */
    static void read(JsonIn in, List<Draft> into) throws IOException {
        in.objects(
                Callbacks.MAX,
                PROPERTIES,
                index -> {
                    Draft draft = new Draft();
                    into.add(draft);
                    return draft;
                },
                () -> {});
    }

    /**
     * Returns what a submission asks for, in order: {@code callback_url} is the first.
     *
     * @param pointer to the properties, with what their names begin with
     */
    static List<Callback.Wish> wishes(@Nullable String url, List<Draft> drafts, CallbackCheck check, String pointer) {
        if (url == null && drafts.isEmpty()) {
            return List.of();
        }
        List<Callback.Wish> all = new ArrayList<>();
        if (url != null) {
            check.check(url, pointer + "callback_url");
            all.add(new Callback.Wish(url, Callback.Wish.ALL));
        }
        for (int i = 0; i < drafts.size(); i++) {
            all.add(drafts.get(i).wish(check, pointer + "callbacks/" + i, null));
        }
        if (all.size() > Callbacks.MAX) {
            throw Problem.field(
                    ProblemCode.INVALID_REQUEST,
                    pointer + "callbacks",
                    "may have " + Callbacks.MAX + " items together with callback_url, has " + all.size());
        }
        return all;
    }

    static void write(JsonGenerator out, CallbackSubject subject, Callback callback) throws IOException {
        out.writeStartObject();
        out.writeNumberField("number", callback.number());
        out.writeStringField("webhook_id", callback.messageId(subject));
        out.writeStringField("url", callback.wish().url());
        out.writeArrayFieldStart("on");
        for (TaskState each : new TreeSet<>(callback.wish().on())) {
            out.writeString(each.name());
        }
        out.writeEndArray();
        out.writeStringField("state", callback.state().name());
        out.writeNumberField("attempts", callback.attempts());
        TaskJson.instant(out, "added_at", callback.addedAt());
        TaskJson.instant(out, "next_at", callback.nextAt());
        out.writeArrayFieldStart("tries");
        for (Callback.Try each : callback.tries()) {
            out.writeStartObject();
            TaskJson.instant(out, "at", each.at());
            if (each.status() > 0) {
                out.writeNumberField("status", each.status());
            }
            if (!each.error().isEmpty()) {
                out.writeStringField("error", each.error());
            }
            out.writeNumberField("duration_ms", each.millis());
            out.writeEndObject();
        }
        out.writeEndArray();
        out.writeEndObject();
    }
}
