package dev.taskpool.worker;

import dev.taskpool.process.ChildProcess;
import dev.taskpool.process.Exit;
import dev.taskpool.process.Spawner;
import dev.taskpool.process.Tail;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.ProtocolException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * One worker on its own, with the service's end of the connection in the hands of whoever tries it. For one thread, but for what
 * comes in.
 */
final class Trial implements AutoCloseable {
    /** Stands for a frame that was too large, and was skipped. */
    static final Message.FromWorker OVERSIZED = new Message.Unknown("(a frame that is too large)");

    /** Stands for the end of the connection. */
    static final Message.FromWorker END = new Message.Unknown("(the end of the connection)");

    private static final int TAIL_BYTES = 4096;
    private static final Duration LEAVE_LIMIT = Duration.ofSeconds(5);

    private final WorkerType type;
    private final String token = UUID.randomUUID().toString();
    private final Tail stderr = new Tail(TAIL_BYTES);
    private final CompletableFuture<FrameChannel> connection = new CompletableFuture<>();
    private final LinkedBlockingQueue<Message.FromWorker> heard = new LinkedBlockingQueue<>();
    private final AtomicInteger heartbeats = new AtomicInteger();

    /** Guarded by itself. */
    private final ByteArrayOutputStream stdout = new ByteArrayOutputStream();

    /** Why the connection ended, where it did not just end. */
    private volatile String complaint = "";

    // Set by start.
    private @Nullable WorkerSocket socket;
    private @Nullable ChildProcess child;

    private Trial(WorkerType type) {
        this.type = type;
    }

    /**
     * Starts one.
     *
     * @throws IOException where it cannot be started
     */
    static Trial start(WorkerType type, Spawner spawner, Path sockets) throws IOException {
        Trial trial = new Trial(type);
        WorkerSocket open = new WorkerSocket(sockets, "worker-trial", trial::connected);
        try {
            trial.socket = open;
            ChildProcess started = spawner.start(type.spec(open.path(), trial.token), trial::wrote);
            trial.child = started;
            started.exit().thenRun(() -> trial.heard.add(END));
            return trial;
        } catch (IOException | RuntimeException e) {
            open.close();
            throw e;
        }
    }

    private void connected(FrameChannel channel) {
        if (!connection.complete(channel)) {
            return;
        }
        try {
            for (byte[] frame = channel.read(); frame != null; frame = channel.read()) {
                Message.FromWorker message = FrameChannel.isOversized(frame) ? OVERSIZED : Message.fromWorker(frame);
                if (message instanceof Message.FromWorker.Heartbeat) {
                    heartbeats.incrementAndGet();
                } else {
                    heard.add(message);
                }
            }
        } catch (IOException e) {
            complaint = "it sent what cannot be understood: " + e.getMessage() + "; ";
        }
        heard.add(END);
    }

    /**
     * Waits for its hello.
     *
     * @throws IOException where it ends before, or says something else; the message says what it wrote
     */
    Message.FromWorker.Hello hello() throws IOException, InterruptedException {
        Message.FromWorker first = next(type.startTimeout());
        if (first instanceof Message.FromWorker.Hello hello) {
            if (hello.protocol() != Message.PROTOCOL || !hello.token().equals(token)) {
                throw new ProtocolException("it speaks protocol " + hello.protocol()
                        + (hello.token().equals(token) ? "" : ", and does not say the token that it was given"));
            }
            return hello;
        }
        if (first == null) {
            throw new ProtocolException(
                    "it did not say hello within " + type.startTimeout().toMillis() + " ms" + lastWords());
        }
        throw new ProtocolException(first.equals(END) ? cause() : "it began with " + first + " instead of hello");
    }

    /** Returns what it says next, null where it says nothing for so long. */
    Message.@Nullable FromWorker next(Duration limit) throws InterruptedException {
        return heard.poll(limit.toMillis(), TimeUnit.MILLISECONDS);
    }

    void send(Message message) throws IOException {
        channel().write(message.frame());
    }

    /** Sends bytes as they are, split where the caller splits them. */
    void sendBytes(ByteBuffer bytes) throws IOException {
        channel().writeBytes(bytes);
    }

    private FrameChannel channel() throws IOException {
        FrameChannel open = connection.getNow(null);
        if (open == null) {
            throw new ProtocolException("it has not connected");
        }
        return open;
    }

    /** Ends the connection as the death of the service would. */
    void disconnect() throws IOException {
        channel().close();
    }

    /** Sends the signal that it asked for, if it asked for one. */
    void wake(Message.FromWorker.Hello hello) {
        if (hello.cancelSignal() != null) {
            process().signal(hello.pid(), hello.cancelSignal());
        }
    }

    /** Returns once everything that it wrote into its pipes is in {@link #stdout}. */
    void settle() throws InterruptedException {
        await(process().outputSettled(), Duration.ofSeconds(1));
    }

    String stdout() {
        synchronized (stdout) {
            return stdout.toString(StandardCharsets.UTF_8);
        }
    }

    int heartbeats() {
        return heartbeats.get();
    }

    /** Returns how it ended, null where it does not within the time. */
    @Nullable
    Exit exit(Duration limit) throws InterruptedException {
        return await(process().exit(), limit);
    }

    private static <T> @Nullable T await(CompletableFuture<T> future, Duration limit) throws InterruptedException {
        try {
            return future.get(limit.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            return null;
        } catch (ExecutionException e) {
            throw new IllegalStateException("cannot fail", e);
        }
    }

    /** Says for people how it ended, with what it wrote last. */
    String cause() throws InterruptedException {
        Exit exit = exit(LEAVE_LIMIT);
        String how = switch (exit == null ? null : exit.status()) {
            case null -> "it closed the connection";
            case Exit.Status.Exited(int code) -> "it ended with exit code " + code;
            case Exit.Status.Signalled signalled -> "it was ended by " + signalled.signalName();
        };
        return complaint + how + lastWords();
    }

    private String lastWords() {
        String tail = stderr.text();
        return tail.isEmpty() ? "" : "; it wrote last:\n" + tail;
    }

    private ChildProcess process() {
        return java.util.Objects.requireNonNull(child);
    }

    private void wrote(boolean isStderr, ByteBuffer bytes) {
        if (isStderr) {
            stderr.write(bytes);
        } else {
            byte[] copy = new byte[bytes.remaining()];
            bytes.get(copy);
            synchronized (stdout) {
                stdout.writeBytes(copy);
            }
        }
    }

    /** Waits a little for its end, makes it end, and leaves nothing behind. */
    @Override
    public void close() throws IOException {
        try {
            FrameChannel open = connection.getNow(null);
            if (open != null && exit(Duration.ofMillis(500)) == null) {
                open.close();
            }
            if (exit(Duration.ofSeconds(1)) == null) {
                process().kill();
            }
            exit(LEAVE_LIMIT);
        } catch (InterruptedException e) {
            process().kill();
            Thread.currentThread().interrupt();
        } finally {
            if (socket != null) {
                socket.close();
            }
        }
    }
}
