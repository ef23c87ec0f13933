package dev.taskpool.callable;

import dev.taskpool.model.Json;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A callable that is known by name.
 *
 * @param spec what is known of it
 * @param code what runs in this JVM; null where it is a command or lives in a worker of another language
 * @param check what its arguments must be beyond its schema; null is anything
 */
public record Registered(
        CallableSpec spec,
        @Nullable TaskCallable code,
        @Nullable ArgumentCheck check) {
    /** Says at submission whether arguments can be passed at all. Safe for all threads. */
    @FunctionalInterface
    public interface ArgumentCheck {
        /** Returns a sentence on why not, or nothing where they can. */
        Optional<String> problem(@Nullable Json args, @Nullable Json kwargs);
    }

    /** One that takes whatever its schema allows. */
    public Registered(CallableSpec spec, @Nullable TaskCallable code) {
        this(spec, code, null);
    }
}
