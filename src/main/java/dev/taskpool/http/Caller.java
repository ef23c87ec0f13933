package dev.taskpool.http;

import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.Task;
import java.util.Set;

/**
 * Who asks, and what they may.
 *
 * @param name of the token; idempotency keys of different names never meet
 * @param scopes what it may do
 * @param pools pools that it may name; empty is all
 * @param callables callables that it may name, {@code prefix.*} for all with that prefix; empty is all
 */
public record Caller(String name, Set<Scope> scopes, Set<String> pools, Set<String> callables) {
    /** Everybody, where the operator configured no tokens. */
    static final Caller ANYONE = new Caller("", Set.of(Scope.values()), Set.of(), Set.of());

    void require(Scope scope) {
        if (scope != Scope.NONE && !scopes.contains(scope)) {
            throw Problem.of(
                    ProblemCode.FORBIDDEN,
                    "the token " + name + " lacks the scope " + scope.name().toLowerCase(java.util.Locale.ROOT));
        }
    }

    void requirePool(String pool) {
        if (!mayUsePool(pool)) {
            throw Problem.of(ProblemCode.FORBIDDEN, "the token " + name + " is not for the pool " + pool);
        }
    }

    boolean mayUsePool(String pool) {
        return pools.isEmpty() || pools.contains(pool);
    }

    boolean mayRun(String callable) {
        if (callables.isEmpty() || callables.contains(callable)) {
            return true;
        }
        for (String each : callables) {
            if (each.endsWith("*") && callable.startsWith(each.substring(0, each.length() - 1))) {
                return true;
            }
        }
        return false;
    }

    /** Returns whether it may see a task. One that it may not see is not there for it. */
    boolean maySee(Task task) {
        return mayUsePool(task.spec().pool()) && mayRun(task.spec().callable());
    }

    boolean restricted() {
        return !pools.isEmpty() || !callables.isEmpty();
    }
}
