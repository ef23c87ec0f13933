/**
 * What can be run by name: the public SPI, the registry, and the callables that every installation has.
 *
 * <p>{@link dev.taskpool.callable.TaskCallable}, {@link dev.taskpool.callable.TaskContext},
 * {@link dev.taskpool.callable.CallableSpec} and {@link dev.taskpool.callable.CallableProvider} are for plugins: they keep
 * their meaning within a major version. Knows nothing of pools, stores and HTTP.
 */
@NullMarked
package dev.taskpool.callable;

import org.jspecify.annotations.NullMarked;
