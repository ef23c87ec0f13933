/**
 * The settings of a service as immutable values, and the loader that reads them from a YAML file and the environment. Every
 * mistake is told with its place and what would be right; nothing is ignored silently. Knows no other room but the model.
 */
@NullMarked
package dev.taskpool.config;

import org.jspecify.annotations.NullMarked;
