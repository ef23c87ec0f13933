package dev.taskpool.http;

import dev.taskpool.engine.Engine;
import dev.taskpool.model.Batch;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** {@code Executor.map} with {@code buffersize} over one connection: lines in, results out. */
final class MapHandlers {
    private static final String NDJSON = "application/x-ndjson";
    private static final Set<String> TAKEN =
            Set.of(NDJSON, "application/ndjson", "application/jsonl", "application/json", "application/octet-stream");

    private final Engine engine;
    private final OpenWaits waits;
    private final Submissions submissions;
    private final int maxLine;
    private final MapSessions sessions = new MapSessions();

    MapHandlers(Engine engine, OpenWaits waits, Submissions submissions, int maxLine) {
        this.engine = engine;
        this.waits = waits;
        this.submissions = submissions;
        this.maxLine = maxLine;
    }

    CompletableFuture<Reply> stream(Exchange exchange) {
        requireLines(exchange.header("Content-Type"));
        MapOptions options = MapOptions.of(exchange);
        if (options.callable() != null) {
            submissions.callable(options.callable(), "query:callable");
        }
        String id = exchange.query("batch_id");
        CompletableFuture<Batch> batch = id == null
                ? engine.batches().open(exchange.caller().name(), options.rules())
                : BatchHandlers.visible(engine, exchange.caller(), id).thenApply(found -> follows(found, options));
        return batch.thenApply(found -> () -> Answer.live(
                        200,
                        NDJSON,
                        new MapStream(engine, waits, exchange, options, submissions, maxLine, sessions, found))
                .with("Cache-Control", "no-store")
                .with("X-Accel-Buffering", "no")
                .with("X-Content-Type-Options", "nosniff"));
    }

    private static Batch follows(Batch batch, MapOptions options) {
        if (options.firstLine() > batch.taken()) {
            throw Problem.of(
                    ProblemCode.LINES_OUT_OF_ORDER,
                    "batch " + batch.id() + " has taken " + batch.taken() + " lines; first_line is "
                            + options.firstLine() + ", and those in between are missing");
        }
        return batch;
    }

    /** What a browser sends without asking anybody is not among them. */
    private static void requireLines(@Nullable String contentType) {
        if (contentType == null) {
            return;
        }
        int end = contentType.indexOf(';');
        String essence = (end < 0 ? contentType : contentType.substring(0, end)).strip();
        if (!TAKEN.contains(essence.toLowerCase(Locale.ROOT))) {
            throw Problem.of(
                    ProblemCode.UNSUPPORTED_MEDIA_TYPE,
                    "send Content-Type: " + NDJSON + ", not " + Exchange.shortened(contentType));
        }
    }
}
