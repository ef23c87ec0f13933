/**
 * Pools: the queue of ready tasks, and the three ways to run one: on threads, in worker processes, as a command.
 *
 * <p>A runner starts what it is given at once and tells exactly once how it ended, when nothing of it runs any more. It
 * decides nothing about a task's state: that is the engine's. Knows nothing of stores and HTTP.
 */
@NullMarked
package dev.taskpool.pool;

import org.jspecify.annotations.NullMarked;
