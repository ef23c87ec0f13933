package dev.taskpool.model;

import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One receiver that is to be told when a task or a batch is done ({@code Future.add_done_callback}), and what came of it. Instants are
 * Unix milliseconds, 0 where there is none.
 *
 * @param number among those of its task or batch, from 1, in the order in which they were added
 * @param wish who is to be told of which ends
 * @param addedAt when it was added
 * @param state how far it is
 * @param attempts tries so far
 * @param since tries before it was last asked for: what counts against the limit of tries comes behind them
 * @param nextAt when the next try is due; 0 where none is to come, or the end has not come
 * @param tries the last of them, in order; at most {@link #MAX_TRIES_KEPT}
 */
public record Callback(
        int number, Wish wish, long addedAt, State state, int attempts, int since, long nextAt, List<Try> tries) {
    /** Tries that are remembered. */
    public static final int MAX_TRIES_KEPT = 10;

    private static final int MAX_ERROR_CHARS = 200;

    /** How far a callback is. */
    public enum State {
        /** The end has not come, or a try is to come. */
        PENDING,
        /** A receiver took it. */
        DELIVERED,
        /** The last try that was allowed failed. */
        GAVE_UP,
        /** The receiver answered 410: it wants no more of this. */
        GONE,
        /** The end was another than those that the callback is for. */
        SKIPPED
    }

    /**
     * What was asked for.
     *
     * @param url where to POST
     * @param on the ends that it is for; not empty
     * @param key SHA-256 in base64 of who asked, and the {@code Idempotency-Key}; null where it has none
     */
    public record Wish(
            String url, Set<TaskState> on, @Nullable String key) {
        /** Every way to be done. */
        public static final Set<TaskState> ALL = Set.of(TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELLED);

        public Wish {
            on = Set.copyOf(on);
            if (on.isEmpty() || !ALL.containsAll(on)) {
                throw new IllegalArgumentException("a callback is for ways to be done, not " + on);
            }
        }

        /** One without a key. */
        public Wish(String url, Set<TaskState> on) {
            this(url, on, null);
        }
    }

    /**
     * One try.
     *
     * @param at when it began
     * @param status of HTTP; 0 where there was no answer
     * @param millis how long it took
     * @param error why there was no answer; empty where there was one
     */
    public record Try(long at, int status, long millis, String error) {
        public Try {
            error = error.length() <= MAX_ERROR_CHARS ? error : error.substring(0, MAX_ERROR_CHARS) + "…";
        }
    }

    /**
     * What a try means.
     *
     * @param since as it was in the callback when the try began
     * @param what the try
     * @param then what becomes of the callback, unless it was asked for again meanwhile
     * @param nextAt when the next try is due; 0 where none is to come
     */
    public record Verdict(int since, Try what, State then, long nextAt) {}

    /** One that was just added, before the end. */
    static Callback added(int number, Wish wish, long now) {
        return new Callback(number, wish, now, State.PENDING, 0, 0, 0, List.of());
    }

    /** The end has come. */
    Callback ended(TaskState end, long now) {
        return wish.on().contains(end)
                ? new Callback(number, wish, addedAt, State.PENDING, attempts, since, Math.max(1, now), tries)
                : new Callback(number, wish, addedAt, State.SKIPPED, attempts, since, 0, tries);
    }

    /** To be delivered, whatever came of it before, with all the tries that a new one has. */
    public Callback again(long now) {
        return new Callback(number, wish, addedAt, State.PENDING, attempts, attempts, Math.max(1, now), tries);
    }

    /** A try is over. */
    public Callback tried(Verdict verdict) {
        List<Try> all = new ArrayList<>(tries);
        if (all.size() >= MAX_TRIES_KEPT) {
            all.removeFirst();
        }
        all.add(verdict.what());
        boolean askedForAgain = verdict.since() != since;
        return new Callback(
                number,
                wish,
                addedAt,
                askedForAgain ? state : verdict.then(),
                attempts + 1,
                since,
                askedForAgain ? nextAt : verdict.nextAt(),
                List.copyOf(all));
    }

    /** Returns whether a try is to come that only time stands before. */
    public boolean due() {
        return nextAt > 0;
    }

    /** Returns how many tries count against the limit. */
    public int used() {
        return attempts - since;
    }

    /** Returns the HTTP status of the last try, or 0. */
    public int lastStatus() {
        return tries.isEmpty() ? 0 : tries.getLast().status();
    }

    /** Returns whom it goes to: scheme, host and port. What goes to one of them never waits for what goes to another. */
    public String destination() {
        URI uri = URI.create(wish.url());
        String scheme = String.valueOf(uri.getScheme()).toLowerCase(Locale.ROOT);
        int port = uri.getPort() >= 0 ? uri.getPort() : scheme.equals("https") ? 443 : 80;
        return scheme + "://" + String.valueOf(uri.getHost()).toLowerCase(Locale.ROOT) + ":" + port;
    }

    /** Returns what its receiver knows its message by, the same in all tries. */
    public String messageId(CallbackSubject subject) {
        return subject + "-" + number;
    }
}
