/** The commands, and the composition root: everything is made here, in order, by plain constructors. */
@NullMarked
package dev.taskpool.cli;

import org.jspecify.annotations.NullMarked;
