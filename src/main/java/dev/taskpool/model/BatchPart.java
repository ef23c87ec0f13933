package dev.taskpool.model;

/**
 * A run of positions in a batch whose tasks have sequences without a gap: what was accepted in one write, up to the next
 * position that made no task. All parts of a batch together say where each of its tasks is.
 *
 * @param batch the batch
 * @param index of the first position, from 0
 * @param sequence of the first task
 * @param count tasks, 1 or more
 */
public record BatchPart(BatchId batch, long index, long sequence, int count) {}
