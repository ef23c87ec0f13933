package dev.taskpool.pool;

import dev.taskpool.callable.Registered;
import dev.taskpool.model.TaskId;
import dev.taskpool.model.TaskSpec;
import dev.taskpool.output.RunOutput;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * One attempt of a task on a worker. Compared by identity: a late word about an earlier attempt is not about this one.
 *
 * <p>Safe for all threads. The engine gives it to a runner; the runner's threads report to {@link Listener}.
 */
public final class Run {
    /** Characters of a message of progress. */
    public static final int MAX_MESSAGE = 1_000;

    private final TaskId id;
    private final TaskSpec spec;
    private final Registered callable;
    private final int attempt;
    private final long deadlineMillis;
    private final RunOutput output;
    private final Listener listener;
    private final AtomicInteger undelivered = new AtomicInteger();
    private volatile boolean stopping;
    private volatile boolean draining;
    private volatile long ignoredStopAt;
    private volatile @Nullable Progress progress;
    private volatile @Nullable Runnable drainListener;

    /** Is told what becomes of a run. */
    @FunctionalInterface
    public interface Listener {
        /** The run ended and nothing of it is left. Told once, from any thread; must not block. */
        void ended(Run run, Ending ending);

        /** The run says how far it is. Told from any thread; must not block. */
        default void progressed(Run run) {}
    }

    /**
     * How far a run says it is.
     *
     * @param fraction 0 to 1
     * @param message may be empty
     */
    public record Progress(double fraction, String message) {}

    /**
     * @param attempt from 1
     * @param deadlineMillis when it will be stopped, in Unix milliseconds; 0 is never
     */
    public Run(
            TaskId id,
            TaskSpec spec,
            Registered callable,
            int attempt,
            long deadlineMillis,
            RunOutput output,
            Listener listener) {
        this.id = id;
        this.spec = spec;
        this.callable = callable;
        this.attempt = attempt;
        this.deadlineMillis = deadlineMillis;
        this.output = output;
        this.listener = listener;
    }

    public TaskId id() {
        return id;
    }

    /** Returns whether text is the id of its task. */
    boolean is(String text) {
        return id.toString().equals(text);
    }

    public TaskSpec spec() {
        return spec;
    }

    public Registered callable() {
        return callable;
    }

    /** Returns which attempt it is, from 1. */
    public int attempt() {
        return attempt;
    }

    /** Returns when it will be stopped, in Unix milliseconds, or 0 for never. */
    public long deadlineMillis() {
        return deadlineMillis;
    }

    public RunOutput output() {
        return output;
    }

    /** Reports the end. */
    public void ended(Ending ending) {
        listener.ended(this, ending);
    }

    /** Returns whether it was asked to stop. */
    public boolean stopping() {
        return stopping;
    }

    /** Counts a worker that was gone before it had this; returns how many there were. */
    int countUndelivered() {
        return undelivered.incrementAndGet();
    }

    /** Remembers that it was asked to stop. */
    public void markStopping() {
        stopping = true;
    }

    /** Returns when it was found that it does not heed being stopped, in Unix milliseconds; 0 where it was not. */
    public long ignoredStopAt() {
        return ignoredStopAt;
    }

    /** Remembers that it does not heed being stopped. */
    public void markIgnoringStop(long atMillis) {
        ignoredStopAt = atMillis;
    }

    /** Returns whether the service is about to stop. */
    public boolean draining() {
        return draining;
    }

    /** Remembers whether the service is about to stop, and passes it on to a worker in another process. */
    public void markDraining(boolean now) {
        draining = now;
        Runnable listener = drainListener;
        if (now && listener != null) {
            listener.run();
        }
    }

    /** Has something done when the service is about to stop, at once where it is; must not block. */
    void onDraining(Runnable listener) {
        drainListener = listener;
        if (draining) {
            listener.run();
        }
    }

    /** Returns how far it says it is, or null where it has not said. */
    public @Nullable Progress progress() {
        return progress;
    }

    /**
     * Says how far it is.
     *
     * @param fraction what lies outside of 0 to 1 counts as the nearer of them, and what is no number as 0
     * @param message the first {@link #MAX_MESSAGE} characters are kept
     */
    public void progress(double fraction, String message) {
        int end = Math.min(message.length(), MAX_MESSAGE);
        if (end < message.length() && Character.isHighSurrogate(message.charAt(end - 1))) {
            end--;
        }
        Progress next =
                new Progress(Math.clamp(Double.isNaN(fraction) ? 0 : fraction, 0, 1), message.substring(0, end));
        if (!next.equals(progress)) {
            progress = next;
            listener.progressed(this);
        }
    }
}
