package dev.taskpool.pool;

import dev.taskpool.model.Json;
import dev.taskpool.model.Ticker;
import dev.taskpool.model.WorkerPolicy;
import dev.taskpool.process.ChildProcess;
import dev.taskpool.process.Exit;
import dev.taskpool.process.OutputSink;
import dev.taskpool.process.Tail;
import dev.taskpool.worker.Frame;
import dev.taskpool.worker.FrameChannel;
import dev.taskpool.worker.Message;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One worker process of a {@link ProcessRunner}. */
final class Worker implements OutputSink {
    private static final Logger LOG = LoggerFactory.getLogger(Worker.class);
    private static final Json NO_ARGS = Json.ofValid("[]");
    private static final Json NO_KWARGS = Json.ofValid("{}");
    private static final int TAIL_BYTES = 2048;
    /** A larger frame may have to wait for the worker to read it. The buffer of a socket has more than 200 KiB. */
    private static final int SMALL_FRAME_BYTES = 32 * 1024;

    final String id;
    final String token;
    private final long startedAtMillis = Ticker.SYSTEM.millis();
    private final Tail stderr = new Tail(TAIL_BYTES);

    /** Done when nothing more will be read from the worker. */
    final CompletableFuture<Void> readToEnd = new CompletableFuture<>();

    /** Set once by the thread that starts it, before anything that needs it. */
    private volatile @Nullable ChildProcess child;

    /** What it said of itself; set once, before the channel. */
    private volatile Message.FromWorker.@Nullable Hello hello;

    /** What its initializer goes by, as a task does, until that has come back. */
    private volatile String initializing = "";

    /** Why its connection was given up, where it was. */
    private volatile String complaint = "";

    /** Set once by the thread that reads from it; null where the worker has not said hello. */
    volatile @Nullable FrameChannel channel;

    // Guarded by the roster's lock; run is read without it by the threads that read.
    volatile @Nullable Run run;
    boolean ready;
    /** It gets no more tasks, and its end is no loss. */
    boolean leaving;
    /** It gets no more tasks, because it cannot be reached. */
    boolean gone;

    int tasks;
    long idleSinceNanos;
    final long startedNanos = System.nanoTime();
    /** What it began with; set when it has said hello. */
    WorkerPolicy.@Nullable Initializer initializer;
    /** When it came into its state. */
    private long sinceMillis = startedAtMillis;

    Worker(String id, String token) {
        this.id = id;
        this.token = token;
    }

    /** It gets this; with the roster's lock held. */
    void begin(Run next) {
        run = next;
        tasks++;
        sinceMillis = Ticker.SYSTEM.millis();
    }

    /** It waits; with the roster's lock held. */
    void rest() {
        idleSinceNanos = System.nanoTime();
        sinceMillis = Ticker.SYSTEM.millis();
    }

    /** It gets no more tasks, and its end is no loss; with the roster's lock held. */
    void leave() {
        if (!leaving) {
            leaving = true;
            sinceMillis = Ticker.SYSTEM.millis();
        }
    }

    /** Returns it as others may see it, but for its memory; null where it has left already. With the roster's lock held. */
    @Nullable
    WorkerView view() {
        Run present = run;
        boolean going = leaving || gone;
        if (going && present == null) {
            return null;
        }
        WorkerView.State state = going
                ? WorkerView.State.LEAVING
                : !ready ? WorkerView.State.STARTING : present == null ? WorkerView.State.IDLE : WorkerView.State.BUSY;
        return new WorkerView(
                id,
                pid(),
                state,
                present == null ? null : present.id(),
                sinceMillis,
                startedAtMillis,
                present == null ? tasks : tasks - 1,
                null);
    }

    /** Returns the process that works, or null where there is none yet. */
    private @Nullable Integer pid() {
        ChildProcess process = child;
        Message.FromWorker.Hello said = hello;
        return process == null ? null : Integer.valueOf(said == null || said.pid() == 0 ? process.pid() : said.pid());
    }

    /** Returns the resident set of the process that works, or null where that is not known. */
    @Nullable
    Long residentBytes() {
        ChildProcess process = child;
        Message.FromWorker.Hello said = hello;
        if (process == null) {
            return null;
        }
        OptionalLong bytes = process.residentBytes(said == null ? 0 : said.pid());
        return bytes.isPresent() ? Long.valueOf(bytes.getAsLong()) : null;
    }

    /** Sends a signal to the process that works; false where there is none yet. */
    boolean signal(String name) {
        ChildProcess process = child;
        Message.FromWorker.Hello said = hello;
        if (process == null) {
            return false;
        }
        process.signal(said == null ? 0 : said.pid(), name);
        return true;
    }

    void started(ChildProcess process) {
        child = process;
    }

    void connected(FrameChannel to, Message.FromWorker.Hello said) {
        hello = said;
        channel = to;
    }

    void complain(String reason) {
        complaint = reason + "; ";
    }

    /** What comes through the pipes: of the task that runs, or for the log. */
    @Override
    public void write(boolean isStderr, ByteBuffer bytes) {
        if (isStderr) {
            stderr.write(bytes);
        }
        byte[] copy = new byte[bytes.remaining()];
        bytes.get(copy);
        Run present = run;
        if (present != null) {
            present.output().write(isStderr, copy, 0, copy.length);
        } else if (LOG.isDebugEnabled()) {
            LOG.debug("an idle worker wrote: {}", new String(copy, java.nio.charset.StandardCharsets.UTF_8));
        }
    }

    /** Has all that the worker wrote into its pipes so far given to its task. */
    void settleOutput() {
        Message.FromWorker.Hello said = hello;
        if (said == null || !said.outputInFrames()) {
            settlePipes();
        }
    }

    void settlePipes() {
        ChildProcess process = child;
        if (process != null) {
            process.outputSettled().completeOnTimeout(null, 1, TimeUnit.SECONDS).join();
        }
    }

    void terminate(Duration grace) {
        ChildProcess process = child;
        if (process != null) {
            process.terminate(grace);
        }
    }

    /**
     * Hands over a run, from this thread where that cannot block it.
     *
     * @param undelivered is called where the worker cannot have got it
     */
    void deliver(Run work, Runnable undelivered) {
        Frame frame = message(work).frame();
        if (frame.length() <= SMALL_FRAME_BYTES) {
            write(frame, undelivered);
        } else {
            Thread.ofVirtual().name("worker-deliver").start(() -> {
                write(frame, undelivered);
                if (work.stopping()) {
                    // It may have been said before the run was there.
                    sendToTask(new Message.ToWorker.Cancel(work.id().toString()));
                }
            });
        }
    }

    /**
     * Hands over the initializer.
     *
     * @param undelivered is called where the worker cannot have got it
     */
    void initialize(WorkerPolicy.Initializer call, Runnable undelivered) {
        String name = "initializer-" + id;
        initializing = name;
        Frame frame =
                run(name, 1, call.callable(), call.args(), call.kwargs(), 0).frame();
        Thread.ofVirtual().name("worker-deliver").start(() -> write(frame, undelivered));
    }

    /** Returns whether its initializer was begun and has not come back. */
    boolean initializing() {
        return !initializing.isEmpty();
    }

    /** Returns whether this is what its initializer goes by. */
    boolean initializing(String task) {
        return initializing() && initializing.equals(task);
    }

    /** Its initializer has come back. */
    void initialized() {
        initializing = "";
    }

    private static Message message(Run run) {
        return run(
                run.id().toString(),
                run.attempt(),
                run.spec().callable(),
                run.spec().args(),
                run.spec().kwargs(),
                run.deadlineMillis());
    }

    private static Message run(
            String name,
            int attempt,
            String callable,
            @Nullable Json args,
            @Nullable Json kwargs,
            long deadlineMillis) {
        return new Message.ToWorker.Run(
                name,
                attempt,
                callable,
                args == null ? NO_ARGS : args,
                kwargs == null ? NO_KWARGS : kwargs,
                deadlineMillis);
    }

    private void write(Frame frame, Runnable undelivered) {
        FrameChannel to = channel;
        try {
            if (to == null) {
                throw new IOException("not connected");
            }
            to.write(frame);
        } catch (IOException e) {
            LOG.debug("a worker was gone when it should have got a task: {}", e.getMessage());
            undelivered.run();
        }
    }

    /** Says something small to the task that runs, and wakes a worker that asked for that with its signal. */
    void sendToTask(Message message) {
        send(message, this::wake);
    }

    private void wake() {
        ChildProcess process = child;
        Message.FromWorker.Hello said = hello;
        if (process != null && said != null && said.cancelSignal() != null) {
            process.signal(said.pid(), said.cancelSignal());
        }
    }

    /** Says something small that need not arrive: a worker that is gone needs to hear no more. */
    void send(Message message) {
        send(message, () -> {});
    }

    private void send(Message message, Runnable sent) {
        FrameChannel to = channel;
        if (to == null) {
            return;
        }
        try {
            if (to.tryWrite(message.frame())) {
                sent.run();
            } else {
                Thread.ofVirtual().name("worker-send").start(() -> sendLater(to, message, sent));
            }
        } catch (IOException e) {
            LOG.debug("a worker was gone when it should have heard {}", message);
        }
    }

    private static void sendLater(FrameChannel to, Message message, Runnable sent) {
        try {
            to.write(message.frame());
            sent.run();
        } catch (IOException e) {
            LOG.debug("a worker was gone when it should have heard {}", message);
        }
    }

    /** Says how it ended, for people, with the last lines of its standard error. */
    String cause(Exit exit) {
        String how = switch (exit.status()) {
            case Exit.Status.Exited(int code) -> "it ended with exit code " + code;
            case Exit.Status.Signalled signalled -> "it was ended by " + signalled.signalName();
        };
        String tail = stderr.text();
        return complaint + how + (tail.isEmpty() ? "" : "; it wrote last:\n" + tail);
    }
}
