package dev.taskpool.engine;

import dev.taskpool.callable.Registered;
import dev.taskpool.model.TaskSpec;

/**
 * A task that somebody wants, already held against its callable. What depends on the pool is still open.
 *
 * @param spec pool is empty where none was named; timeout is null where neither request nor callable named one
 * @param callable what runs
 */
public record Submission(TaskSpec spec, Registered callable) {}
