package dev.taskpool.model;

/**
 * An entry of the outbox: a callback of which a try is to come.
 *
 * @param subject whose end it tells
 * @param number of the callback
 * @param due when, in Unix milliseconds
 */
public record CallbackDue(CallbackSubject subject, int number, long due) implements Comparable<CallbackDue> {
    /** The earliest first; of one subject and instant, in the order in which they were added. */
    @Override
    public int compareTo(CallbackDue other) {
        int byDue = Long.compare(due, other.due);
        int bySubject = byDue != 0 ? byDue : Long.compare(subject.sequence(), other.subject.sequence());
        return bySubject != 0 ? bySubject : Integer.compare(number, other.number);
    }
}
