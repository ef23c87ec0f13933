package dev.taskpool.http;

import dev.taskpool.engine.Engine;
import dev.taskpool.model.BatchId;
import dev.taskpool.model.Problem;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskState;
import dev.taskpool.store.TaskQuery;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.OffsetDateTime;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** Lists of tasks, page by page. */
final class ListHandlers {
    static final Set<String> PARAMETERS =
            Set.of("state", "pool", "callable", "batch_id", "label", "created_after", "cursor", "limit");

    private final Engine engine;

    ListHandlers(Engine engine) {
        this.engine = engine;
    }

    CompletableFuture<Reply> list(Exchange exchange) {
        int limit = exchange.query("limit", 50, 1, 500);
        String pool = exchange.query("pool");
        String callable = exchange.query("callable");
        if (pool != null && !PoolNames.valid(pool)) {
            throw Exchange.badQuery("pool", "must match " + PoolNames.PATTERN + ", is '" + pool + "'");
        }
        // One more than asked for tells whether there is another page.
        TaskQuery query = new TaskQuery(
                states(exchange),
                pool,
                callable,
                batch(exchange.query("batch_id")),
                labels(exchange.queries("label")),
                instant(exchange.query("created_after")),
                before(exchange.query("cursor")),
                limit + 1);
        return engine.list(query).thenApply(found -> () -> page(exchange, found, limit));
    }

    private Answer page(Exchange exchange, List<Task> found, int limit) {
        boolean more = found.size() > limit;
        List<Task> page = more ? found.subList(0, limit) : found;
        String cursor = more ? cursor(page.getLast()) : null;
        Answer answer = Answer.json(200, out -> {
            out.writeStartObject();
            out.writeArrayFieldStart("items");
            for (Task stored : page) {
                Task now = engine.resident(stored.id());
                Task task = now == null ? stored : now;
                if (exchange.caller().maySee(task)) {
                    TaskJson.brief(out, task);
                }
            }
            out.writeEndArray();
            if (cursor != null) {
                out.writeStringField("next_cursor", cursor);
            }
            out.writeEndObject();
        });
        return cursor == null ? answer : answer.with("Link", "<" + next(exchange, cursor) + ">; rel=\"next\"");
    }

    private static String next(Exchange exchange, String cursor) {
        StringBuilder link = new StringBuilder("/v1/tasks?");
        for (String name : PARAMETERS.stream().sorted().toList()) {
            if (!name.equals("cursor")) {
                for (String value : exchange.queries(name)) {
                    link.append(name).append('=').append(encoded(value)).append('&');
                }
            }
        }
        return link.append("cursor=").append(encoded(cursor)).toString();
    }

    private static String encoded(String value) {
        return URLEncoder.encode(value, StandardCharsets.UTF_8);
    }

    private static Set<TaskState> states(Exchange exchange) {
        String text = exchange.query("state");
        Set<TaskState> states = EnumSet.noneOf(TaskState.class);
        if (text != null) {
            for (String each : text.split(",")) {
                try {
                    states.add(TaskState.valueOf(each.strip()));
                } catch (IllegalArgumentException e) {
                    throw Exchange.badQuery(
                            "state",
                            "must be of " + Arrays.toString(TaskState.values()) + ", is '" + Exchange.shortened(each)
                                    + "'");
                }
            }
        }
        return states;
    }

    private static @Nullable BatchId batch(@Nullable String text) {
        return text == null
                ? null
                : BatchId.parse(text)
                        .orElseThrow(() -> Exchange.badQuery(
                                "batch_id", "is no id of a batch: '" + Exchange.shortened(text) + "'"));
    }

    static Map<String, String> labels(List<String> all) {
        if (all.size() > 8) {
            throw Exchange.badQuery("label", "may be given 8 times, is given " + all.size() + " times");
        }
        Map<String, String> labels = new LinkedHashMap<>();
        for (String each : all) {
            int equals = each.indexOf('=');
            if (equals < 1) {
                throw Exchange.badQuery("label", "must be key=value, is '" + Exchange.shortened(each) + "'");
            }
            String value = each.substring(equals + 1);
            String old = labels.put(each.substring(0, equals), value);
            if (old != null && !old.equals(value)) {
                throw Exchange.badQuery("label", "asks for two values of " + each.substring(0, equals));
            }
        }
        return labels;
    }

    private static long instant(@Nullable String text) {
        if (text == null) {
            return 0;
        }
        try {
            // A plus sign of the offset that was not encoded came as a blank.
            return Math.max(
                    0, OffsetDateTime.parse(text.replace(' ', '+')).toInstant().toEpochMilli());
        } catch (DateTimeException | ArithmeticException e) {
            throw Exchange.badQuery(
                    "created_after",
                    "must be an instant as 2026-01-02T03:04:05Z, is '" + Exchange.shortened(text) + "'");
        }
    }

    private static String cursor(Task last) {
        return "c" + Long.toString(last.id().sequence(), 36);
    }

    private static long before(@Nullable String cursor) {
        if (cursor == null) {
            return Long.MAX_VALUE;
        }
        Problem wrong =
                Exchange.badQuery("cursor", "is not a next_cursor of a page: '" + Exchange.shortened(cursor) + "'");
        if (!cursor.startsWith("c")) {
            throw wrong;
        }
        try {
            return Long.parseLong(cursor.substring(1), 36);
        } catch (NumberFormatException e) {
            throw wrong;
        }
    }
}
