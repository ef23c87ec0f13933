/**
 * Operating-system processes and all that they spawn: start, limits, output, signals, kill, and the proof that nothing is left.
 *
 * <p>A {@link dev.taskpool.process.Spawner} starts each program in a session of its own. It promises that an exit is reported
 * only when the leader ended, its output was read, and no descendant runs any more, daemons included; that a process is never
 * blocked or killed for what it prints; and that no descriptor, thread or zombie stays behind. It knows nothing of tasks,
 * pools, retries or HTTP, and imports nothing of this project: what to run, and why it is killed, is the caller's business.
 */
@NullMarked
package dev.taskpool.process;

import org.jspecify.annotations.NullMarked;
