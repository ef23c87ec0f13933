package dev.taskpool.pool;

import dev.taskpool.model.Json;
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

    final String token;
    private final Tail stderr = new Tail(TAIL_BYTES);

    /** Done when nothing more will be read from the worker. */
    final CompletableFuture<Void> readToEnd = new CompletableFuture<>();

    /** Set once by the thread that starts it, before anything that needs it. */
    private volatile @Nullable ChildProcess child;

    /** What it said of itself; set once, before the channel. */
    private volatile Message.FromWorker.@Nullable Hello hello;

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

    Worker(String token) {
        this.token = token;
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

    private static Message message(Run run) {
        Json args = run.spec().args();
        Json kwargs = run.spec().kwargs();
        return new Message.ToWorker.Run(
                run.id().toString(),
                run.attempt(),
                run.spec().callable(),
                args == null ? NO_ARGS : args,
                kwargs == null ? NO_KWARGS : kwargs,
                run.deadlineMillis());
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
