package dev.taskpool.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * All callbacks of a task or a batch, in the order in which they were added. Immutable.
 *
 * @param all numbered from 1
 */
public record Callbacks(List<Callback> all) {
    /** None: what most have. */
    public static final Callbacks NONE = new Callbacks(List.of());

    /** That many there may be. */
    public static final int MAX = 16;

    /** What is asked for with a submission: the end has not come yet. */
    public static Callbacks of(List<Callback.Wish> wishes, long now) {
        Callbacks all = NONE;
        for (Callback.Wish wish : wishes) {
            all = all.plus(wish, now);
        }
        return all;
    }

    public boolean isEmpty() {
        return all.isEmpty();
    }

    /** Returns these and one more, before the end. */
    public Callbacks plus(Callback.Wish wish, long now) {
        List<Callback> more = new ArrayList<>(all);
        more.add(Callback.added(all.size() + 1, wish, now));
        return new Callbacks(List.copyOf(more));
    }

    /** Returns these and one more, after the end: it is due at once, or not for this end. */
    public Callbacks plus(Callback.Wish wish, TaskState end, long now) {
        return plus(wish, now).with(Callback.added(all.size() + 1, wish, now).ended(end, now));
    }

    /** The end has come: those that are for it are due. */
    public Callbacks ended(TaskState end, long now) {
        return all.isEmpty()
                ? NONE
                : new Callbacks(all.stream().map(c -> c.ended(end, now)).toList());
    }

    /** Returns these with one further on. */
    public Callbacks with(Callback further) {
        return new Callbacks(all.stream()
                .map(c -> c.number() == further.number() ? further : c)
                .toList());
    }

    /**
     * Returns the one of a number.
     *
     * @throws Problem {@code callback_not_found}
     */
    public Callback numbered(int number) {
        if (number < 1 || number > all.size()) {
            throw Problem.of(
                    ProblemCode.CALLBACK_NOT_FOUND,
                    "there are " + all.size() + " callbacks, and none of the number " + number);
        }
        return all.get(number - 1);
    }

    /** Returns the one that was asked for with a key, if there is one. */
    public Optional<Callback> keyed(String key) {
        return all.stream().filter(c -> key.equals(c.wish().key())).findFirst();
    }

    /** Returns whether a try is to come. */
    public boolean due() {
        for (Callback each : all) {
            if (each.due()) {
                return true;
            }
        }
        return false;
    }

    /** Returns these without their tries, as lists have them. */
    public Callbacks brief() {
        if (all.isEmpty()) {
            return NONE;
        }
        return new Callbacks(all.stream()
                .map(c -> new Callback(
                        c.number(),
                        c.wish(),
                        c.addedAt(),
                        c.state(),
                        c.attempts(),
                        c.since(),
                        c.nextAt(),
                        c.tries()
                                .subList(
                                        Math.max(0, c.tries().size() - 1),
                                        c.tries().size())))
                .toList());
    }

    /** Returns about how many bytes they take in memory. */
    public int weight() {
        int bytes = 0;
        for (Callback each : all) {
            int key = each.wish().key() == null ? 0 : 100;
            bytes += 200 + key + each.wish().url().length() + each.tries().size() * 64;
        }
        return bytes;
    }
}
