/**
 * The worker protocol, its Java side, and how a service finds its workers: frames of JSON over a Unix domain socket.
 *
 * <p>Arguments and results pass as the bytes that they are: nothing is converted. {@code workers/PROTOCOL.md} is the contract
 * for workers in other languages. Knows nothing of pools, queues and what becomes of a task.
 */
@NullMarked
package dev.taskpool.worker;

import org.jspecify.annotations.NullMarked;
