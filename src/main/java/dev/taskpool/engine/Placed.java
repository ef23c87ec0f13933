package dev.taskpool.engine;

/**
 * A submission among others.
 *
 * @param at its position, from 0; positions in between may be missing, because they were refused before
 * @param submission what is wanted
 */
public record Placed(int at, Submission submission) {}
