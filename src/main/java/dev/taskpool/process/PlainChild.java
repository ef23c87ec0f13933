package dev.taskpool.process;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HashSet;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A process of {@link PlainSpawner}, with a thread for each pipe and one that waits for the end. */
final class PlainChild implements ChildProcess {
    private static final Logger LOG = LoggerFactory.getLogger(PlainChild.class);

    /** Bytes to write; null bytes end the input. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Chunk(byte @Nullable [] bytes, CompletableFuture<Void> taken) {}

    private final Process process;
    private final boolean ownGroup;
    private final long id;
    private final OutputSink sink;
    private final long startedNanos = System.nanoTime();
    private final OptionalLong startTicks;
    private final CompletableFuture<Exit> exit = new CompletableFuture<>();
    private final CountDownLatch outputs = new CountDownLatch(2);
    private final BlockingQueue<Chunk> input = new LinkedBlockingQueue<>();

    /** Makes the sink see one thread at a time, and none after its close. */
    private final ReentrantLock sinkLock = new ReentrantLock();

    /** Guarded by the sink's lock. */
    private boolean sinkDone;

    private volatile boolean inputOpen;
    private volatile boolean termSent;

    /** @param id 0 for an unmarked process */
    PlainChild(Process process, boolean ownGroup, long id, OutputSink sink) {
        this.process = process;
        this.ownGroup = ownGroup;
        this.id = id;
        this.sink = sink;
        ProcFs.Stat stat = ProcFs.stat((int) process.pid());
        this.startTicks = stat == null ? OptionalLong.empty() : OptionalLong.of(stat.startTicks());
    }

    boolean isMarked() {
        return id != 0;
    }

    /** Starts the threads. */
    void begin(ProcessSpec spec) {
        pump(process.getInputStream(), false);
        pump(process.getErrorStream(), true);
        switch (spec.stdin()) {
            case Stdin.None _ -> {}
            case Stdin.Bytes(byte[] bytes) -> {
                inputOpen = true;
                thread("stdin", this::feed);
                send(bytes);
                closeInput();
            }
            case Stdin.Pipe _ -> {
                inputOpen = true;
                thread("stdin", this::feed);
            }
        }
        thread("exit", this::awaitEnd);
    }

    private void thread(String what, Runnable body) {
        Thread.ofPlatform()
                .daemon()
                .name("process-" + process.pid() + "-" + what)
                .start(body);
    }

    private void pump(InputStream from, boolean stderr) {
        thread(stderr ? "stderr" : "stdout", () -> {
            byte[] buffer = new byte[16 * 1024];
            try {
                for (int n = from.read(buffer); n >= 0; n = from.read(buffer)) {
                    deliver(stderr, ByteBuffer.wrap(buffer, 0, n).asReadOnlyBuffer());
                }
            } catch (IOException e) {
                LOG.debug("the output of process {} ended: {}", process.pid(), e.getMessage());
            } finally {
                outputs.countDown();
            }
        });
    }

    private void deliver(boolean stderr, ByteBuffer bytes) {
        sinkLock.lock();
        try {
            if (!sinkDone && bytes.hasRemaining()) {
                sink.write(stderr, bytes);
            }
        } catch (RuntimeException e) {
            sinkDone = true;
            LOG.error("the output sink of process {} failed; the rest of its output is dropped", pid(), e);
        } finally {
            sinkLock.unlock();
        }
    }

    private void feed() {
        String reason = "the input was closed";
        try (OutputStream to = process.getOutputStream()) {
            for (Chunk chunk = input.take(); chunk.bytes != null; chunk = input.take()) {
                try {
                    to.write(chunk.bytes);
                    to.flush();
                    chunk.taken.complete(null);
                } catch (IOException e) {
                    chunk.taken.completeExceptionally(e);
                    throw e;
                }
            }
        } catch (IOException e) {
            reason = "the process closed its input";
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        inputOpen = false;
        refuseInput(reason);
    }

    private void refuseInput(String reason) {
        for (Chunk chunk = input.poll(); chunk != null; chunk = input.poll()) {
            chunk.taken.completeExceptionally(new IOException(reason));
        }
    }

    private void awaitEnd() {
        try {
            int value = process.waitFor();
            Duration wall = Duration.ofNanos(System.nanoTime() - startedNanos);
            int[] strays = new int[1];
            int survivors = sweep(strays);
            closeInput();
            boolean complete = outputs.await(LINGER.toMillis(), TimeUnit.MILLISECONDS);
            closeSink();
            exit.complete(new Exit(status(value), wall, null, complete, strays[0], survivors));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // nobody else knows this thread
        }
    }

    private void closeSink() {
        sinkLock.lock();
        try {
            sinkDone = true;
            sink.close();
        } catch (RuntimeException e) {
            LOG.error("the output sink of process {} failed to close", pid(), e);
        } finally {
            sinkLock.unlock();
        }
    }

    /** As the JDK encodes it; {@code exit 143} and a TERM look the same. */
    private static Exit.Status status(int value) {
        return value > 128 && value < 160
                ? new Exit.Status.Signalled(value - 128, false)
                : new Exit.Status.Exited(value & 0xff);
    }

    private int sweep(int[] strays) throws InterruptedException {
        if (!ProcFs.exists() || !isMarked()) {
            signalGroup("KILL");
            return 0;
        }
        Set<ProcessHandle> killed = new HashSet<>();
        // Nothing that it started is older than it is.
        int left = new Census(pid -> ProcFs.look(pid, BootId.PROCESS_VARIABLE, Long.toString(id)), startTicks.orElse(0))
                .kill(killed);
        strays[0] = killed.size();
        return left;
    }

    /** The leader is alive or its group has members when this is called; where it is neither, kill(1) finds nobody. */
    private void signalGroup(String name) {
        if (ownGroup) {
            kill(name, "-" + process.pid());
        }
    }

    private void kill(String name, String target) {
        try {
            new ProcessBuilder("/bin/sh", "-c", "kill -s " + name + " -- " + target)
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start()
                    .waitFor();
        } catch (IOException e) {
            LOG.warn("no kill(1) for process {}: {}", pid(), e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public int pid() {
        return (int) process.pid();
    }

    @Override
    public OptionalLong startTicks() {
        return startTicks;
    }

    @Override
    public CompletableFuture<Exit> exit() {
        return exit;
    }

    @Override
    public CompletableFuture<Void> outputSettled() {
        return CompletableFuture.completedFuture(null); // the pumps are as quick as we are
    }

    @Override
    public void terminate(Duration grace) {
        if (!process.isAlive()) {
            return;
        }
        if (grace.isNegative() || grace.isZero()) {
            process.toHandle().destroyForcibly(); // the sweep after its end gets the others
            return;
        }
        if (!termSent) {
            termSent = true;
            process.toHandle().destroy(); // Process.destroy would close the pipes, and lose what is said last
            thread("term", () -> signalGroup("TERM"));
        }
        CompletableFuture.delayedExecutor(grace.toMillis(), TimeUnit.MILLISECONDS)
                .execute(() -> process.toHandle().destroyForcibly());
    }

    @Override
    public void signal(int other, String signal) {
        Signals.number(signal);
        boolean leader = other == 0 || other == pid();
        thread("signal", () -> {
            if (process.isAlive() && (leader || isMember(other))) {
                kill(signal.substring(3), Integer.toString(leader ? pid() : other));
            }
        });
    }

    @Override
    public boolean isMember(int other) {
        return ProcFs.hasVariable(other, BootId.PROCESS_VARIABLE, Long.toString(id));
    }

    @Override
    public CompletableFuture<Void> send(byte[] bytes) {
        CompletableFuture<Void> taken = new CompletableFuture<>();
        input.add(new Chunk(bytes, taken));
        if (!inputOpen) {
            refuseInput("the input is closed");
        }
        return taken;
    }

    @Override
    public void closeInput() {
        input.add(new Chunk(null, new CompletableFuture<>()));
    }
}
