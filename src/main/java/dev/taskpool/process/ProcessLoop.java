package dev.taskpool.process;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One thread for all processes of a spawner: it waits by epoll(7) for their exits (pidfds), their output and room in their input, and keeps
 * their deadlines. Level-triggered, one read per event: a read on a pipe that is ready never blocks.
 */
final class ProcessLoop {
    private static final Logger LOG = LoggerFactory.getLogger(ProcessLoop.class);
    private static final int BUFFER_BYTES = 64 * 1024;
    private static final int EVENTS = 128;
    private static final long TICK_NANOS = TimeUnit.SECONDS.toNanos(1);
    /**
     * The output of a process is watched from this age on, or when it ends. Most commands are gone by then, and wake this thread once
     * instead of three times.
     */
    private static final long YOUTH_NANOS = TimeUnit.MILLISECONDS.toNanos(3);

    private static final Duration CLOSE_LIMIT = Duration.ofSeconds(10);

    private static final int WAKE = 0;
    private static final int PIDFD = 1;
    private static final int STDIN = 2;
    private static final int STDOUT = 3;
    private static final int STDERR = 4;
    private static final int YOUNG = 5;
    private static final int KIND_BITS = 3;

    /** What other threads ask this one to do. */
    interface Request {
        void run(Posix os);
    }

    private final int epoll;
    private final int wakeFd;
    private final int timerFd;
    private final Thread thread;
    private final Map<Long, PosixChild> children = new ConcurrentHashMap<>();
    private final AtomicLong keys = new AtomicLong();
    private final Queue<Request> requests = new ConcurrentLinkedQueue<>();

    /** Processes whose output is not watched yet, in order of their start. */
    private final Queue<PosixChild> young = new ConcurrentLinkedQueue<>();

    /** Cleared before the queue is looked at, and set after it was added to: so no process is left in it. */
    private volatile boolean timerSet;

    /** Guards {@code closing} and {@code closed} together with every use of the descriptors by other threads. */
    private final ReentrantLock gate = new ReentrantLock();

    private boolean closing;
    private boolean closed;

    // Confined to the thread.
    private final MemorySegment buffer;
    private final ByteBuffer bytes;
    private final Posix os;
    private final Orphans orphans;
    private final Set<PosixChild> timed = new HashSet<>();
    /** Killed, because the kernel had no room to watch them; asked after at each tick. */
    private final Set<PosixChild> unwatched = new HashSet<>();

    /** Groups that the kernel did not let go yet. */
    private final Set<Cgroup> emptied = new HashSet<>();

    /** Steps for the end of the next round of events. */
    private List<Runnable> later = new ArrayList<>();

    private boolean ended;
    private long ownPeakKib;

    /**
     * Starts the thread.
     *
     * @param arena shared; closed by the owner after {@link #close}
     */
    ProcessLoop(Arena arena, BootId boot, int childrenFd) {
        os = new Posix(arena);
        buffer = arena.allocate(BUFFER_BYTES);
        bytes = buffer.asByteBuffer().asReadOnlyBuffer();
        orphans = new Orphans(os, arena, boot, childrenFd);
        epoll = os.epollCreate();
        wakeFd = os.eventfd();
        timerFd = os.timerfd();
        if (epoll < 0
                || wakeFd < 0
                || timerFd < 0
                || os.epollControl(epoll, Epoll.ADD, wakeFd, Epoll.IN, WAKE) < 0
                || os.epollControl(epoll, Epoll.ADD, timerFd, Epoll.IN, YOUNG) < 0) {
            throw new IllegalStateException("cannot make an epoll instance");
        }
        MemorySegment events = arena.allocate(EVENTS * Epoll.EVENT_BYTES, 16);
        thread = Thread.ofPlatform().name("process-loop").daemon().unstarted(() -> run(events));
        thread.start();
    }

    /**
     * Watches a process that the calling thread has started.
     *
     * @return false if this loop is closed: the process is still the caller's
     * @throws SpawnException if it cannot be watched: the loop ends it then
     */
    boolean add(Posix callers, PosixChild child) throws SpawnException {
        gate.lock();
        try {
            if (closing) {
                return false;
            }
            StandardStreams streams = child.streams();
            // Read before the first registration: from then on they are the loop's, which may close them at once.
            int pidfd = streams.pidfd();
            boolean hasOutput = streams.hasOutput();
            boolean hasRest = child.hasInput();
            children.put(child.key(), child);
            int problem = watch(callers, pidfd, Epoll.IN, child, PIDFD);
            if (problem >= 0 && hasOutput) {
                young.add(child);
                if (!timerSet) {
                    timerSet = true;
                    callers.setTimer(timerFd, YOUTH_NANOS);
                }
            }
            if (problem < 0) {
                requests.add(o -> abandon(o, child));
            } else if (hasRest) {
                requests.add(child::writeInput);
            }
            if (problem >= 0 && child.isWatched()) {
                requests.add(child::watch);
            }
            if (problem < 0 || hasRest || child.isWatched()) {
                callers.signalEvent(wakeFd);
            }
            if (problem < 0) {
                throw new SpawnException("cannot watch a process: " + Posix.describe(problem), -problem);
            }
            return true;
        } finally {
            gate.unlock();
        }
    }

    private int watch(Posix with, int fd, int events, PosixChild child, int kind) {
        return fd < 0 ? 0 : with.epollControl(epoll, Epoll.ADD, fd, events, child.key() << KIND_BITS | kind);
    }

    /** A number for one process that is not given out again, so that a late event cannot meet another process. */
    long nextKey() {
        return keys.incrementAndGet();
    }

    /**
     * Runs something on the loop's thread soon.
     *
     * @return false if this loop is closed, so that it will not run
     */
    boolean submit(Request request) {
        if (Thread.currentThread() == thread) {
            request.run(os);
            return true;
        }
        gate.lock();
        try (Arena arena = Arena.ofConfined()) {
            if (closed) {
                return false;
            }
            requests.add(request);
            new Posix(arena).signalEvent(wakeFd);
            return true;
        } finally {
            gate.unlock();
        }
    }

    /** Kills all processes, waits until they are gone (ten seconds at most), ends the thread and closes the descriptors. */
    void close() {
        gate.lock();
        try {
            closing = true; // nothing comes after what we are about to look at
        } finally {
            gate.unlock();
        }
        List<CompletableFuture<Exit>> exits = new ArrayList<>();
        for (PosixChild child : List.copyOf(children.values())) {
            if (child.id() == PosixChild.UNMARKED) {
                child.closeInput();
            } else {
                child.kill();
            }
            exits.add(child.exit());
        }
        try {
            CompletableFuture.allOf(exits.toArray(CompletableFuture[]::new))
                    .get(CLOSE_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException | TimeoutException e) {
            LOG.warn("{} processes are still there at the end", children.size());
        }
        submit(o -> ended = true);
        gate.lock();
        try {
            closed = true;
        } finally {
            gate.unlock();
        }
        boolean interrupted = Thread.interrupted();
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        children.values().forEach(child -> child.streams().closeAll(os));
        os.close(wakeFd);
        os.close(timerFd);
        os.close(epoll);
    }

    // What follows is called by the loop's thread only.

    MemorySegment buffer() {
        return buffer;
    }

    /** The first bytes of the buffer, for a sink. */
    ByteBuffer bytes(int length) {
        return bytes.clear().limit(length);
    }

    /** Whether a peak is above that of this JVM, which the kernel counts into that of each child. Ours only grows. */
    boolean isAboveOurs(long residentKib) {
        if (residentKib > ownPeakKib) {
            ownPeakKib = os.ownMaxResidentKib();
        }
        return residentKib > ownPeakKib;
    }

    Orphans orphans() {
        return orphans;
    }

    void watchInput(PosixChild child) {
        int result = watch(os, child.streams().input(), Epoll.OUT, child, STDIN);
        if (result < 0) {
            // It gets no more input, and ends by that or by its time limit.
            LOG.error("cannot watch the input of process {}: {}", child.pid(), Posix.describe(result));
        }
    }

    void unwatchInput(PosixChild child) {
        unwatch(child.streams().input());
    }

    /** Has the output read from now on. Idempotent. */
    void watchOutput(PosixChild child) {
        if (child.startWatchingOutput()) {
            StandardStreams streams = child.streams();
            int problem = watch(os, streams.output(false), Epoll.IN, child, STDOUT);
            problem = problem < 0 ? problem : watch(os, streams.output(true), Epoll.IN, child, STDERR);
            if (problem < 0) {
                LOG.error("cannot watch the output of process {}: {}", child.pid(), Posix.describe(problem));
                abandon(os, child);
            }
        }
    }

    /**
     * To be called before a descriptor is closed: a child that another thread is starting has a copy of it until its exec, and so long the
     * kernel would go on to report it, and this thread would turn in circles.
     */
    void unwatch(int fd) {
        if (fd >= 0) {
            os.epollControl(epoll, Epoll.DELETE, fd, 0, 0);
        }
    }

    private void grownUp() {
        os.read(timerFd, buffer.asSlice(0, Long.BYTES));
        timerSet = false;
        long now = System.nanoTime();
        for (PosixChild child = young.peek(); child != null; child = young.peek()) {
            if (now - child.startedNanos() < YOUTH_NANOS) {
                timerSet = true;
                os.setTimer(timerFd, YOUTH_NANOS - (now - child.startedNanos()));
                return;
            }
            young.remove();
            watchOutput(child);
        }
    }

    /** Has {@link PosixChild#timeIsUp} called when it says it is due. */
    void setTimer(PosixChild child) {
        timed.add(child);
    }

    /** Has something run when everything that is ready now was read. */
    void afterNextRound(Runnable step) {
        later.add(step);
    }

    void forget(PosixChild child) {
        children.remove(child.key());
        timed.remove(child);
        unwatched.remove(child);
    }

    /** Removes a group in which nothing runs any more, later where the kernel needs a moment. */
    void remove(Cgroup cgroup) {
        if (!cgroup.remove()) {
            emptied.add(cgroup);
        }
    }

    private void abandon(Posix posix, PosixChild child) {
        unwatched.add(child);
        posix.killGroup(child.pid(), Posix.SIGKILL);
    }

    private void run(MemorySegment events) {
        long nextTick = System.nanoTime() + TICK_NANOS;
        while (!ended) {
            List<Runnable> due = later;
            later = new ArrayList<>(0);
            int count = os.epollWait(epoll, events, due.isEmpty() ? timeoutMillis(nextTick) : 0);
            for (int i = 0; i < count; i++) {
                int flags = Epoll.events(events, i);
                long tag = Epoll.tag(events, i);
                guarded(() -> handle(flags, tag));
            }
            due.forEach(ProcessLoop::guarded);
            for (Request request = requests.poll(); request != null; request = requests.poll()) {
                Request next = request;
                guarded(() -> next.run(os));
            }
            long now = System.nanoTime();
            if (!timed.isEmpty()) {
                expire(now);
            }
            if (now - nextTick >= 0) {
                nextTick = now + TICK_NANOS;
                guarded(() -> tick(now));
            }
        }
    }

    /** A defect in the handling of one process must not end the service of all. */
    private static void guarded(Runnable step) {
        try {
            step.run();
        } catch (RuntimeException | Error e) {
            LOG.error("a step of the process loop failed", e);
        }
    }

    private void handle(int flags, long tag) {
        int kind = (int) (tag & ((1 << KIND_BITS) - 1));
        if (kind == WAKE) {
            os.read(wakeFd, buffer.asSlice(0, Long.BYTES));
            return;
        }
        if (kind == YOUNG) {
            grownUp();
            return;
        }
        PosixChild child = children.get(tag >>> KIND_BITS);
        if (child == null) {
            return; // finished by an earlier event of the same batch
        }
        switch (kind) {
            case PIDFD -> child.leaderEnded(os);
            case STDIN -> child.writeInput(os);
            case STDOUT, STDERR -> child.readOutput(os, kind == STDERR, (flags & Epoll.IN) == 0);
            default -> throw new IllegalStateException("no such kind of event: " + kind);
        }
    }

    private void expire(long now) {
        for (PosixChild child : List.copyOf(timed)) {
            long due = child.dueNanos();
            if (due == PosixChild.NEVER) {
                timed.remove(child);
            } else if (now - due >= 0) {
                timed.remove(child); // it sets itself again if it needs to
                guarded(() -> child.timeIsUp(os));
            }
        }
    }

    private int timeoutMillis(long nextTick) {
        long now = System.nanoTime();
        long nanos = nextTick - now;
        for (PosixChild child : timed) {
            long due = child.dueNanos();
            if (due != PosixChild.NEVER) {
                nanos = Math.min(nanos, due - now);
            }
        }
        // Rounded up: waking a little early would mean turning in circles until it is time.
        return (int) Math.max(0, (nanos + 999_999) / 1_000_000);
    }

    private void tick(long now) {
        orphans.reapDead(now);
        emptied.removeIf(Cgroup::remove);
        List.copyOf(unwatched).forEach(child -> child.leaderEnded(os));
        for (PosixChild child : children.values()) {
            if (child.isRunning()) {
                child.samplePeak();
            }
        }
    }
}
