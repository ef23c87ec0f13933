package dev.taskpool.callable;

import java.util.Map;

/**
 * The door for plugins: a jar in the plugins folder names its implementation in
 * {@code META-INF/services/dev.taskpool.callable.CallableProvider} and is found by {@link java.util.ServiceLoader}, in the
 * service and in its Java workers alike. Needs a public constructor without parameters.
 */
public interface CallableProvider {
    /** Returns what can be run. Asked once, at start. */
    Map<CallableSpec, TaskCallable> callables();
}
