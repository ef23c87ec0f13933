package dev.taskpool.callback;

import dev.taskpool.engine.Engine;
import dev.taskpool.engine.Observer;
import dev.taskpool.model.Batch;
import dev.taskpool.model.BatchId;
import dev.taskpool.model.Callback;
import dev.taskpool.model.CallbackDue;
import dev.taskpool.model.CallbackSubject;
import dev.taskpool.model.Callbacks;
import dev.taskpool.model.Problem;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import dev.taskpool.model.Ticker;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Delivers callbacks: sends what is due, and makes durable what came of it. A receiver may get the same message twice, always
 * with the same {@code webhook-id}; it never gets one about an end that is not durable, because the outbox is filled with it.
 *
 * <p>What is due comes from the engine as it becomes durable; the outbox is read for what the last run left, and for what does
 * not fit a lane's window. Each destination has a lane of its own, a share of what may be under way, and the one with the
 * least under way goes first: who is slow or dead delays nobody else. Before each send the callback is looked at as it is
 * now, so an entry that is out of date does no harm.
 */
public final class Deliveries implements Observer, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Deliveries.class);

    private static final int MAX_UNDER_WAY = 512;
    /** Of them, kept for lanes that have nothing under way. */
    private static final int RESERVE = 128;

    /** Of messages. A lane that has nothing under way may always begin. */
    private static final long MAX_BYTES = 32L << 20;

    private static final int MAX_LOADING = 32;
    private static final int MAX_READS = 2;
    private static final int DESTINATIONS_AT_ONCE = 100;
    /** A callback waits no longer than this for the one before it, of the same subject and to the same destination. */
    private static final long ORDER_MILLIS = 1_000;

    private static final long PAUSE_MILLIS = 1_000;
    private static final long LAST_WORDS_MILLIS = 2_000;

    private final Sender sender;
    private final List<Signature> signatures;
    private final Backoff backoff;
    private final Function<Task, byte[]> body;
    private final Function<Batch, byte[]> batchBody;
    private final Ticker ticker;
    private final RandomGenerator random;
    private final Thread thread;

    /** What the thread is to do. Everybody may add. */
    private final BlockingQueue<Runnable> inbox = new LinkedBlockingQueue<>();

    private volatile @Nullable Engine engine;
    private volatile boolean closing;

    // Confined to the thread.
    private final Map<String, Lane> lanes = new HashMap<>();
    private final Map<Lane, Spot> spots = new HashMap<>();
    private final TreeSet<Spot> ready = new TreeSet<>(
            Comparator.comparingInt(Spot::underWay).thenComparingLong(Spot::due).thenComparing(Spot::destination));
    private final TreeSet<Spot> later =
            new TreeSet<>(Comparator.comparingLong(Spot::due).thenComparing(Spot::destination));
    private final Set<Lane> toRead = new LinkedHashSet<>();
    private final Map<Key, Sending> underWay = new HashMap<>();
    /** Those that others of the same subject and destination come behind. */
    private final Map<Behind, Sending> leaders = new HashMap<>();

    private long bytes;
    private int loading;
    private int reading;
    private volatile boolean senderStarted;

    private record Key(CallbackSubject subject, int number) {}

    private record Behind(CallbackSubject subject, Lane lane) {}

    /** Where a lane stands in the order of those that may send: a picture of it, which the sets can rely on. */
    private record Spot(Lane lane, int underWay, long due) {
        String destination() {
            return lane.destination;
        }
    }

    private static final class Sending {
        final Lane lane;
        final Key key;
        int bytes;

        /** What is to come after it: it was asked for again, or has its next try. */
        @Nullable
        CallbackDue next;

        /** Later callbacks of the same subject, which are sent behind it. */
        final List<CallbackDue> followers = new ArrayList<>();

        Sending(Lane lane, Key key) {
            this.lane = lane;
            this.key = key;
        }
    }

    /**
     * @param secrets each signs all messages; none leaves them unsigned
     * @param timeout of one try
     * @param body a task as the receiver gets it
     * @param batchBody a batch as the receiver gets it
     */
    public Deliveries(
            Destinations destinations,
            List<String> secrets,
            Duration timeout,
            Backoff backoff,
            Function<Task, byte[]> body,
            Function<Batch, byte[]> batchBody,
            Ticker ticker,
            RandomGenerator random) {
        this.sender = new Sender(destinations, timeout, ticker);
        this.signatures = secrets.stream().map(Signature::new).toList();
        this.backoff = backoff;
        this.body = body;
        this.batchBody = batchBody;
        this.ticker = ticker;
        this.random = random;
        this.thread = Thread.ofVirtual().name("callbacks").unstarted(this::run);
    }

    /** Begins, with what the last run left. */
    public void start(Engine started) {
        engine = started;
        inbox.add(() -> scan(""));
        thread.start();
    }

    @Override
    public void done(Task task) {
        if (!task.callbacks().isEmpty()) {
            inbox.add(() -> due(task.id(), task.callbacks()));
        }
    }

    @Override
    public void callbacksChanged(Task task) {
        inbox.add(() -> due(task.id(), task.callbacks()));
    }

    @Override
    public void callbacksChanged(Batch batch) {
        inbox.add(() -> due(batch.id(), batch.callbacks()));
    }

    // --- the thread ---

    private void run() {
        try {
            while (!(closing && underWay.isEmpty())) {
                Runnable next = inbox.poll(waitMillis(), TimeUnit.MILLISECONDS);
                while (next != null) {
                    run(next);
                    next = inbox.poll();
                }
                if (!closing) {
                    pump();
                }
            }
        } catch (InterruptedException e) {
            LOG.debug("callbacks end", e);
        }
    }

    private static void run(Runnable next) {
        try {
            next.run();
        } catch (RuntimeException e) {
            // A fault of the program, in what was to be done for one callback: the others go on.
            LOG.error("a callback is left to the next start", e);
        }
    }

    private long waitMillis() {
        return later.isEmpty() ? TimeUnit.HOURS.toMillis(1) : Math.max(0, later.first().due - ticker.millis());
    }

    /** Asks for the destinations for which the last run left something. */
    private void scan(String after) {
        engine().callbackDestinations(after, DESTINATIONS_AT_ONCE)
                .whenComplete((found, error) -> inbox.add(() -> {
                    if (error != null) {
                        LOG.warn("the outbox cannot be read at the moment: {}", error.toString());
                        pause().execute(() -> inbox.add(() -> scan(after)));
                        return;
                    }
                    for (String destination : found) {
                        Lane lane = lane(destination);
                        lane.startsInOutbox();
                        place(lane);
                    }
                    if (found.size() == DESTINATIONS_AT_ONCE) {
                        scan(found.getLast());
                    }
                }));
    }

    private Lane lane(String destination) {
        return lanes.computeIfAbsent(destination, Lane::new);
    }

    /** The end has come, or callbacks have changed: what is to be sent goes to its lane. */
    private void due(CallbackSubject subject, Callbacks callbacks) {
        for (Callback each : callbacks.all()) {
            if (each.due()) {
                CallbackDue entry = new CallbackDue(subject, each.number(), each.nextAt());
                Sending now = underWay.get(new Key(subject, each.number()));
                if (now != null) {
                    now.next = entry;
                } else {
                    Lane lane = lane(each.destination());
                    lane.add(entry);
                    place(lane);
                }
            }
        }
    }

    /** Puts a lane where it belongs, after anything happened to it. */
    private void place(Lane lane) {
        Spot old = spots.remove(lane);
        if (old != null) {
            ready.remove(old);
            later.remove(old);
        }
        if (lane.wantsRead()) {
            toRead.add(lane);
        }
        if (lane.mayBegin()) {
            Spot spot = new Spot(lane, lane.underWay(), lane.nextDue());
            spots.put(lane, spot);
            later.add(spot);
        } else if (lane.idle()) {
            lanes.remove(lane.destination);
        }
    }

    /** Begins what can be begun. */
    private void pump() {
        while (true) {
            long now = ticker.millis();
            while (!later.isEmpty() && later.first().due <= now) {
                ready.add(later.removeFirst());
            }
            if (ready.isEmpty() || underWay.size() >= MAX_UNDER_WAY || loading >= MAX_LOADING) {
                break;
            }
            Spot first = ready.first();
            if (first.underWay > 0 && (bytes > MAX_BYTES || underWay.size() >= MAX_UNDER_WAY - RESERVE)) {
                break;
            }
            begin(first.lane);
        }
        while (reading < MAX_READS && !toRead.isEmpty()) {
            Lane lane = toRead.iterator().next();
            toRead.remove(lane);
            if (lane.wantsRead()) {
                read(lane);
            }
        }
    }

    private void read(Lane lane) {
        reading++;
        lane.readBegins();
        engine().callbacksDue(lane.destination, Lane.WINDOW)
                .whenComplete((page, error) -> inbox.add(() -> {
                    reading--;
                    if (error == null) {
                        lane.read(page);
                        place(lane);
                    } else {
                        LOG.warn("the outbox cannot be read at the moment: {}", error.toString());
                        pause().execute(() -> inbox.add(() -> {
                            lane.readFailed();
                            place(lane);
                        }));
                    }
                }));
    }

    // --- one send ---

    private void begin(Lane lane) {
        CallbackDue entry = lane.begin();
        Key key = new Key(entry.subject(), entry.number());
        Sending before = underWay.get(key);
        if (before != null) {
            before.next = entry;
            lane.endUnsent();
            place(lane);
            return;
        }
        Sending leader = leaders.get(new Behind(key.subject, lane));
        if (leader != null) {
            if (leader.followers.isEmpty()) {
                pause(ORDER_MILLIS).execute(() -> inbox.add(() -> follow(leader)));
            }
            leader.followers.add(entry);
            lane.endUnsent();
            place(lane);
            return;
        }
        Sending sending = new Sending(lane, key);
        underWay.put(key, sending);
        leaders.put(new Behind(key.subject, lane), sending);
        loading++;
        place(lane);
        find(key.subject)
                .whenComplete((found, error) -> inbox.add(() -> {
                    loading--;
                    loaded(sending, error == null ? found : Optional.empty(), error);
                }));
    }

    private CompletableFuture<Optional<Told>> find(CallbackSubject subject) {
        return switch (subject) {
            case TaskId id -> engine().find(id).thenApply(found -> found.map(t -> Told.of(t, () -> body.apply(t))));
            case BatchId id ->
                engine().batches().find(id).thenApply(found -> found.map(b -> Told.of(b, () -> batchBody.apply(b))));
        };
    }

    private void loaded(Sending sending, Optional<Told> found, @Nullable Throwable error) {
        if (error != null) {
            LOG.warn("what a callback tells of cannot be read at the moment: {}", error.toString());
            sending.next = new CallbackDue(sending.key.subject, sending.key.number, ticker.millis() + PAUSE_MILLIS);
        }
        Told told = found.orElse(null);
        Callback callback = told == null ? null : told.callback(sending.key.number);
        if (told == null || callback == null || told.end() == null || !callback.due() || closing) {
            end(sending, null);
        } else if (callback.nextAt() > ticker.millis()) {
            sending.next = new CallbackDue(told.subject(), callback.number(), callback.nextAt());
            end(sending, null);
        } else {
            send(sending, told, callback);
        }
    }

    private void send(Sending sending, Told told, Callback callback) {
        if (!senderStarted) {
            sender.start();
            senderStarted = true;
        }
        long at = ticker.millis();
        long begun = ticker.nanos();
        Message message = Message.of(told, callback, signatures, at);
        sending.bytes = message.body().length;
        bytes += sending.bytes;
        sender.post(message).thenAccept(answer -> {
            long millis = (ticker.nanos() - begun) / 1_000_000;
            Callback.Try what = new Callback.Try(at, answer.status(), millis, answer.error());
            inbox.add(() -> note(sending, answer, verdict(told.subject(), callback, what, answer)));
        });
    }

    private Callback.Verdict verdict(
            CallbackSubject subject, Callback callback, Callback.Try what, Sender.Answer answer) {
        int used = callback.used() + 1;
        Callback.State then = answer.delivered()
                ? Callback.State.DELIVERED
                // The receiver wants no more of this (Standard Webhooks).
                : answer.status() == 410
                        ? Callback.State.GONE
                        : backoff.again(used) ? Callback.State.PENDING : Callback.State.GAVE_UP;
        if (!answer.delivered()) {
            String result = answer.status() == 0 ? "failed: " + answer.error() : "was answered " + answer.status();
            if (then == Callback.State.PENDING) {
                LOG.debug("callback {} of {}: try {} {}", callback.number(), subject, used, result);
            } else {
                LOG.warn(
                        "callback {} of {} to {} is {}: try {} {}",
                        callback.number(),
                        subject,
                        callback.destination(),
                        then,
                        used,
                        result);
            }
        }
        long next = then == Callback.State.PENDING
                ? ticker.millis() + backoff.pauseMillis(used, answer.retryAfterMillis(), random)
                : 0;
        return new Callback.Verdict(callback.since(), what, then, next);
    }

    private void note(Sending sending, Sender.Answer answer, Callback.Verdict verdict) {
        tried(sending.key, verdict)
                .whenComplete((noted, error) -> inbox.add(() -> {
                    if (error == null || problem(error)) {
                        // With a problem: it was deleted meanwhile.
                        end(sending, answer);
                    } else {
                        LOG.warn("what became of a callback cannot be noted at the moment: {}", error.toString());
                        pause().execute(() -> inbox.add(() -> note(sending, answer, verdict)));
                    }
                }));
    }

    private CompletableFuture<?> tried(Key key, Callback.Verdict verdict) {
        return switch (key.subject) {
            case TaskId id -> engine().tried(id, key.number, verdict);
            case BatchId id -> engine().batches().tried(id, key.number, verdict);
        };
    }

    private static boolean problem(Throwable error) {
        return error instanceof Problem
                || (error instanceof CompletionException && error.getCause() instanceof Problem);
    }

    /** Those that come behind a try no longer wait for it: it is over, or takes too long. */
    private void follow(Sending leader) {
        leaders.remove(new Behind(leader.key.subject, leader.lane), leader);
        leader.followers.forEach(leader.lane::add);
        leader.followers.clear();
        place(leader.lane);
    }

    /** @param answer what the receiver said; null where nothing was sent */
    private void end(Sending sending, Sender.@Nullable Answer answer) {
        underWay.remove(sending.key);
        bytes -= sending.bytes;
        if (answer == null) {
            sending.lane.endUnsent();
        } else {
            sending.lane.end(answer.status() > 0);
        }
        if (sending.next != null) {
            sending.lane.add(sending.next);
        }
        follow(sending);
    }

    private static Executor pause() {
        return pause(PAUSE_MILLIS);
    }

    private static Executor pause(long millis) {
        return CompletableFuture.delayedExecutor(millis, TimeUnit.MILLISECONDS);
    }

    private Engine engine() {
        return Objects.requireNonNull(engine, "started");
    }

    /** Ends: what is under way may still be answered for a moment. The rest stays in the outbox for the next start. */
    @Override
    public void close() {
        closing = true;
        if (engine == null) {
            return;
        }
        inbox.add(() -> {});
        try {
            if (!thread.join(Duration.ofMillis(LAST_WORDS_MILLIS))) {
                thread.interrupt();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (senderStarted) {
            sender.close();
        }
    }
}
