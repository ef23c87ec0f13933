package dev.taskpool.http;

import dev.taskpool.engine.Grouping;
import dev.taskpool.model.BatchRules;
import dev.taskpool.model.BatchRules.CancelRestOn;
import dev.taskpool.model.Callback;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a request says of a batch as a whole. */
final class BatchRulesJson implements JsonIn.Reading {
    static final String PROPERTIES =
            "atomic, cancel_rest_on, interrupt, success_count, batch_callback_url, batch_callbacks";
    private static final List<String> WORDS = List.of("NEVER", "FIRST_FAILURE", "FIRST_SUCCESS", "DECIDED");

    private final CallbackCheck check;
    private @Nullable Boolean atomic;
    private @Nullable String cancelRestOn;
    private @Nullable Boolean interrupt;
    private @Nullable Long successCount;
    private @Nullable String callbackUrl;
    private final List<CallbackJson.Draft> callbacks = new ArrayList<>();

    BatchRulesJson(CallbackCheck check) {
        this.check = check;
    }

    @Override
    public boolean property(JsonIn in, String name) throws IOException {
        switch (name) {
            case "atomic" -> atomic = in.bool();
            case "cancel_rest_on" -> cancelRestOn = in.word(WORDS);
            case "interrupt" -> interrupt = in.bool();
            case "batch_callback_url" -> callbackUrl = in.string(1, CallbackJson.MAX_URL_CHARS);
            case "batch_callbacks" -> CallbackJson.read(in, callbacks);
            case "success_count" -> successCount = in.integer(1, Integer.MAX_VALUE);
            default -> {
                return false;
            }
        }
        return true;
    }

    /** Returns whether all are accepted, or none. */
    boolean atomic() {
        return !Boolean.FALSE.equals(atomic);
    }

    /** Refuses what so many tasks cannot come to. */
    void check(int size) {
        if (successCount != null && successCount > size) {
            throw Problem.field(
                    ProblemCode.INVALID_REQUEST,
                    "/success_count",
                    "must be at most the number of tasks, which is " + size + ", is " + successCount);
        }
    }

    BatchRules rules() {
        return new BatchRules(
                successCount == null ? 0 : successCount,
                cancelRestOn == null ? CancelRestOn.NEVER : CancelRestOn.valueOf(cancelRestOn),
                Boolean.TRUE.equals(interrupt));
    }

    /** Returns all of it in one form, however it was written; empty where there is nothing. */
    String text() {
        BatchRules rules = rules();
        StringBuilder text = new StringBuilder(rules.equals(BatchRules.NONE) ? "" : " " + rules);
        if (callbackUrl != null) {
            text.append(" told ").append(callbackUrl);
        }
        callbacks.forEach(each -> text.append(' ').append(each));
        return text.toString();
    }

    private List<Callback.Wish> told() {
        return CallbackJson.wishes(callbackUrl, callbacks, check, "/batch_");
    }

    Grouping grouping(Caller caller, int span, String pointer) {
        return new Grouping.AsBatch(caller.name(), rules(), told(), atomic(), span, pointer);
    }

    /** Reads rules from a query that has the same names. */
    static BatchRules of(Exchange exchange) {
        String word = exchange.query("cancel_rest_on");
        if (word != null && !WORDS.contains(word)) {
            throw Exchange.badQuery("cancel_rest_on", "must be one of " + String.join(", ", WORDS));
        }
        return new BatchRules(
                exchange.query("success_count", 0, 1, Integer.MAX_VALUE),
                word == null ? CancelRestOn.NEVER : CancelRestOn.valueOf(word),
                exchange.flag("interrupt"));
    }
}
