package dev.taskpool.engine;

import java.util.ArrayDeque;
import java.util.TreeSet;

/**
 * Reads of the database that are under way while memory goes on. What one brings is as old as its beginning, so what memory lets
 * go of meanwhile it still needs to know when that comes; not longer, however many others have begun since. Confined to the
 * engine's thread.
 */
final class Reads {
    private record Later(long behind, Runnable action) {}

    private final TreeSet<Long> open = new TreeSet<>();
    private final ArrayDeque<Later> later = new ArrayDeque<>();
    private long last;

    /** A read begins; returns its number, with which it is to be ended. */
    long begin() {
        open.add(++last);
        return last;
    }

    /** What a read brought is in memory, or not wanted any more. */
    void end(long read) {
        open.remove(read);
        long oldest = open.isEmpty() ? Long.MAX_VALUE : open.first();
        while (!later.isEmpty() && later.element().behind < oldest) {
            later.remove().action.run();
        }
    }

    /** Runs an action when all that are under way now have ended; at once where none is. */
    void afterThese(Runnable action) {
        if (open.isEmpty()) {
            action.run();
        } else {
            later.add(new Later(last, action));
        }
    }
}
