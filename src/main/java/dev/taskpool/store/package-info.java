/**
 * The one writer and what lies behind it: the journal first, H2 behind.
 *
 * <p>Promises: when {@link dev.taskpool.store.Store#commit} returns, the changes are durable as configured, in that order
 * and all or none; when it throws, none of them will ever be seen. Reads see everything that was committed before they
 * were asked. All SQL of the project stands here. No thread that runs tasks or can be interrupted enters H2. Knows
 * nothing of pools, runs and HTTP.
 */
@NullMarked
package dev.taskpool.store;

import org.jspecify.annotations.NullMarked;
