package dev.taskpool.model;

/**
 * Tasks that were submitted together.
 *
 * @param id the batch's id
 * @param size how many tasks it had when it was accepted
 * @param createdAt Unix milliseconds
 */
public record Batch(BatchId id, int size, long createdAt) {}
