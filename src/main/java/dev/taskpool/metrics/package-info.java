/**
 * Figures for operators, in the form of Prometheus. Watches the engine, changes nothing, and is read by whoever asks.
 */
@NullMarked
package dev.taskpool.metrics;

import org.jspecify.annotations.NullMarked;
