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

    /** Tells of acceptance and ends, each once however often this is cut, and then what runs or waits. */
    private void beginBatch(Batch of, Subscription log, OutputStream out) throws IOException {
        Engine.Told told;
        try {
            told = engine.told().join();
        } catch (CompletionException e) {
            throw new IOException("the engine cannot be asked", e);
        }
        List<Task> tasks = tasks(of);
        log.seek(told.frame());
        long accepted = 0;
        if (from instanceof EventCursor.OfAccepted(long count)) {
            accepted = count;
        } else if (from != null) {
            accepted = of.size();
            micros = from instanceof EventCursor.OfEnds(long ends)
                    ? ends
                    : from instanceof EventCursor.OfLog(long frame, int index, long known) ? known : 0;
        }
        for (Task task : tasks) {
            int number = task.spec().batchIndex() + 1;
            if (number > accepted) {
                tell(new EventCursor.OfAccepted(number), Event.Kind.ACCEPTED, TaskStory.accepted(task), out);
            }
            revisions.put(task.id().sequence(), 1L);
        }
        // Ends that everybody was told of by then come from here, the others from the log.
        List<Task> ended = tasks.stream()
                .filter(task -> task.done() && task.finishedMicros() <= told.micros())
                .sorted(Comparator.comparingLong(Task::finishedMicros))
                .toList();
        for (Task task : tasks) {
            open.add(task.id().sequence());
        }
        for (Task task : ended) {
            open.remove(task.id().sequence());
            revisions.put(task.id().sequence(), Long.MAX_VALUE);
            if (task.finishedMicros() > micros) {
                if (task.startedAt() > 0) {
                    tell(new EventCursor.OfEnds(micros), Event.Kind.RUNNING, TaskStory.running(task), out);
                }
                micros = task.finishedMicros();
                tell(new EventCursor.OfEnds(micros), Event.Kind.DONE, task, out);
            }
        }
        for (Task task : tasks) {
            if (!task.done() && task.revision() > 1) {
                revisions.put(task.id().sequence(), task.revision());
                tell(new EventCursor.OfEnds(micros), Event.kind(task), task, out);
            }
        }
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
