package dev.taskpool.http;

import dev.taskpool.engine.Accepted;
import dev.taskpool.engine.Engine;
import dev.taskpool.engine.Grouping;
import dev.taskpool.engine.Placed;
import dev.taskpool.engine.Refusal;
import dev.taskpool.model.BatchId;
import dev.taskpool.model.Json;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Takes the lines of a streamed map: those that are there go to the engine together, in one write, while the next ones are
 * read. Waits for room, so that the connection's flow control slows the client down.
 */
final class MapIntake implements Runnable {
    private static final int MOST_AT_ONCE = 1_000;
    private static final long RETRY_MILLIS = 100;

    private final Engine engine;
    private final Submissions submissions;
    private final Caller caller;
    private final MapOptions options;
    private final MapWindow window;
    private final BatchId batch;
    private final Lines lines;
    private final int maxLine;
    private final Set<String> pools = ConcurrentHashMap.newKeySet();

    /** Lines that the batch has. Confined to the thread of this. */
    private long taken;

    private final ReentrantLock gate = new ReentrantLock();

    // Guarded by the gate.
    /** The lines that are being accepted. */
    private CompletableFuture<?> sending = CompletableFuture.completedFuture(null);

    private boolean finished;

    /** @param taken lines that the batch has already */
    MapIntake(
            Engine engine,
            Submissions submissions,
            Caller caller,
            MapOptions options,
            MapWindow window,
            BatchId batch,
            long taken,
            InputStream in,
            int maxLine) {
        this.engine = engine;
        this.submissions = submissions;
        this.caller = caller;
        this.options = options;
        this.window = window;
        this.batch = batch;
        this.taken = taken;
        this.lines = new Lines(in, maxLine);
        this.maxLine = maxLine;
    }

    /** Some lines that follow each other: what they ask for, and what is wrong with those that ask for nothing. */
    private static final class Piece {
        final List<Placed> items = new ArrayList<>();
        final List<Refusal> refusals = new ArrayList<>();
        int span;

        Piece part(int from, int to) {
            Piece part = new Piece();
            part.span = to - from;
            for (Placed item : items) {
                if (item.at() >= from && item.at() < to) {
                    part.items.add(new Placed(item.at() - from, item.submission()));
                }
            }
            for (Refusal refusal : refusals) {
                if (refusal.at() >= from && refusal.at() < to) {
                    part.refusals.add(new Refusal(refusal.at() - from, refusal.problem()));
                }
            }
            return part;
        }
    }

    @Override
    public void run() {
        try {
            if (skipped()) {
                takeAll();
            } else {
                window.end("input_short");
            }
        } catch (IOException e) {
            window.fail(e);
        } catch (InterruptedException e) {
            window.fail(e);
            Thread.currentThread().interrupt();
        } catch (RuntimeException e) {
            window.fail(e.getCause() == null ? e : e.getCause());
        }
    }

    /** Leaves those lines behind that the batch has already; returns whether all of them came. */
    private boolean skipped() throws IOException {
        for (long line = options.firstLine(); line < taken; ) {
            byte[] next = lines.next();
            if (next == null) {
                return false;
            }
            line += blank(next) ? 0 : 1;
        }
        return true;
    }

    private static boolean blank(byte[] line) {
        for (byte b : line) {
            if (b != ' ' && b != '\t') {
                return false;
            }
        }
        return true;
    }

    private void takeAll() throws IOException, InterruptedException {
        Piece before = null;
        CompletableFuture<Accepted> answer = CompletableFuture.failedFuture(new IllegalStateException());
        boolean more = true;
        while (more && window.reason() == null) {
            Piece piece = new Piece();
            more = read(piece, before != null);
            if (before != null) {
                settle(before, answer);
                before = null;
            }
            if (piece.span > 0) {
                if (window.reason() != null) {
                    window.leave(piece.span);
                    return;
                }
                answer = send(piece);
                before = piece;
            }
        }
        if (before != null) {
            settle(before, answer);
        }
        if (window.reason() == null) {
            close("complete");
        }
    }

    private void close(String reason) throws InterruptedException {
        window.closing();
        while (!window.stopped()) {
            try {
                submit(List.of(), new Grouping.More(batch, taken, 0, true)).join();
                window.end(reason);
                return;
            } catch (CompletionException e) {
                if (!(e.getCause() instanceof Problem problem) || !later(problem)) {
                    window.end(e.getCause() instanceof Problem p ? reason(p) : "error");
                    return;
                }
            }
        }
    }

    /**
     * Reads the lines that are there, and waits for the first unless something else is to be done meanwhile.
     *
     * @return whether there may be more
     */
    private boolean read(Piece piece, boolean busy) throws IOException, InterruptedException {
        while (piece.span < MOST_AT_ONCE && ((piece.span == 0 && !busy) || lines.ready())) {
            // Room is not held while there is no line for it: it would never be given back.
            boolean waits = piece.span == 0 && !busy;
            if (!waits && !window.tryEnter()) {
                break;
            }
            byte[] line = lines.next();
            boolean none = line == null || blank(line);
            if (none && !waits) {
                window.leave(1);
            }
            if (line == null) {
                return false;
            }
            if (!none && waits && !window.enter()) {
                return false;
            }
            if (!none) {
                add(piece, line);
            }
        }
        return true;
    }

    private void add(Piece piece, byte[] line) {
        int at = piece.span++;
        try {
            if (line.length > maxLine) {
                throw Problem.of(ProblemCode.REQUEST_TOO_LARGE, "a line may have " + maxLine + " bytes, it has more");
            }
            piece.items.add(new Placed(at, submissions.line(line, options.callable(), options.pool(), caller)));
        } catch (Problem e) {
            piece.refusals.add(new Refusal(at, e));
        }
    }

    private CompletableFuture<Accepted> send(Piece piece) {
        return submit(piece.items, new Grouping.More(batch, taken, piece.span, false));
    }

    private CompletableFuture<Accepted> submit(List<Placed> items, Grouping.More more) {
        gate.lock();
        try {
            if (finished) {
                return CompletableFuture.failedFuture(
                        Problem.of(ProblemCode.LINES_OUT_OF_ORDER, "another request takes the lines of " + batch));
            }
            CompletableFuture<Accepted> answer = engine.submit(items, more, null);
            sending = answer;
            return answer;
        } finally {
            gate.unlock();
        }
    }

    /** Takes no more from now on; completes when nothing is on its way. */
    CompletableFuture<?> finish() {
        gate.lock();
        try {
            finished = true;
            return sending.handle((accepted, error) -> true);
        } finally {
            gate.unlock();
        }
    }

    /** Brings a piece to its end, by as many tries as it takes: lines that were not accepted come again, fewer at once where the queue is full. */
    private void settle(Piece piece, CompletableFuture<Accepted> first) throws InterruptedException {
        Deque<Piece> left = new ArrayDeque<>();
        Piece each = piece;
        CompletableFuture<Accepted> answer = first;
        while (true) {
            Problem problem = problem(answer);
            if (problem == null) {
                accepted(each, answer.join());
            } else if (window.stopped() || !later(problem)) {
                window.leave(each.span);
                window.end(reason(problem));
            } else if (problem.code() == ProblemCode.QUEUE_FULL && each.span > 1) {
                int half = each.span / 2;
                left.addFirst(each.part(half, each.span));
                left.addFirst(each.part(0, half));
            } else {
                left.addFirst(each);
            }
            if (left.isEmpty()) {
                return;
            }
            if (window.reason() != null) {
                left.forEach(part -> window.leave(part.span));
                return;
            }
            each = left.removeFirst();
            answer = send(each);
        }
    }

    private static @Nullable Problem problem(CompletableFuture<Accepted> answer) {
        try {
            answer.join();
            return null;
        } catch (CompletionException e) {
            if (e.getCause() instanceof Problem problem) {
                return problem;
            }
            throw e;
        }
    }

    private void accepted(Piece piece, Accepted accepted) throws InterruptedException {
        accepted.tasks().forEach(task -> pools.add(task.spec().pool()));
        List<Refusal> refusals = new ArrayList<>(piece.refusals);
        refusals.addAll(accepted.refusals());
        for (Refusal refusal : refusals) {
            long index = taken + refusal.at();
            window.settle(new MapWindow.Settled(index, null, null, Json.ofValid(line(index, refusal.problem()))));
        }
        taken += piece.span;
        if (options.stopOnError() && !refusals.isEmpty()) {
            close("refused");
        }
    }

    private static byte[] line(long index, Problem problem) {
        return JsonOut.bytes(out -> {
            out.writeStartObject();
            out.writeNumberField("index", index);
            out.writeNumberField("line", index + 1);
            out.writeFieldName("problem");
            Problems.brief(out, problem);
            out.writeEndObject();
        });
    }

    private boolean later(Problem problem) throws InterruptedException {
        boolean later = problem.code() == ProblemCode.QUEUE_FULL || problem.code() == ProblemCode.STORAGE_UNAVAILABLE;
        if (later) {
            window.awaitSent(RETRY_MILLIS);
        }
        return later;
    }

    private static String reason(Problem problem) {
        return switch (problem.code()) {
            case BATCH_CLOSED -> "closed";
            case LINES_OUT_OF_ORDER -> "moved";
            default -> problem.code().code();
        };
    }

    /** Returns the pools that lines went to. */
    Collection<String> pools() {
        return pools;
    }
}
