@NullMarked
package dev.taskpool.cli;

import org.jspecify.annotations.NullMarked;
