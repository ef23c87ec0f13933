package dev.taskpool.engine;

import dev.taskpool.model.Limits;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * What an engine is told at its making.
 *
 * @param defaultPool where tasks go that name no pool
 * @param retention how long done tasks are kept
 * @param ageing waiting this long is worth one point of priority
 * @param window pending tasks per pool that are held in memory
 * @param unenforceable limits that this machine cannot keep, by their names in JSON, with the reason
 */
public record EngineOptions(
        String defaultPool, Duration retention, Duration ageing, int window, Map<String, String> unenforceable) {

    /** On a machine that keeps all limits. */
    public EngineOptions(String defaultPool, Duration retention, Duration ageing, int window) {
        this(defaultPool, retention, ageing, window, Map.of());
    }

    /**
     * Refuses limits that nobody could keep: none is ignored silently.
     *
     * @throws Problem {@code limit_unsupported}, naming each
     */
    void requireEnforceable(Limits limits, String pointer) {
        List<Problem.FieldError> wrong = new ArrayList<>();
        for (String name : limits.byName().keySet()) {
            String reason = unenforceable.get(name);
            if (reason != null) {
                wrong.add(new Problem.FieldError(pointer + "/" + name, reason));
            }
        }
        if (!wrong.isEmpty()) {
            throw Problem.fields(ProblemCode.LIMIT_UNSUPPORTED, wrong);
        }
    }
}
