/**
 * The words of Taskpool as values: tasks, states, outcomes, limits, problems.
 *
 * <p>Everything here is immutable and free of I/O, threads and clocks. The rules that need nothing else stand here as
 * well: which state may follow which, what an id looks like, what a pool's settings may be. Knows no other room.
 */
@NullMarked
package dev.taskpool.model;

import org.jspecify.annotations.NullMarked;
