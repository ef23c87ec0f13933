package dev.taskpool.callable;

import org.jspecify.annotations.Nullable;

/**
 * A callable that is known by name.
 *
 * @param spec what is known of it
 * @param code what runs in this JVM; null where it is a command or lives in a worker of another language
 */
public record Registered(CallableSpec spec, @Nullable TaskCallable code) {}
