package dev.taskpool.http;

import dev.taskpool.model.BatchRules;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a streamed map asks for.
 *
 * @param callable what lines run that name none; null where they have to
 * @param pool where tasks go whose line names none; null where that is as without a map
 * @param ordered whether results come in the order of the lines, and not as tasks end
 * @param bufferSize lines that are taken and whose results are not sent, at most
 * @param stopOnError whether a line that cannot be done ends it
 * @param firstLine number of the first line that is sent, from 0
 * @param offset index of the first result that is wanted
 * @param rules of the batch, where it is a new one
 */
record MapOptions(
        @Nullable String callable,
        @Nullable String pool,
        boolean ordered,
        int bufferSize,
        boolean stopOnError,
        long firstLine,
        long offset,
        BatchRules rules) {
    static final Set<String> PARAMETERS = Set.of(
            "callable",
            "pool",
            "order",
            "buffer_size",
            "stop_on_error",
            "batch_id",
            "first_line",
            "offset",
            "cancel_rest_on",
            "success_count",
            "interrupt");

    static MapOptions of(Exchange exchange) {
        String order = exchange.query("order");
        if (order != null && !order.equals("input") && !order.equals("completed")) {
            throw Exchange.badQuery("order", "must be input or completed, is '" + Exchange.shortened(order) + "'");
        }
        String pool = exchange.query("pool");
        if (pool != null && !PoolNames.valid(pool)) {
            throw Exchange.badQuery("pool", "must match " + PoolNames.PATTERN + ", is '" + pool + "'");
        }
        return new MapOptions(
                exchange.query("callable"),
                pool,
                !"completed".equals(order),
                exchange.query("buffer_size", 1_000, 1, 10_000),
                exchange.flag("stop_on_error"),
                exchange.query("first_line", 0, 0, Integer.MAX_VALUE),
                exchange.query("offset", 0, 0, Integer.MAX_VALUE),
                BatchRulesJson.of(exchange));
    }
}
