package dev.taskpool.http;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.taskpool.engine.BatchPage;
import dev.taskpool.model.Batch;
import dev.taskpool.model.BatchRules;
import dev.taskpool.model.Failure;
import dev.taskpool.model.Json;
import dev.taskpool.model.Outcome;
import dev.taskpool.model.Task;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** Batches and their results as clients see them. An absent property means: not known, or does not apply. */
public final class BatchJson {
    private BatchJson() {}

    /** Returns a batch as JSON, as getBatch answers it and callbacks carry it. */
    public static byte[] bytes(Batch batch) {
        return JsonOut.bytes(out -> status(out, batch));
    }

    static void status(JsonGenerator out, Batch batch) throws IOException {
        out.writeStartObject();
        out.writeStringField("id", batch.id().toString());
        fields(out, batch);
        out.writeEndObject();
    }

    /** Everything but the id. */
    static void fields(JsonGenerator out, Batch batch) throws IOException {
        out.writeStringField("state", batch.state().name());
        out.writeBooleanField("done", batch.done());
        out.writeBooleanField("open", batch.open());
        out.writeNumberField("size", batch.size());
        out.writeNumberField("taken", batch.taken());
        out.writeNumberField("refused", batch.refused());
        out.writeObjectFieldStart("counts");
        out.writeNumberField("pending", batch.pending());
        out.writeNumberField("running", batch.running());
        out.writeNumberField("succeeded", batch.succeeded());
        out.writeNumberField("failed", batch.failed());
        out.writeNumberField("cancelled", batch.cancelled());
        out.writeEndObject();
        BatchRules rules = batch.rules();
        if (rules.successCount() > 0) {
            out.writeNumberField("success_count", rules.successCount());
        }
        if (rules.cancelRestOn() != BatchRules.CancelRestOn.NEVER) {
            out.writeStringField("cancel_rest_on", rules.cancelRestOn().name());
        }
        out.writeStringField("created_at", Instants.text(batch.createdAt()));
        if (batch.done() && batch.finishedMicros() > 0) {
            out.writeStringField("finished_at", Instants.text(batch.finishedMicros() / 1000));
        }
        if (batch.expiresAt() > 0) {
            out.writeStringField("expires_at", Instants.text(batch.expiresAt()));
        }
    }

    /** What is at a position. */
    static void position(JsonGenerator out, BatchPage.Position position, Caller caller) throws IOException {
        Task task = position.task();
        boolean shown = task != null && caller.maySee(task);
        result(out, position.index(), shown ? task : null, position.refused());
    }

    /**
     * What became of a position.
     *
     * @param task null where there is none
     * @param refused where there is none, whether there never was one
     */
    static void result(JsonGenerator out, long index, @Nullable Task task, boolean refused) throws IOException {
        out.writeStartObject();
        out.writeNumberField("index", index);
        if (task == null) {
            out.writeBooleanField(refused ? "refused" : "gone", true);
        } else {
            out.writeStringField("task_id", task.id().toString());
            out.writeStringField("state", task.state().name());
            switch (task.outcome()) {
                case null -> {}
                case Outcome.Succeeded(Json value) -> JsonOut.raw(out, "result", value);
                case Outcome.Failed(Failure failure) -> {
                    out.writeFieldName("error");
                    TaskJson.failure(out, failure);
                }
                case Outcome.Cancelled() -> {}
            }
        }
        out.writeEndObject();
    }
}
