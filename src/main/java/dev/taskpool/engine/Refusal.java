package dev.taskpool.engine;

import dev.taskpool.model.Problem;

/**
 * A submission among others that was not accepted, where the others were.
 *
 * @param at its position
 * @param problem why
 */
public record Refusal(int at, Problem problem) {}
