package dev.taskpool.callback;

import dev.taskpool.model.CallbackDue;
import dev.taskpool.model.TaskId;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * What is to go to one destination: the earliest of it in memory, the rest in the outbox, and how much may be under way. Its
 * window holds everything up to its boundary. For one thread.
 */
final class Lane {
    /** Entries in memory. */
    static final int WINDOW = 1_000;

    /** Sends at one time before the first answer. */
    private static final int FIRST_LIMIT = 4;

    /** Sends at one time, and connections. */
    static final int MAX_UNDER_WAY = 16;

    private static final CallbackDue NOTHING = new CallbackDue(new TaskId(0, 0), 0, Long.MIN_VALUE);

    final String destination;

    private final TreeSet<CallbackDue> window = new TreeSet<>();

    /** Whether the outbox may have more, behind the boundary. */
    private boolean behind;

    private CallbackDue boundary = NOTHING;
    /** What came while the outbox is being read; null where it is not. */
    private @Nullable List<CallbackDue> arrivals;

    private int underWay;
    private int limit = FIRST_LIMIT;

    Lane(String destination) {
        this.destination = destination;
    }

    /** The outbox has something that was not told here. */
    void startsInOutbox() {
        window.clear();
        behind = true;
        boundary = NOTHING;
    }

    /** Takes an entry in, or leaves it to the outbox, which has it. */
    void add(CallbackDue entry) {
        if (arrivals != null) {
            arrivals.add(entry);
        } else if (!behind || entry.compareTo(boundary) <= 0) {
            window.add(entry);
            if (window.size() > WINDOW) {
                window.removeLast();
                behind = true;
                boundary = window.last();
            }
        }
    }

    /** Returns whether the window is used up and the outbox may have more. */
    boolean wantsRead() {
        return behind && window.isEmpty() && arrivals == null;
    }

    void readBegins() {
        arrivals = new ArrayList<>();
    }

    /** The outbox was read; what is under way may be among what it says. */
    void read(List<CallbackDue> page) {
        window.addAll(page);
        behind = page.size() >= WINDOW;
        if (behind) {
            boundary = page.getLast();
        }
        arrived();
    }

    /** The outbox could not be read. */
    void readFailed() {
        arrived();
    }

    private void arrived() {
        List<CallbackDue> came = arrivals == null ? List.of() : arrivals;
        arrivals = null;
        came.forEach(this::add);
    }

    /** Returns when the first is due; {@code Long.MAX_VALUE} where nothing is known of. */
    long nextDue() {
        return window.isEmpty() ? Long.MAX_VALUE : window.first().due();
    }

    /** Takes the first out, to be sent. */
    CallbackDue begin() {
        underWay++;
        return Objects.requireNonNull(window.pollFirst());
    }

    /**
     * A send is over.
     *
     * @param answered whether the receiver said something, whatever it was. One that does not answer holds what it has until
     *     the time is up: it gets less and less, down to one at a time.
     */
    void end(boolean answered) {
        underWay--;
        limit = answered ? Math.min(MAX_UNDER_WAY, limit + 1) : Math.max(1, limit / 2);
    }

    /** What was taken out did not have to be sent. */
    void endUnsent() {
        underWay--;
    }

    int underWay() {
        return underWay;
    }

    boolean mayBegin() {
        return underWay < limit && !window.isEmpty();
    }

    boolean idle() {
        return underWay == 0 && window.isEmpty() && !behind && arrivals == null;
    }
}
