package dev.taskpool.store;

import dev.taskpool.model.Callback;
import dev.taskpool.model.Callbacks;
import dev.taskpool.model.TaskState;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** The bytes of callbacks, for the journal and for H2's column. Numbers that stand for enums never change. */
final class CallbackCodec {
    /** Among the ends, which begin with 1: a key follows. */
    private static final int KEY = 1;

    private CallbackCodec() {}

    /** What a task's callbacks are, and the revision of the task to which they came last. */
    record Stored(Callbacks callbacks, long revision) {}

    static void all(Callbacks callbacks, Bytes out) {
        out.putLong(callbacks.all().size());
        callbacks.all().forEach(each -> one(each, out));
    }

    static Callbacks all(Bytes.Reader in) {
        List<Callback> all = new ArrayList<>();
        for (int left = in.readInt(); left > 0; left--) {
            all.add(one(in));
        }
        return new Callbacks(List.copyOf(all));
    }

    static void one(Callback callback, Bytes out) {
        out.putLong(callback.number());
        out.putString(callback.wish().url());
        String key = callback.wish().key();
        int ends = key == null ? 0 : KEY;
        for (TaskState end : callback.wish().on()) {
            ends |= 1 << Codec.code(end);
        }
        out.putByte(ends);
        if (key != null) {
            out.putString(key);
        }
        out.putLong(callback.addedAt());
        out.putByte(code(callback.state()));
        out.putLong(callback.attempts());
        out.putLong(callback.since());
        out.putLong(callback.nextAt());
        out.putLong(callback.tries().size());
        for (Callback.Try each : callback.tries()) {
            out.putLong(each.at());
            out.putLong(each.status());
            out.putLong(each.millis());
            out.putString(each.error());
        }
    }

    static Callback one(Bytes.Reader in) {
        int number = in.readInt();
        String url = in.readString();
        int mask = in.readByte();
        Set<TaskState> ends = new HashSet<>();
        for (TaskState end : Callback.Wish.ALL) {
            if ((mask & 1 << Codec.code(end)) != 0) {
                ends.add(end);
            }
        }
        Callback.Wish wish = new Callback.Wish(url, ends, (mask & KEY) == 0 ? null : in.readString());
        long addedAt = in.readLong();
        Callback.State state = state(in.readByte());
        int attempts = in.readInt();
        int since = in.readInt();
        long nextAt = in.readLong();
        List<Callback.Try> tries = new ArrayList<>();
        for (int left = in.readInt(); left > 0; left--) {
            tries.add(new Callback.Try(in.readLong(), in.readInt(), in.readLong(), in.readString()));
        }
        return new Callback(number, wish, addedAt, state, attempts, since, nextAt, List.copyOf(tries));
    }

    private static int code(Callback.State state) {
        return switch (state) {
            case PENDING -> 1;
            case DELIVERED -> 2;
            case GAVE_UP -> 3;
            case GONE -> 4;
            case SKIPPED -> 5;
        };
    }

    private static Callback.State state(int code) {
        return switch (code) {
            case 1 -> Callback.State.PENDING;
            case 2 -> Callback.State.DELIVERED;
            case 3 -> Callback.State.GAVE_UP;
            case 4 -> Callback.State.GONE;
            case 5 -> Callback.State.SKIPPED;
            default -> throw new IllegalStateException("unknown state of a callback in the store: " + code);
        };
    }
}
