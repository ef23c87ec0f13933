package dev.taskpool.callable;

import dev.taskpool.model.FileRules;
import dev.taskpool.model.Json;
import dev.taskpool.model.PoolKind;
import dev.taskpool.model.PoolSettings;
import dev.taskpool.model.Problem;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A callable that is known by name.
 *
 * @param spec what is known of it
 * @param code what runs in this JVM; null where it is a command or lives in a worker of another language
 * @param check what its arguments must be beyond its schema; null is anything
 * @param workerTypes which workers of PROCESS pools have it; empty where none has
 * @param files what it takes along and leaves behind in files; only commands do
 */
public record Registered(
        CallableSpec spec,
        @Nullable TaskCallable code,
        @Nullable ArgumentCheck check,
        Set<String> workerTypes,
        FileRules files) {
    /** Says at submission whether arguments can be passed at all. Safe for all threads. */
    @FunctionalInterface
    public interface ArgumentCheck {
        /** Returns what is wrong, with a pointer into {@code {"args": […], "kwargs": {…}}}, or nothing where they can. */
        Optional<Problem.FieldError> problem(@Nullable Json args, @Nullable Json kwargs);
    }

    public Registered {
        workerTypes = Set.copyOf(workerTypes);
    }

    /** One that takes whatever its schema allows, and runs in this JVM and in Java workers, as far as its spec names their kinds. */
    public Registered(CallableSpec spec, @Nullable TaskCallable code) {
        this(
                spec,
                code,
                null,
                spec.poolKinds().contains(PoolKind.PROCESS) ? Set.of(PoolSettings.JAVA_WORKER) : Set.of(),
                FileRules.NONE);
    }

    /** One that runs as a command. */
    public static Registered command(CallableSpec spec, @Nullable ArgumentCheck check, FileRules files) {
        return new Registered(spec, null, check, Set.of(), files);
    }

    /** One that only workers of this type have. */
    public static Registered of(String workerType, CallableSpec spec) {
        return new Registered(spec, null, null, Set.of(workerType), FileRules.NONE);
    }

    /** Returns whether a pool with these settings can run it. */
    public boolean runsOn(PoolSettings pool) {
        return spec.poolKinds().contains(pool.kind())
                && (pool.kind() != PoolKind.PROCESS || workerTypes.contains(pool.workerType()));
    }

    /** Says for people where it runs: kinds of pool, and worker types where they are not the usual one. */
    public String whereItRuns() {
        StringBuilder text = new StringBuilder("pools of kind ");
        int n = 0;
        for (PoolKind kind : spec.poolKinds().stream().sorted().toList()) {
            text.append(n++ == 0 ? "" : " or ").append(kind);
            if (kind == PoolKind.PROCESS) {
                text.append(" with worker_type ")
                        .append(String.join(
                                " or ", workerTypes.stream().sorted().toList()));
            }
        }
        return text.toString();
    }
}
