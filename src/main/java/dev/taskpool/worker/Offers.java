package dev.taskpool.worker;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.taskpool.callable.CallableSpec;
import dev.taskpool.callable.JsonValues;
import dev.taskpool.model.Json;
import dev.taskpool.model.OnLost;
import dev.taskpool.model.PoolKind;
import dev.taskpool.model.RetryPolicy;
import java.io.IOException;
import java.net.ProtocolException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What a worker says in its hello that it can run: {@code callables} of {@code workers/PROTOCOL.md}. */
final class Offers {
    private Offers() {}

    /**
     * Reads the callables of a hello.
     *
     * @param json null is none
     * @throws IOException where it is not what the protocol says: a ProtocolException that says where
     */
    static List<CallableSpec> read(@Nullable Json json) throws IOException {
        if (json == null) {
            return List.of();
        }
        JsonNode all = JsonValues.mapper().readTree(json.utf8());
        if (!all.isArray()) {
            throw new ProtocolException("callables is not an array");
        }
        List<CallableSpec> specs = new ArrayList<>();
        for (JsonNode each : all) {
            specs.add(spec(each, "callables[" + specs.size() + "]"));
        }
        return specs;
    }

    private static CallableSpec spec(JsonNode offer, String place) throws ProtocolException {
        JsonNode schema = present(offer, "schema");
        if (schema != null && !schema.isObject()) {
            throw new ProtocolException(place + ".schema is not an object");
        }
        JsonNode timeout = present(offer, "timeout_ms");
        JsonNode attempts = present(offer, "max_attempts");
        if (timeout != null && !(timeout.isIntegralNumber() && timeout.canConvertToLong() && timeout.longValue() > 0)) {
            throw new ProtocolException(place + ".timeout_ms is not a number of milliseconds");
        }
        if (attempts != null && !attempts.canConvertToInt()) {
            throw new ProtocolException(place + ".max_attempts is not a number");
        }
        try {
            return new CallableSpec(
                    offer.path("name").asText(""),
                    offer.path("description").asText(""),
                    Set.of(PoolKind.PROCESS),
                    onLost(present(offer, "on_lost"), place),
                    attempts == null ? 1 : attempts.intValue(),
                    RetryPolicy.DEFAULT,
                    timeout == null ? null : Duration.ofMillis(timeout.longValue()),
                    schema);
        } catch (IllegalArgumentException e) {
            throw new ProtocolException(place + ": " + e.getMessage());
        }
    }

    private static OnLost onLost(@Nullable JsonNode word, String place) throws ProtocolException {
        return switch (word == null ? "fail" : word.asText()) {
            case "fail" -> OnLost.FAIL;
            case "retry" -> OnLost.RETRY;
            default -> throw new ProtocolException(place + ".on_lost must be fail or retry, is " + word);
        };
    }

    private static @Nullable JsonNode present(JsonNode object, String name) {
        JsonNode value = object.get(name);
        return value == null || value.isNull() ? null : value;
    }

    /** Writes the callables of a hello. */
    static Json write(Collection<CallableSpec> specs) {
        ArrayNode all = JsonNodeFactory.instance.arrayNode();
        for (CallableSpec spec : specs) {
            ObjectNode offer = all.addObject();
            offer.put("name", spec.name());
            offer.put("description", spec.description());
            offer.put("on_lost", spec.onLost().name().toLowerCase(Locale.ROOT));
            offer.put("max_attempts", spec.maxAttempts());
            if (spec.timeout() != null) {
                offer.put("timeout_ms", spec.timeout().toMillis());
            }
            if (spec.schema() != null) {
                offer.set("schema", spec.schema());
            }
        }
        try {
            return JsonValues.json(all);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a tree cannot fail to be written", e);
        }
    }
}
