package dev.taskpool.callback;

import dev.taskpool.engine.Engine;
import dev.taskpool.engine.Observer;
import dev.taskpool.model.Task;
import dev.taskpool.model.Ticker;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Delivers callbacks: reads what is due from the outbox, sends, and makes durable what came of it. A receiver may get the
 * same message twice, always with the same {@code webhook-id}; it never gets one about an end that is not durable, because
 * the outbox is filled with it. A dead receiver delays nobody else: sends are asynchronous.
 */
public final class Deliveries implements Observer, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Deliveries.class);
    private static final int MAX_UNDER_WAY = 64;
    private static final long FIRST_BACKOFF_MILLIS = 1_000;
    private static final long MAX_BACKOFF_MILLIS = TimeUnit.HOURS.toMillis(6);

    private final Sender sender;
    private final @Nullable Signature signature;
    private final int maxAttempts;
    private final Function<Task, byte[]> body;
    private final Ticker ticker;
    private final RandomGenerator random;

    /** A permit for each nudge; more than one waiting means no more than one. */
    private final Semaphore nudges = new Semaphore(0);

    /** Sequences of tasks that are being sent. */
    private final Set<Long> underWay = ConcurrentHashMap.newKeySet();

    private final Thread thread;
    private volatile @Nullable Engine engine;
    private volatile boolean closing;
    private volatile boolean anything;

    /**
     * @param secret signs messages; null leaves them unsigned
     * @param timeout of one try
     * @param maxAttempts tries in all
     * @param body a task as the receiver gets it
     */
    public Deliveries(
            Destinations destinations,
            @Nullable String secret,
            Duration timeout,
            int maxAttempts,
            Function<Task, byte[]> body,
            Ticker ticker,
            RandomGenerator random) {
        this.sender = new Sender(destinations, timeout);
        this.signature = secret == null ? null : new Signature(secret);
        this.maxAttempts = maxAttempts;
        this.body = body;
        this.ticker = ticker;
        this.random = random;
        this.thread = Thread.ofVirtual().name("callbacks").unstarted(this::run);
    }

    /** Begins, with what the last run left. */
    public void start(Engine started) {
        engine = started;
        nudges.release();
        thread.start();
    }

    @Override
    public void done(Task task) {
        if (task.callback() != null) {
            nudges.release();
        }
    }

    private void run() {
        try {
            while (!closing) {
                long waitMillis = anything ? 1_000 : 30_000;
                nudges.tryAcquire(waitMillis, TimeUnit.MILLISECONDS);
                nudges.drainPermits();
                sendDue();
            }
        } catch (InterruptedException e) {
            LOG.debug("callbacks end", e);
        }
    }

    private void sendDue() throws InterruptedException {
        Engine running = engine;
        if (running == null || closing) {
            return;
        }
        List<Task> due;
        try {
            due = running.callbacksDue(ticker.millis(), MAX_UNDER_WAY * 2).get(30, TimeUnit.SECONDS);
        } catch (java.util.concurrent.ExecutionException | java.util.concurrent.TimeoutException e) {
            LOG.warn("the outbox cannot be read at the moment: {}", e.toString());
            return;
        }
        for (Task task : due) {
            if (underWay.size() >= MAX_UNDER_WAY || closing) {
                return;
            }
            if (underWay.add(task.id().sequence())) {
                send(running, task);
            }
        }
    }

    private void send(Engine running, Task task) {
        String url = task.spec().callbackUrl();
        Task.Callback callback = task.callback();
        if (url == null || callback == null) {
            underWay.remove(task.id().sequence());
            return;
        }
        if (!anything) {
            anything = true;
            sender.start();
        }
        byte[] message = body.apply(task);
        long seconds = ticker.millis() / 1000;
        Map<String, String> headers = new LinkedHashMap<>();
        String id = task.id().toString();
        headers.put("webhook-id", id);
        headers.put("webhook-timestamp", Long.toString(seconds));
        if (signature != null) {
            headers.put("webhook-signature", signature.of(id, seconds, message));
        }
        sender.post(url, headers, message)
                .thenCompose(answer -> running.callback(task.id(), after(task, callback, answer)))
                .whenComplete((noted, error) -> {
                    if (error != null) {
                        LOG.warn("what became of the callback of {} could not be noted: {}", id, error.toString());
                    }
                    underWay.remove(task.id().sequence());
                    nudges.release();
                });
    }

    private Task.Callback after(Task task, Task.Callback before, Sender.Answer answer) {
        int attempts = before.attempts() + 1;
        boolean delivered = answer.status() >= 200 && answer.status() < 300;
        // 410 Gone: the receiver wants no more of this (Standard Webhooks).
        boolean last = delivered || answer.status() == 410 || attempts >= maxAttempts;
        if (!delivered) {
            LOG.info(
                    "callback of {} to {}: try {} of {} {}",
                    task.id(),
                    task.spec().callbackUrl(),
                    attempts,
                    maxAttempts,
                    answer.status() == 0 ? "failed: " + answer.error() : "answered " + answer.status());
        }
        long next = last ? 0 : ticker.millis() + Math.max(answer.retryAfterSeconds() * 1000, backoff(attempts));
        return new Task.Callback(delivered, attempts, answer.status(), next);
    }

    /** 1 s, 4 s, 16 s … up to 6 h, half of it by chance: ten tries spread over about a day. */
    private long backoff(int attempts) {
        long full = Math.min(MAX_BACKOFF_MILLIS, FIRST_BACKOFF_MILLIS << Math.min(24, 2 * (attempts - 1)));
        return full / 2 + random.nextLong(full / 2 + 1);
    }

    /** Ends. What was not delivered stays in the outbox for the next start. */
    @Override
    public void close() {
        closing = true;
        thread.interrupt();
        if (anything) {
            sender.close();
        }
    }
}
