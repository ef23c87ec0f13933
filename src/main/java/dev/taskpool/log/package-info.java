/** How the log is written: for people or as JSON lines, with the ids of request and task in each. Knows no other room. */
@NullMarked
package dev.taskpool.log;

import org.jspecify.annotations.NullMarked;
