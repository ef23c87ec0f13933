/**
 * The append-only journal under the store: batches of changes, one frame each, in segment files, until the database has
 * them.
 *
 * <p>What {@link dev.taskpool.journal.Journal#append} has returned for is replayed at the next open, after a {@code kill -9}
 * or, with {@link dev.taskpool.journal.Durability#FSYNC}, after a loss of power; damaged bytes are never delivered; and
 * a frame whose append threw does not come back ({@link dev.taskpool.journal.Journal#failed()} names the one
 * exception).
 *
 * <p>It must not know what a frame holds, nor what a task, a database or a request is: it depends on the JDK alone.
 */
@NullMarked
package dev.taskpool.journal;

import org.jspecify.annotations.NullMarked;
