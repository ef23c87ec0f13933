package dev.taskpool.process;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A process of {@link PosixSpawner}. Its life: runs → leader ended (reaped, group killed) → nothing left → output at its end → exit reported. All
 * that changes is confined to the loop's thread, to which the public methods send their requests.
 */
final class PosixChild implements ChildProcess {
    private static final Logger LOG = LoggerFactory.getLogger(PosixChild.class);
    private static final long GIVE_UP_NANOS = TimeUnit.SECONDS.toNanos(5);
    private static final long LINGER_NANOS = LINGER.toNanos();
    static final long NEVER = Long.MAX_VALUE;

    /** The id of a process without marks: no process has it in them. */
    static final long UNMARKED = 0;

    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Chunk(byte[] bytes, int offset, CompletableFuture<Void> taken) {}

    private final ProcessLoop loop;
    private final long key;
    private final long id;
    private final int pid;
    private final OutputSink sink;
    private final StandardStreams streams;
    private final ResourceLimits limits;
    private final @Nullable Cgroup cgroup;
    private final UsageWatch watch;
    private final long startedNanos = System.nanoTime();
    private final CompletableFuture<Exit> exit = new CompletableFuture<>();
    private volatile OptionalLong startTicks = OptionalLong.empty();
    private volatile boolean reaped;

    // From here on confined to the loop's thread.
    private final Deque<Chunk> input = new ArrayDeque<>();
    private boolean inputEnds;
    private boolean inputWatched;
    private boolean sinkFailed;
    private boolean termSent;
    private long killAt = NEVER;
    private long lookAt = NEVER;
    private ResourceLimits.@Nullable Kind exceeded;
    private Posix.@Nullable Waited waited;
    private @Nullable Long peakResidentBytes;
    private long endedNanos;
    private boolean swept;
    private int sweeps;
    private long sweepAt = NEVER;
    private int strays;
    private int survivors;
    private boolean outputWatched;
    private boolean outputComplete = true;
    private boolean finished;

    /**
     * @param rest what the input pipe did not take yet; the input ends after it unless it is to stay open
     * @param cgroup in which it is; null for none
     */
    PosixChild(
            ProcessLoop loop,
            long id,
            int pid,
            OutputSink sink,
            StandardStreams streams,
            byte[] rest,
            boolean inputStaysOpen,
            ResourceLimits limits,
            @Nullable Cgroup cgroup) {
        this.loop = loop;
        this.key = loop.nextKey();
        this.id = id;
        this.pid = pid;
        this.sink = sink;
        this.streams = streams;
        this.limits = limits;
        this.cgroup = cgroup;
        this.watch = new UsageWatch(pid, limits, cgroup);
        this.inputEnds = !inputStaysOpen;
        if (rest.length > 0) {
            input.add(new Chunk(rest, 0, new CompletableFuture<>()));
        }
    }

    /** Its number in the loop. */
    long key() {
        return key;
    }

    /** Whether input waits to be written; for the starting thread, before the loop knows the process. */
    boolean hasInput() {
        return !input.isEmpty();
    }

    /** Whether somebody has to look at what it uses; for the starting thread too. */
    boolean isWatched() {
        return watch.isNeeded();
    }

    /** The number in the marks of this process. */
    long id() {
        return id;
    }

    StandardStreams streams() {
        return streams;
    }

    @Override
    public int pid() {
        return pid;
    }

    @Override
    public OptionalLong startTicks() {
        if (startTicks.isEmpty() && !reaped) {
            ProcFs.Stat stat = ProcFs.stat(pid);
            // Not reaped even now: so the pid was this process's while we read, and no other's.
            if (stat != null && !reaped) {
                startTicks = OptionalLong.of(stat.startTicks());
            }
        }
        return startTicks;
    }

    @Override
    public CompletableFuture<Exit> exit() {
        return exit;
    }

    @Override
    public CompletableFuture<Void> outputSettled() {
        CompletableFuture<Void> settled = new CompletableFuture<>();
        // The next round reads each pipe that is ready, and a read takes all that a pipe can hold.
        if (!loop.submit(_ -> {
            loop.watchOutput(this);
            loop.afterNextRound(() -> settled.complete(null));
        })) {
            settled.complete(null);
        }
        return settled;
    }

    @Override
    public void terminate(Duration grace) {
        boolean atOnce = grace.isNegative() || grace.isZero();
        // A grace of centuries would overflow the nanoseconds.
        long nanos = grace.compareTo(Duration.ofDays(365)) > 0 ? TimeUnit.DAYS.toNanos(365) : grace.toNanos();
        long deadline = System.nanoTime() + nanos;
        loop.submit(os -> {
            if (waited != null) {
                return;
            }
            if (atOnce) {
                killAll(os);
                return;
            }
            if (!termSent) {
                termSent = true;
                os.killGroup(pid, Posix.SIGTERM);
                os.killGroup(pid, Posix.SIGCONT); // a stopped process gets its TERM only when it continues
            }
            if (killAt == NEVER || deadline - killAt < 0) {
                killAt = deadline;
            }
            loop.setTimer(this);
        });
    }

    @Override
    public void signal(int other, String signal) {
        int number = Signals.number(signal);
        loop.submit(os -> {
            // Until the leader is reaped its number is nobody else's; that of another must show whose it is.
            boolean leader = other == 0 || other == pid;
            if (waited == null && (leader || isMember(other))) {
                os.kill(leader ? pid : other, number);
            }
        });
    }

    @Override
    public boolean isMember(int other) {
        return ProcFs.hasVariable(other, BootId.PROCESS_VARIABLE, Long.toString(id()));
    }

    @Override
    public CompletableFuture<Void> send(byte[] bytes) {
        CompletableFuture<Void> taken = new CompletableFuture<>();
        boolean accepted = loop.submit(os -> {
            if (streams.input() < 0 || inputEnds) {
                taken.completeExceptionally(new IOException("the input is closed"));
                return;
            }
            input.add(new Chunk(bytes, 0, taken));
            writeInput(os);
        });
        if (!accepted) {
            taken.completeExceptionally(new IOException("the spawner is closed"));
        }
        return taken;
    }

    @Override
    public void closeInput() {
        loop.submit(os -> {
            inputEnds = true;
            writeInput(os);
        });
    }

    // What follows is called by the loop's thread only.

    /** The group, and where it has a cgroup of version 2 its daemons as well. */
    private void killAll(Posix os) {
        os.killGroup(pid, Posix.SIGKILL);
        if (cgroup != null) {
            loop.orphans().killGathered(this, cgroup);
        }
    }

    void countStray() {
        strays++;
    }

    long startedNanos() {
        return startedNanos;
    }

    /** Returns whether the output is to be watched, and is not yet. */
    boolean startWatchingOutput() {
        boolean start = !outputWatched && !finished;
        outputWatched = true;
        return start;
    }

    boolean isRunning() {
        return waited == null;
    }

    /** Hands over as much input as the pipe takes, and waits for room if that was not all. */
    void writeInput(Posix os) {
        if (streams.input() < 0) {
            return;
        }
        while (!input.isEmpty()) {
            Chunk chunk = input.getFirst();
            MemorySegment buffer = loop.buffer();
            int length = (int) Math.min(buffer.byteSize(), chunk.bytes.length - chunk.offset);
            MemorySegment.copy(chunk.bytes, chunk.offset, buffer, ValueLayout.JAVA_BYTE, 0, length);
            long n = length == 0 ? 0 : os.write(streams.input(), buffer.asSlice(0, length));
            if (n == -Posix.EAGAIN) {
                if (!inputWatched) {
                    inputWatched = true;
                    loop.watchInput(this);
                }
                return;
            }
            if (n < 0) {
                closeInputNow(os, "the process closed its input: " + Posix.describe((int) n));
                return;
            }
            input.removeFirst();
            int offset = chunk.offset + (int) n;
            if (offset < chunk.bytes.length) {
                input.addFirst(new Chunk(chunk.bytes, offset, chunk.taken));
            } else {
                chunk.taken.complete(null);
            }
        }
        if (inputWatched) {
            inputWatched = false;
            loop.unwatchInput(this);
        }
        if (inputEnds) {
            closeInputNow(os, "the input was closed");
        }
    }

    private void closeInputNow(Posix os, String reason) {
        if (inputWatched) {
            loop.unwatch(streams.input());
        }
        streams.closeInput(os);
        inputWatched = false;
        while (!input.isEmpty()) {
            input.removeFirst().taken.completeExceptionally(new IOException(reason));
        }
    }

    /** Reads once what is there, at most a buffer, so that no process keeps the others waiting. */
    void readOutput(Posix os, boolean stderr, boolean endOnly) {
        int fd = streams.output(stderr);
        if (fd < 0) {
            return;
        }
        MemorySegment buffer = loop.buffer();
        long n = endOnly ? 0 : os.read(fd, buffer);
        if (n > 0) {
            deliver(stderr, (int) n);
            return;
        }
        if (n != -Posix.EAGAIN && n != -Posix.EINTR) {
            closeOutput(os, stderr);
            settle(os);
        }
    }

    private void deliver(boolean stderr, int length) {
        if (sinkFailed) {
            return;
        }
        try {
            sink.write(stderr, loop.bytes(length));
        } catch (RuntimeException e) {
            sinkFailed = true;
            LOG.error("the output sink of process {} failed; the rest of its output is dropped", pid, e);
        }
    }

    /** The leader is a zombie. */
    void leaderEnded(Posix os) {
        if (waited != null) {
            return;
        }
        // First the group, then the leader: until it is reaped, its number is nobody else's.
        os.killGroup(pid, Posix.SIGKILL);
        Orphans.LEADERS.remove(pid);
        reaped = true;
        int result = os.reap(pid);
        if (result == pid) {
            waited = os.reaped();
        } else if (result == 0) {
            Orphans.LEADERS.add(pid);
            reaped = false;
            return;
        } else {
            LOG.error("the status of process {} was taken by somebody else: {}", pid, Posix.describe(result));
            waited = new Posix.Waited(255 << 8, 0, 0, 0);
        }
        endedNanos = System.nanoTime();
        if (loop.isAboveOurs(waited.maxResidentKib())) {
            peakResidentBytes = waited.maxResidentKib() * 1024;
        }
        killAt = NEVER;
        loop.unwatch(streams.pidfd());
        loop.unwatch(inputWatched ? streams.input() : -1);
        streams.closeEnded(os);
        loop.watchOutput(this); // what it wrote as its last word is still in the pipes
        closeInputNow(os, "the process ended");
        settle(os);
    }

    void samplePeak() {
        long bytes = ProcFs.peakResidentBytes(pid);
        if (bytes >= 0) {
            peakResidentBytes = bytes;
        }
    }

    /** When {@link #timeIsUp} is to be called, in nanoTime, or {@link #NEVER}. */
    long dueNanos() {
        if (waited == null) {
            return lookAt == NEVER || (killAt != NEVER && killAt - lookAt < 0) ? killAt : lookAt;
        }
        return swept ? endedNanos + LINGER_NANOS : sweepAt;
    }

    void timeIsUp(Posix os) {
        if (waited != null) {
            settle(os);
            return;
        }
        long now = System.nanoTime();
        if (killAt != NEVER && now - killAt >= 0) {
            killAt = NEVER;
            killAll(os);
        }
        if (lookAt != NEVER && now - lookAt >= 0) {
            look(os);
        }
        loop.setTimer(this);
    }

    /** Begins to look at what it uses. */
    void watch(Posix os) {
        if (waited == null && watch.isNeeded()) {
            look(os);
            loop.setTimer(this);
        }
    }

    private void look(Posix os) {
        ResourceLimits.Kind limit = watch.exceeded(loop.orphans().daemons(this));
        if (limit == null) {
            lookAt = System.nanoTime() + UsageWatch.INTERVAL.toNanos();
        } else {
            lookAt = NEVER;
            exceeded = limit;
            killAll(os);
        }
    }

    /** Goes on to the end as far as it can; called whenever something has changed. */
    private void settle(Posix os) {
        if (waited == null || finished) {
            return;
        }
        long now = System.nanoTime();
        if (!swept && !sweep(now)) {
            loop.setTimer(this);
            return;
        }
        if (streams.hasOutput()) {
            if (now - endedNanos < LINGER_NANOS) {
                loop.setTimer(this);
                return;
            }
            outputComplete = false;
            closeOutput(os, false);
            closeOutput(os, true);
        }
        finish(waited);
    }

    private void closeOutput(Posix os, boolean stderr) {
        if (outputWatched) {
            loop.unwatch(streams.output(stderr));
        }
        streams.closeOutput(os, stderr);
    }

    private boolean sweep(long now) {
        if (sweepAt != NEVER && now - sweepAt < 0) {
            return false;
        }
        int left = cgroup == null ? 0 : loop.orphans().killGathered(this, cgroup);
        left += loop.orphans().sweep(this);
        swept = left == 0 || now - endedNanos > GIVE_UP_NANOS;
        if (swept && left > 0) {
            survivors = left;
            LOG.warn("{} descendants of process {} cannot be killed", left, pid);
        }
        sweepAt = now + TimeUnit.MILLISECONDS.toNanos(Math.min(50, 1L << Math.min(sweeps++, 6)));
        return swept;
    }

    private void finish(Posix.Waited ended) {
        finished = true;
        loop.forget(this);
        try {
            sink.close();
        } catch (RuntimeException e) {
            LOG.error("the output sink of process {} failed to close", pid, e);
        }
        Exit.Usage usage = new Exit.Usage(
                Duration.of(ended.userMicros(), ChronoUnit.MICROS),
                Duration.of(ended.systemMicros(), ChronoUnit.MICROS),
                peakBytes());
        Duration wall = Duration.ofNanos(endedNanos - startedNanos);
        Exit.Status status = ended.toStatus();
        ResourceLimits.Kind limit = limit(status);
        if (cgroup != null) {
            loop.remove(cgroup);
        }
        exit.complete(new Exit(status, wall, usage, outputComplete, strays, survivors, limit));
    }

    private @Nullable Long peakBytes() {
        long bytes = cgroup == null ? -1 : cgroup.peakMemoryBytes();
        return bytes > 0 ? Long.valueOf(bytes) : peakResidentBytes;
    }

    /** What is known of limits: those that we or the kernel killed for, and those that the kernel counts. */
    private ResourceLimits.@Nullable Kind limit(Exit.Status status) {
        int signal = status instanceof Exit.Status.Signalled(int number, boolean _) ? number : 0;
        if (exceeded != null) {
            return exceeded;
        }
        if (cgroup != null && cgroup.memoryKills() > 0) {
            return ResourceLimits.Kind.MEMORY;
        }
        if (signal == Posix.SIGXCPU && limits.cpuMillis() != null) {
            return ResourceLimits.Kind.CPU;
        }
        if (signal == Posix.SIGXFSZ && limits.fileSizeBytes() != null) {
            return ResourceLimits.Kind.FILE_SIZE;
        }
        return cgroup != null && cgroup.forksRefused() > 0 ? ResourceLimits.Kind.PROCESSES : null;
    }
}
