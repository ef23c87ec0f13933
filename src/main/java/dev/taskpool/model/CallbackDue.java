package dev.taskpool.model;

/**
 * An entry of the outbox: a callback of which a try is to come.
 *
 * @param task whose end it tells
 * @param number of the callback
 * @param due when, in Unix milliseconds
 */
public record CallbackDue(TaskId task, int number, long due) implements Comparable<CallbackDue> {
    /** The earliest first; of one task and instant, in the order in which they were added. */
    @Override
    public int compareTo(CallbackDue other) {
        int byDue = Long.compare(due, other.due);
        int byTask = byDue != 0 ? byDue : Long.compare(task.sequence(), other.task.sequence());
        return byTask != 0 ? byTask : Integer.compare(number, other.number);
    }
}
