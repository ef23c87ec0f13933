package dev.taskpool.engine;

import java.time.Duration;

/**
 * What an engine is told at its making.
 *
 * @param defaultPool where tasks go that name no pool
 * @param retention how long done tasks are kept
 * @param ageing waiting this long is worth one point of priority
 * @param window pending tasks per pool that are held in memory
 */
public record EngineOptions(String defaultPool, Duration retention, Duration ageing, int window) {}
