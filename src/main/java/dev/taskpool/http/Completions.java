package dev.taskpool.http;

import dev.taskpool.engine.Engine;
import dev.taskpool.engine.Waits;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * {@code concurrent.futures.as_completed}: tasks in the order in which they end, those that have first, each once. Holds an
 * id for each task and nothing else of it: results are read when it is their turn, a piece at a time, and a client that
 * reads slowly is waited for. For one thread; told of ends by the engine's.
 */
final class Completions implements LiveBody {
    /** What is asked of the store at once. */
    private static final int FIND_AT_ONCE = 1_000;

    /** Tasks whose results are read at once, at most. */
    private static final int PIECE = 50;

    /** Ends that come within so long of each other go out together. */
    private static final long GATHER_MILLIS = 5;

    private final Engine engine;
    private final OpenWaits waits;
    private final Exchange exchange;
    private final EventWriter writer;
    private final List<TaskId> ids;
    private final EventCursor.@Nullable Completed from;

    /** Ends in their order, each at most once; never more than there are ids. */
    private final LinkedBlockingQueue<End> ended = new LinkedBlockingQueue<>();

    private int told;
    private int skipped;
    private int forgotten;

    private record End(TaskId id, EventCursor.Completed cursor) {
        static final End WAKE = new End(new TaskId(0, 0), new EventCursor.Completed(0, 0));

        static End of(Task task) {
            return new End(
                    task.id(),
                    new EventCursor.Completed(task.finishedMicros(), task.id().sequence()));
        }
    }

    /**
     * @param ids of tasks that there are, each once
     * @param from ends up to this one were told before
     */
    Completions(
            Engine engine,
            OpenWaits waits,
            Exchange exchange,
            EventWriter writer,
            List<TaskId> ids,
            EventCursor.@Nullable Completed from) {
        this.engine = engine;
        this.waits = waits;
        this.exchange = exchange;
        this.writer = writer;
        this.ids = ids;
        this.from = from;
    }

    @Override
    public void write(OutputStream out) throws IOException {
        CountDownLatch stopped = new CountDownLatch(1);
        Waits.Waiter waiter = task -> ended.add(End.of(task));
        // Entered first and looked at afterwards: no end is missed in between.
        ids.forEach(id -> engine.waits().enter(id.sequence(), waiter));
        OpenWaits.Wait wait = waits.beginEndless(exchange, () -> {
            stopped.countDown();
            ended.add(End.WAKE);
        });
        try {
            writer.begin(out);
            out.flush();
            String reason = follow(stopped, out);
            writer.event(null, "end", end(reason), out);
            out.flush();
        } catch (CompletionException e) {
            throw new IOException("the tasks cannot be read", e);
        } finally {
            wait.end();
            ids.forEach(id -> engine.waits().leave(id.sequence(), waiter));
        }
    }

    private String follow(CountDownLatch stopped, OutputStream out) throws IOException {
        // Ends up to here can be seen by now, all of them; of every later one the waiter is told, in their order.
        long micros = engine.told().join().micros();
        List<End> before = before(micros);
        for (int i = 0; i < before.size(); i += PIECE) {
            tell(before.subList(i, Math.min(before.size(), i + PIECE)), out);
        }
        while (told + skipped + forgotten < ids.size()) {
            boolean last = stopped.getCount() == 0;
            List<End> some = next(micros);
            if (some.isEmpty() && last) {
                return waits.released() ? "draining" : "too_many_waits";
            }
            if (some.isEmpty()) {
                await(micros, some, stopped, out);
            }
            tell(some, out);
        }
        return "done";
    }

    /** Returns ends that are there and are later than an instant, in their order. */
    private List<End> next(long micros) {
        List<End> some = new ArrayList<>();
        ended.drainTo(some, PIECE);
        some.removeIf(end -> end.cursor.micros() <= micros);
        return some;
    }

    /** Waits for ends, and lets more come together. */
    private void await(long micros, List<End> some, CountDownLatch stopped, OutputStream out) throws IOException {
        try {
            End first = ended.poll(EventWriter.HEARTBEAT_MILLIS, TimeUnit.MILLISECONDS);
            if (first == null) {
                writer.heartbeat(null, out);
                out.flush();
            } else if (first.cursor.micros() > micros) {
                some.add(first);
                if (!stopped.await(GATHER_MILLIS, TimeUnit.MILLISECONDS)) {
                    some.addAll(next(micros));
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            stopped.countDown();
        }
    }

    /** Returns the ends up to an instant that were not told, in their order. */
    private List<End> before(long micros) {
        List<End> all = new ArrayList<>();
        for (int i = 0; i < ids.size(); i += FIND_AT_ONCE) {
            List<TaskId> some = ids.subList(i, Math.min(ids.size(), i + FIND_AT_ONCE));
            Map<TaskId, Task> found = engine.find(some).join();
            forgotten += some.size() - found.size();
            for (Task task : found.values()) {
                if (task.done()) {
                    End end = End.of(task);
                    if (from != null && end.cursor.compareTo(from) <= 0) {
                        skipped++;
                    } else if (task.finishedMicros() <= micros) {
                        all.add(end);
                    }
                }
            }
        }
        all.sort((a, b) -> a.cursor.compareTo(b.cursor));
        return all;
    }

    /** Tells of some ends; of many large ones a few at a time are read. */
    private void tell(List<End> some, OutputStream out) throws IOException {
        Map<TaskId, End> ends = new HashMap<>();
        some.forEach(end -> ends.put(end.id, end));
        List<TaskId> left = some.stream().map(End::id).toList();
        while (!left.isEmpty()) {
            List<Task> read = engine.whole(left).join();
            int upTo =
                    read.isEmpty() ? left.size() : left.indexOf(read.getLast().id()) + 1;
            for (Task task : read) {
                End end = java.util.Objects.requireNonNull(ends.get(task.id()));
                writer.event(end.cursor.toString(), "done", JsonOut.bytes(json -> TaskJson.ended(json, task)), out);
            }
            told += read.size();
            forgotten += upTo - read.size();
            left = left.subList(upTo, left.size());
        }
        if (!some.isEmpty()) {
            out.flush();
        }
    }

    private byte[] end(String reason) {
        return JsonOut.bytes(json -> {
            json.writeStartObject();
            json.writeStringField("reason", reason);
            json.writeNumberField("done", told + skipped);
            json.writeNumberField("not_done", ids.size() - told - skipped - forgotten);
            if (forgotten > 0) {
                json.writeNumberField("forgotten", forgotten);
            }
            json.writeEndObject();
        });
    }
}
