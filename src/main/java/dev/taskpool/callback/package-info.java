/**
 * Tells receivers that their task is done: at least once, after the end is durable, signed, and only where the operator
 * allows it. The outbox is the store's; this room reads it, sends, and notes what came of it. Knows nothing of who submits.
 */
@NullMarked
package dev.taskpool.callback;

import org.jspecify.annotations.NullMarked;
