package dev.taskpool.http;

import dev.taskpool.engine.Engine;
import dev.taskpool.engine.Event;
import dev.taskpool.engine.Events;
import dev.taskpool.engine.Subscription;
import dev.taskpool.engine.TaskStory;
import dev.taskpool.model.Batch;
import dev.taskpool.model.PoolState;
import dev.taskpool.model.Problem;
import dev.taskpool.model.Task;
import dev.taskpool.pool.Run;
import dev.taskpool.store.Change;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;

/**
 * What happens to all tasks, those of a pool, or those of a batch, as the log has it. A batch's beginning that the log does
 * not have is told from what its tasks are by now. For one thread.
 */
final class LogEvents implements EventLoop.Source {
    private static final int WHOLE_FRAME = Integer.MAX_VALUE;

    private final Engine engine;
    private final Caller caller;
    private final EventWriter writer;
    private final Events.Scope scope;
    private final @Nullable Batch batch;
    private final @Nullable EventCursor from;
    private final boolean now;

    /** Of the event behind which it resumes. */
    private long resumedFrame;

    private int resumedIndex;

    /** Of a batch: all ends up to this instant were told. */
    private long micros;

    /** Of a batch: tasks whose end was not told. */
    private final Set<Long> open = new HashSet<>();

    /** Of a batch: what was told of tasks that went further while they were read. */
    private final Map<Long, Long> revisions = new HashMap<>();

    /** Whether something happened to the pool since it was asked how it is. */
    private boolean poolChanged = true;

    private boolean poolDown;

    /**
     * @param from where to begin; null at the beginning of what there is
     * @param now whether that is not wanted, only what comes; not for a batch
     */
    LogEvents(
            Engine engine,
            Caller caller,
            EventWriter writer,
            Events.Scope scope,
            @Nullable Batch batch,
            @Nullable EventCursor from,
            boolean now) {
        this.now = now;
        this.engine = engine;
        this.caller = caller;
        this.writer = writer;
        this.scope = scope;
        this.batch = batch;
        this.from = from;
    }

    @Override
    public Events.Scope scope() {
        return scope;
    }

    @Override
    public void begin(Subscription log, OutputStream out) throws IOException {
        if (from instanceof EventCursor.OfLog place && kept(engine.events(), place)) {
            resume(place, log);
        } else if (batch != null) {
            beginBatch(batch, log, out);
        } else if (from != null) {
            throw new EventLoop.GoneException();
        } else {
            long oldest = engine.events().oldest();
            byte[] data = JsonOut.bytes(json -> {
                json.writeStartObject();
                json.writeStringField("from", now ? "now" : "oldest");
                json.writeBooleanField("complete", !now && oldest == 1);
                json.writeEndObject();
            });
            if (!now) {
                log.seek(oldest - 1);
            }
            writer.event(null, "begin", data, out);
        }
    }

    /** Returns whether the log has everything behind a place. */
    static boolean kept(Events events, EventCursor.OfLog place) {
        long oldest = events.oldest() - (place.index() == WHOLE_FRAME ? 1 : 0);
        return place.frame() >= oldest && place.frame() <= events.told();
    }

    private void resume(EventCursor.OfLog place, Subscription log) throws IOException {
        resumedFrame = place.frame();
        resumedIndex = place.index();
        micros = place.micros();
        if (batch != null) {
            // Those that ended later are told by the log.
            for (Task task : tasks(batch)) {
                if (!task.done() || task.finishedMicros() > micros) {
                    open.add(task.id().sequence());
                }
            }
        }
        log.seek(place.index() == WHOLE_FRAME ? place.frame() : place.frame() - 1);
    }

    private List<Task> tasks(Batch of) throws IOException {
        try {
            return engine.batches().tasks(of.id(), TaskIds.MOST).join().stream()
                    .filter(task -> caller.maySee(task))
                    .toList();
        } catch (CompletionException e) {
            throw new IOException("the tasks of the batch cannot be read", e);
        }
    }

    /** One event of one task, by its place in the task's story. */
    private record Place(long micros, Task task, int number, boolean end) {
        private static final Comparator<Place> ORDER = Comparator.comparingLong(Place::micros)
                .thenComparingLong(place -> place.task.id().sequence())
                .thenComparingInt(Place::number);
    }

    /** Tells what happened to its tasks, in order; each end once however often this is cut. */
    private void beginBatch(Batch of, Subscription log, OutputStream out) throws IOException {
        Engine.Told told;
        try {
            told = engine.told().join();
        } catch (CompletionException e) {
            throw new IOException("the engine cannot be asked", e);
        }
        List<Task> tasks = tasks(of);
        log.seek(told.frame());
        EventCursor.OfStory known = switch (from) {
            case EventCursor.OfStory story -> story;
            case EventCursor.OfLog place -> new EventCursor.OfStory(place.micros(), 0);
            case null, default -> new EventCursor.OfStory(0, 0);
        };
        long since = 0;
        for (Place place : places(tasks, told.micros())) {
            micros = place.end ? place.micros : micros;
            since = place.end ? 0 : since + 1;
            if (micros > known.micros() || (!place.end && micros == known.micros() && since > known.since())) {
                // Made once more instead of kept: there may be many.
                List<Event.OfTask> story = TaskStory.of(whole(place.task));
                if (place.number < story.size()) { // else it was deleted in between
                    Event.OfTask event = story.get(place.number);
                    tell(new EventCursor.OfStory(micros, since), event.kind(), event.task(), out);
                }
            }
        }
    }

    /** Lists have tasks without their earlier attempts, which are a part of what happened. */
    private Task whole(Task task) throws IOException {
        if (task.attempt() <= 1) {
            return task;
        }
        try {
            return engine.find(task.id()).join().orElse(task);
        } catch (CompletionException e) {
            throw new IOException("a task of the batch cannot be read", e);
        }
    }

    /** Returns what is told from the tasks, in order, and notes what is left to the log. */
    private List<Place> places(List<Task> tasks, long toldMicros) throws IOException {
        List<Place> places = new ArrayList<>();
        for (Task brief : tasks) {
            Task task = whole(brief);
            long sequence = task.id().sequence();
            // Ends that everybody was told of by then come from here, the others from the log.
            boolean ended = task.done() && task.finishedMicros() <= toldMicros;
            List<TaskStory.Moment> moments = TaskStory.moments(task);
            int here = moments.size() - (task.done() && !ended ? 1 : 0);
            for (int i = 0; i < here; i++) {
                places.add(new Place(moments.get(i).micros(), brief, i, ended && i == here - 1));
            }
            revisions.put(
                    sequence,
                    ended ? Long.MAX_VALUE : moments.get(here - 1).event().revision());
            if (!ended) {
                open.add(sequence);
            }
        }
        places.sort(Place.ORDER);
        return places;
    }

    private void tell(EventCursor id, Event.Kind kind, Task task, OutputStream out) throws IOException {
        writer.event(id.toString(), kind.word(), data(kind, task), out);
    }

    /** A task as lists have it; one that is to run again with its attempts, which say why. */
    static byte[] data(Event.Kind kind, Task task) {
        return JsonOut.bytes(json -> {
            if (kind == Event.Kind.RETRY) {
                TaskJson.ended(json, task);
            } else {
                TaskJson.brief(json, task);
            }
        });
    }

    @Override
    public boolean more(Subscription log, OutputStream out) throws IOException {
        boolean[] wrote = new boolean[1];
        if (!log.read((frame, index, change) -> wrote[0] |= change(frame, index, change, log, out))) {
            throw new EventLoop.GoneException();
        }
        if (poolChanged && scope.pool() != null) {
            poolChanged = false;
            // Once more round: what came before it was down is told before the end.
            poolDown = down(scope.pool());
            if (poolDown) {
                wrote[0] |= more(log, out);
            }
        }
        return wrote[0];
    }

    private boolean down(String pool) {
        try {
            return engine.pool(pool).join().state() == PoolState.SHUT_DOWN;
        } catch (CompletionException e) {
            return e.getCause() instanceof Problem;
        }
    }

    private boolean change(long frame, int index, Change change, Subscription log, OutputStream out)
            throws IOException {
        List<Event> events = Event.of(change);
        boolean wrote = false;
        for (int i = 0; i < events.size(); i++) {
            int number = index * 2 + i;
            Event event = events.get(i);
            boolean before = frame == resumedFrame && number <= resumedIndex;
            if (!before && scope.has(event)) {
                wrote |= tell(frame, number, event, log, out);
            }
        }
        return wrote;
    }

    private boolean tell(long frame, int number, Event event, Subscription log, OutputStream out) throws IOException {
        return switch (event) {
            case Event.OfTask(Event.Kind kind, Task task, long revision) -> {
                if (!caller.maySee(task) || (batch != null && !news(kind, task, revision))) {
                    yield false;
                }
                if (kind == Event.Kind.DONE || kind == Event.Kind.RETRY) {
                    Run run = log.takeProgress(task.id().sequence());
                    if (run != null) {
                        progress(run, out);
                    }
                }
                tell(new EventCursor.OfLog(frame, number, micros), kind, task, out);
                yield true;
            }
            case Event.OfPool(String name, String state) -> {
                poolChanged = true;
                if (!caller.mayUsePool(name)) {
                    yield false;
                }
                byte[] data = JsonOut.bytes(json -> {
                    json.writeStartObject();
                    json.writeStringField("name", name);
                    json.writeStringField("state", state);
                    json.writeEndObject();
                });
                writer.event(new EventCursor.OfLog(frame, number, micros).toString(), "pool", data, out);
                yield true;
            }
        };
    }

    /** Of a batch: notes an event; returns whether it was not told. */
    private boolean news(Event.Kind kind, Task task, long revision) {
        long sequence = task.id().sequence();
        if (revision <= revisions.getOrDefault(sequence, 0L)) {
            return false;
        }
        if (kind == Event.Kind.DONE) {
            revisions.remove(sequence);
            if (!open.remove(sequence)) {
                return false;
            }
            micros = Math.max(micros, task.finishedMicros());
        }
        return true;
    }

    @Override
    public void progress(Run run, OutputStream out) throws IOException {
        byte[] data = progress(run, caller);
        if (data != null) {
            writer.event(null, "progress", data, out);
        }
    }

    /** Returns how far a run is, where the caller may see it. */
    static byte @Nullable [] progress(Run run, Caller caller) {
        Run.Progress progress = run.progress();
        boolean visible =
                caller.mayUsePool(run.spec().pool()) && caller.mayRun(run.spec().callable());
        return progress == null || !visible
                ? null
                : JsonOut.bytes(json -> {
                    json.writeStartObject();
                    json.writeStringField("task_id", run.id().toString());
                    json.writeNumberField("attempt", run.attempt());
                    json.writeNumberField("fraction", progress.fraction());
                    json.writeStringField("message", progress.message());
                    json.writeEndObject();
                });
    }

    @Override
    public @Nullable String over() {
        if (batch != null) {
            return open.isEmpty() ? "done" : null;
        }
        return poolDown ? "pool_shut_down" : null;
    }

    @Override
    public @Nullable String here(Subscription log) {
        return batch != null || log.position() == 0
                ? null
                : new EventCursor.OfLog(log.position(), WHOLE_FRAME, 0).toString();
    }

    @Override
    public byte[] end(String reason) {
        return JsonOut.bytes(json -> {
            json.writeStartObject();
            json.writeStringField("reason", reason);
            json.writeEndObject();
        });
    }
}
