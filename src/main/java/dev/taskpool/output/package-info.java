/**
 * What tasks write to standard output and standard error, in files: the two apart, and in the order in which it came.
 *
 * <p>Written by the threads of runs, read by HTTP while the task runs and after restarts. Promises that what was written
 * is readable at once, that of too much the beginning and the end are kept, and that nobody is blocked or killed for
 * writing it. An offset is a place in all that a stream ever got, a position one in both streams together: neither ever
 * moves, whatever is dropped. Knows ids, not tasks.
 */
@NullMarked
package dev.taskpool.output;

import org.jspecify.annotations.NullMarked;
