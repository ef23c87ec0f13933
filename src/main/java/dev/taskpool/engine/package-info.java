/**
 * The life of a task: submit, dispatch, complete, cancel, retry, wait, recover, drain.
 *
 * <p>One thread (see {@link dev.taskpool.engine.Loop}) owns all live state. It takes what happened from a mailbox, decides,
 * makes the decisions durable as one batch, and only then tells anybody. So every transition is a compare-and-set without
 * a lock, and no answer speaks of a state that is not durable. Knows nothing of HTTP.
 */
@NullMarked
package dev.taskpool.engine;

import org.jspecify.annotations.NullMarked;
