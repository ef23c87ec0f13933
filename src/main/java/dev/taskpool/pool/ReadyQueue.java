package dev.taskpool.pool;

import java.util.Comparator;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The front of a pool's queue: all ready tasks up to a boundary, in the order in which they start. What is behind the
 * boundary is in the database only, so a million pending tasks do not stand on the heap. Confined to the engine's thread.
 */
public final class ReadyQueue {
    /**
     * A place in the queue.
     *
     * @param place smaller starts first ({@code Task.rank})
     * @param sequence of the task; decides among equals
     */
    public record Entry(long place, long sequence) implements Comparable<Entry> {
        private static final Comparator<Entry> ORDER =
                Comparator.comparingLong(Entry::place).thenComparingLong(Entry::sequence);

        @Override
        public int compareTo(Entry other) {
            return ORDER.compare(this, other);
        }
    }

    /** The boundary when nothing is behind it. */
    private static final Entry END = new Entry(Long.MAX_VALUE, Long.MAX_VALUE);

    private final int window;
    private final TreeSet<Entry> entries = new TreeSet<>();
    private Entry boundary = END;
    private long behind;

    /** @param window entries held at most; what is beyond goes behind the boundary */
    public ReadyQueue(int window) {
        this.window = window;
    }

    /** Starts with so many tasks in the database and none here. */
    public void allBehind(long count) {
        if (count > 0) {
            behind = count;
            boundary = new Entry(Long.MIN_VALUE, Long.MIN_VALUE);
        }
    }

    /**
     * Adds a ready task.
     *
     * @return whether it stands here; otherwise it went behind the boundary, and is found there once it is applied
     */
    public boolean add(Entry entry) {
        if (entry.compareTo(boundary) > 0) {
            behind++;
            return false;
        }
        entries.add(entry);
        return true;
    }

    /** Returns whether more stand here than should. */
    public boolean isOverfull() {
        return entries.size() > window;
    }

    /**
     * Takes the last entry out, unless it is the only one.
     *
     * @return the entry that is behind the boundary now, or null
     */
    public @Nullable Entry overflow() {
        if (entries.size() <= 1) {
            return null;
        }
        Entry last = entries.pollLast();
        boundary = entries.last();
        behind++;
        return last;
    }

    /** Takes the first entry. */
    public @Nullable Entry poll() {
        return entries.pollFirst();
    }

    /**
     * Removes a task that will not start; it may stand here or behind the boundary.
     *
     * @return whether it did
     */
    public boolean remove(Entry entry) {
        if (entries.remove(entry)) {
            return true;
        }
        if (entry.compareTo(boundary) > 0 && behind > 0) {
            // The boundary stays: only the database can say that nothing is behind it.
            behind--;
            return true;
        }
        return false;
    }

    /** Returns whether entry stands here. */
    public boolean contains(Entry entry) {
        return entries.contains(entry);
    }

    /** Returns whether the database should be asked for what is behind the boundary. */
    public boolean wantsMore() {
        return !boundary.equals(END) && entries.size() <= window / 2;
    }

    /** Returns how many may be asked for. */
    public int room() {
        return Math.max(1, window - entries.size());
    }

    /** Returns the boundary: everything up to it stands here. */
    public Entry boundary() {
        return boundary;
    }

    /**
     * Moves the boundary behind entries that the database had there.
     *
     * @param last the last of them, or null where there were none
     * @param all whether there is nothing behind them
     */
    public void advance(@Nullable Entry last, boolean all) {
        if (all) {
            boundary = END;
            behind = 0;
        } else if (last != null) {
            boundary = last;
        }
    }

    /** Moves an entry from behind the boundary to here. To be called after {@link #advance}. */
    public void arrive(Entry entry) {
        if (entries.add(entry) && behind > 0) {
            behind--;
        }
    }

    /** Returns how many stand here. */
    public int size() {
        return entries.size();
    }

    /** Returns how many are ready in all. */
    public long total() {
        return entries.size() + behind;
    }

    /** Returns whether nothing is ready, here or behind. */
    public boolean isEmpty() {
        return entries.isEmpty() && boundary.equals(END);
    }
}
