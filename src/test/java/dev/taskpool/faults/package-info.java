/** Tests that break things: whole services as processes, killed, starved, told to stop. */
@org.jspecify.annotations.NullMarked
package dev.taskpool.faults;
