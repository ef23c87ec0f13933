package dev.taskpool.engine;

import dev.taskpool.model.Attempt;
import dev.taskpool.model.Callback;
import dev.taskpool.model.Failure;
import dev.taskpool.model.FailureCode;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskState;
import java.util.ArrayList;
import java.util.List;

/**
 * What happened to a task, told from what the task knows of itself, however long ago it was: its acceptance, its earlier
 * attempts, and where it is. What leaves no trace in a task (that it was snoozed, taken back by a drain) is not told.
 */
public final class TaskStory {
    private final List<Event.OfTask> events = new ArrayList<>();

    /** Of each event: when it came, in Unix milliseconds. */
    private final List<Long> instants = new ArrayList<>();

    private Task then;

    /**
     * An event, and when it came.
     *
     * @param micros since 1970; of a done task no later than its end
     */
    public record Moment(long micros, Event.OfTask event) {}

    private TaskStory(Task task) {
        long delay = task.spec().delayMillis();
        then = Task.accepted(task.id(), task.spec(), task.createdAt(), delay > 0 ? task.createdAt() + delay : 0);
        add(Event.Kind.ACCEPTED, task.createdAt());
    }

    /** Returns the task as it was accepted. */
    public static Task accepted(Task task) {
        return new TaskStory(task).then;
    }

    /**
     * Returns everything up to now, in order. The revision of the last is exact; those before are, unless there was
     * something that leaves no trace.
     */
    public static List<Event.OfTask> of(Task task) {
        return new TaskStory(task).upTo(task);
    }

    /** As {@link #of}, with instants, which never go back. */
    public static List<Moment> moments(Task task) {
        TaskStory story = new TaskStory(task);
        List<Event.OfTask> all = story.upTo(task);
        List<Moment> moments = new ArrayList<>();
        long micros = 0;
        for (int i = 0; i < all.size(); i++) {
            micros = Math.max(micros, story.instants.get(i) * 1_000);
            if (task.done() && (all.get(i).kind() == Event.Kind.DONE || micros > task.finishedMicros())) {
                micros = task.finishedMicros();
            }
            moments.add(new Moment(micros, all.get(i)));
        }
        return moments;
    }

    /** Returns a task as it was in the last of its runs that is over. */
    public static Task running(Task task) {
        Task last = task;
        for (Event.OfTask each : of(task)) {
            last = each.kind() == Event.Kind.RUNNING ? each.task() : last;
        }
        return last;
    }

    private List<Event.OfTask> upTo(Task task) {
        for (Attempt attempt : task.history()) {
            started(attempt.startedAt());
            again(attempt);
        }
        if (task.state() == TaskState.PENDING) {
            if (task.revision() > then.revision()) {
                add(new Event.OfTask(Event.kind(task), task), 0);
                return numbered(task.revision());
            }
            return numbered(then.revision());
        }
        if (task.startedAt() > 0) {
            started(task.startedAt());
            if (task.cancelRequestedAt() > 0) {
                then = then.cancelRequested(task.cancelRequestedAt());
                add(Event.Kind.CANCEL_REQUESTED, task.cancelRequestedAt());
            }
        }
        if (!task.done()) {
            events.set(events.size() - 1, new Event.OfTask(Event.kind(task), task));
            return numbered(task.revision());
        }
        add(new Event.OfTask(Event.Kind.DONE, task), 0);
        // Each try of a callback is a revision as well. Other changes of callbacks leave no trace: rather too high than
        // too low.
        long tries =
                task.callbacks().all().stream().mapToLong(Callback::attempts).sum();
        return numbered(task.revision() - tries);
    }

    private void add(Event.Kind kind, long at) {
        add(new Event.OfTask(kind, then), at);
    }

    /** @param at 0 where it is not known: it came with or behind the one before */
    private void add(Event.OfTask event, long at) {
        events.add(event);
        instants.add(at);
    }

    private void started(long at) {
        if (then.notBefore() > 0) {
            then = then.ready();
            add(Event.Kind.READY, at);
        }
        then = then.started(at);
        add(Event.Kind.RUNNING, at);
    }

    private void again(Attempt attempt) {
        Failure why = attempt.failure() == null ? Failure.of(FailureCode.EXCEPTION, "") : attempt.failure();
        then = attempt.how() == Attempt.Ended.LOST
                ? then.requeuedAfterLoss(Task.Output.NONE, attempt.endedAt())
                : then.retried(attempt.endedAt(), Task.Output.NONE, why, attempt.endedAt(), attempt.runMillis());
        add(Event.Kind.RETRY, attempt.endedAt());
    }

    /**
     * Numbers the events so that the last has its own number: who heard of a later one hears of something twice then rather
     * than never.
     */
    private List<Event.OfTask> numbered(long last) {
        long unseen = Math.max(0, last - events.size());
        List<Event.OfTask> numbered = new ArrayList<>();
        for (Event.OfTask event : events) {
            long own = numbered.size() + 1L;
            numbered.add(new Event.OfTask(event.kind(), event.task(), own == 1 ? 1 : own + unseen));
        }
        return numbered;
    }
}
