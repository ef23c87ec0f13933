/**
 * What tasks write to standard output and standard error: one file each in the data folder, capped by truncation.
 *
 * <p>Written by the threads of runs, read by HTTP while the task runs and after restarts. Promises that what was written
 * is readable at once and that nobody is blocked or killed for writing too much. Knows ids, not tasks.
 */
@NullMarked
package dev.taskpool.output;

import org.jspecify.annotations.NullMarked;
