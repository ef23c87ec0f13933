package dev.taskpool.process;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/**
 * The system calls of this package, through the Foreign Function &amp; Memory API, for glibc &gt;= 2.34 on Linux x86-64 and AArch64
 * (all types here have the same layout on both, but for epoll_event). Each returns the result, or the negated errno.
 *
 * <p>An instance holds the memory in which errno and small results come back: it is for one thread at a time and lives as long as its arena.
 * The class fails to initialise where a function is missing; see {@link PosixSpawner#isAvailable}.
 */
final class Posix {
    static final int EINTR = 4;
    static final int EPERM = 1;
    static final int EAGAIN = 11;
    static final int SIGKILL = 9;
    static final int SIGTERM = 15;
    static final int SIGXCPU = 24;
    static final int SIGXFSZ = 25;
    private static final int SIGCHLD = 17;
    static final int SIGCONT = 18;
    static final int O_RDWR = 2;
    static final int O_NONBLOCK = 0x800;
    static final int O_CLOEXEC = 0x80000;
    static final int RLIMIT_CPU = 0;
    static final int RLIMIT_FSIZE = 1;
    static final int RLIMIT_CORE = 4;
    static final int RLIMIT_NOFILE = 7;
    static final int RLIMIT_LOCKS = 10;
    private static final int CLOCK_MONOTONIC = 1;
    private static final int WNOHANG = 1;
    private static final int P_PID = 1;
    private static final int UNTIL_STOPPED = 0x2 | 0x4 | 0x01000000; // WSTOPPED, WEXITED, WNOWAIT
    private static final int F_DUPFD_CLOEXEC = 1030;
    private static final int F_SETFL = 4;
    private static final int PR_SET_CHILD_SUBREAPER = 36;
    private static final long SYS_PIDFD_OPEN = 434; // the same number on all architectures
    private static final short SPAWN_FLAGS = 0x80 | 0x04 | 0x08; // SETSID, SETSIGDEF, SETSIGMASK

    private static final Linker LINKER = Linker.nativeLinker();
    private static final StructLayout CAPTURE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO = CAPTURE.varHandle(MemoryLayout.PathElement.groupElement("errno"));

    private static final MethodHandle OPEN =
            variadic("open", 2, FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT));
    private static final MethodHandle CLOSE = function("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
    private static final MethodHandle PIPE2 = function("pipe2", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));
    private static final MethodHandle FCNTL =
            variadic("fcntl", 2, FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT));
    private static final MethodHandle READ =
            function("read", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG));
    private static final MethodHandle PREAD =
            function("pread", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_LONG));
    private static final MethodHandle WRITE =
            function("write", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG));
    private static final MethodHandle KILL = function("kill", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));
    private static final MethodHandle WAIT4 =
            function("wait4", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS));
    private static final MethodHandle WAITID =
            function("waitid", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));
    private static final MethodHandle GETRUSAGE =
            function("getrusage", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS));
    private static final MethodHandle PRLIMIT =
            function("prlimit", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, ADDRESS));
    private static final MethodHandle PRCTL =
            variadic("prctl", 1, FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG));
    private static final MethodHandle SYSCALL =
            variadic("syscall", 1, FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG));
    private static final MethodHandle EVENTFD =
            function("eventfd", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));
    private static final MethodHandle TIMERFD_CREATE =
            function("timerfd_create", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));
    private static final MethodHandle TIMERFD_SETTIME =
            function("timerfd_settime", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, ADDRESS));
    private static final MethodHandle EPOLL_CREATE1 =
            function("epoll_create1", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
    private static final MethodHandle EPOLL_CTL =
            function("epoll_ctl", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS));
    private static final MethodHandle EPOLL_WAIT =
            function("epoll_wait", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT));

    // The posix_spawn family returns its error number itself and leaves errno alone.
    private static final FunctionDescriptor ON_POINTER = FunctionDescriptor.of(JAVA_INT, ADDRESS);
    private static final MethodHandle SPAWN =
            plain("posix_spawn", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS));
    private static final MethodHandle ATTR_INIT = plain("posix_spawnattr_init", ON_POINTER);
    private static final MethodHandle ATTR_SETFLAGS =
            plain("posix_spawnattr_setflags", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_SHORT));
    private static final MethodHandle ATTR_SETSIGDEFAULT =
            plain("posix_spawnattr_setsigdefault", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));
    private static final MethodHandle ATTR_SETSIGMASK =
            plain("posix_spawnattr_setsigmask", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));
    private static final MethodHandle SIGFILLSET = plain("sigfillset", ON_POINTER);
    private static final MethodHandle SIGEMPTYSET = plain("sigemptyset", ON_POINTER);
    private static final MethodHandle ACTIONS_INIT = plain("posix_spawn_file_actions_init", ON_POINTER);
    private static final MethodHandle ACTIONS_DESTROY = plain("posix_spawn_file_actions_destroy", ON_POINTER);
    private static final MethodHandle ACTIONS_DUP2 =
            plain("posix_spawn_file_actions_adddup2", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT));
    private static final MethodHandle ACTIONS_CHDIR =
            plain("posix_spawn_file_actions_addchdir_np", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));
    private static final MethodHandle ACTIONS_CLOSEFROM =
            plain("posix_spawn_file_actions_addclosefrom_np", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));
    private static final MethodHandle SIGNAL = plain("signal", FunctionDescriptor.of(ADDRESS, JAVA_INT, ADDRESS));
    private static final MethodHandle STRERROR = plain("strerror", FunctionDescriptor.of(ADDRESS, JAVA_INT));

    /** Larger than posix_spawnattr_t (336), posix_spawn_file_actions_t (80), sigset_t (128) and struct rusage (144), siginfo_t (128). */
    private static final long ROOM_BYTES = 512;

    /** Never changed once made, so all threads use it. */
    private static final MemorySegment ATTRIBUTES = attributes();

    /** An eventfd's increment. */
    private static final MemorySegment ONE = Arena.global().allocateFrom(JAVA_LONG, 1);

    private final MemorySegment errno;
    private final MemorySegment scratch;

    Posix(Arena arena) {
        errno = arena.allocate(CAPTURE);
        scratch = arena.allocate(ROOM_BYTES, 16);
    }

    /** A call that wraps an invokeExact, which declares Throwable and throws none here. */
    private interface Call {
        long invoke() throws Throwable;
    }

    private static long unchecked(Call call) {
        try {
            return call.invoke();
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    private long checked(Call call) {
        long result = unchecked(call);
        return result == -1 ? -(int) ERRNO.get(errno, 0L) : result;
    }

    /** A descriptor of {@code path}, closed at exec. */
    int open(MemorySegment path, int flags) {
        return (int) checked(() -> (int) OPEN.invokeExact(errno, path, flags | O_CLOEXEC, 0));
    }

    int close(int fd) {
        return (int) checked(() -> (int) CLOSE.invokeExact(errno, fd));
    }

    /**
     * A pipe, closed at exec, whose descriptors are above those that a child's 0, 1 and 2 are made of.
     *
     * @return 0; then {@code ends} has the reading and the writing end
     */
    int pipe(int[] ends) {
        int result = (int) checked(() -> (int) PIPE2.invokeExact(errno, scratch, O_CLOEXEC));
        if (result < 0) {
            return result;
        }
        ends[0] = scratch.getAtIndex(JAVA_INT, 0);
        ends[1] = scratch.getAtIndex(JAVA_INT, 1);
        for (int i = 0; i < 2; i++) {
            if (ends[i] <= 2) { // only in a JVM that was started with one of them closed
                int low = ends[i];
                int moved = (int) checked(() -> (int) FCNTL.invokeExact(errno, low, F_DUPFD_CLOEXEC, 3));
                close(low);
                if (moved < 0) {
                    close(ends[1 - i]);
                    return moved;
                }
                ends[i] = moved;
            }
        }
        return 0;
    }

    int setNonBlocking(int fd) {
        return (int) checked(() -> (int) FCNTL.invokeExact(errno, fd, F_SETFL, O_NONBLOCK));
    }

    long read(int fd, MemorySegment into) {
        return checked(() -> (long) READ.invokeExact(errno, fd, into, into.byteSize()));
    }

    long readAt(int fd, MemorySegment into, long offset) {
        return checked(() -> (long) PREAD.invokeExact(errno, fd, into, into.byteSize(), offset));
    }

    long write(int fd, MemorySegment from) {
        return checked(() -> (long) WRITE.invokeExact(errno, fd, from, from.byteSize()));
    }

    /** kill(2) for one process that is known to be ours; never 0, -1 or init. */
    int kill(int pid, int signal) {
        requireOrdinary(pid);
        return (int) checked(() -> (int) KILL.invokeExact(errno, pid, signal));
    }

    /** kill(2) for a whole group; never for our own, for all processes, or for init's. */
    int killGroup(int group, int signal) {
        requireOrdinary(group);
        return (int) checked(() -> (int) KILL.invokeExact(errno, -group, signal));
    }

    private static void requireOrdinary(int pid) {
        if (pid <= 1) {
            throw new IllegalArgumentException("not to be signalled: " + pid);
        }
    }

    /** What wait4(2) tells of an ended child; times in microseconds, the resident set in KiB. */
    record Waited(int status, long userMicros, long systemMicros, long maxResidentKib) {
        Exit.Status toStatus() {
            int signal = status & 0x7f;
            return signal == 0
                    ? new Exit.Status.Exited((status >> 8) & 0xff)
                    : new Exit.Status.Signalled(signal, (status & 0x80) != 0);
        }
    }

    /** Reaps one child of ours if it has ended. Never for "any": that would steal the JDK's children. */
    int reap(int pid) {
        requireOrdinary(pid);
        MemorySegment usage = scratch.asSlice(16);
        return (int) checked(() -> (int) WAIT4.invokeExact(errno, pid, scratch, WNOHANG, usage));
    }

    /** Reaps a child that was sent SIGKILL, and blocks until it has died of it. */
    void awaitKilled(int pid) {
        requireOrdinary(pid);
        int result;
        do {
            result = (int) checked(() -> (int) WAIT4.invokeExact(errno, pid, scratch, 0, MemorySegment.NULL));
        } while (result == -EINTR);
    }

    /** Blocks until a child of ours has stopped or ended, and leaves its status where it is. */
    void awaitStopped(int pid) {
        requireOrdinary(pid);
        int result;
        do {
            result = (int) checked(() -> (int) WAITID.invokeExact(errno, P_PID, pid, scratch, UNTIL_STOPPED));
        } while (result == -EINTR);
    }

    /** What the last {@link #reap} that returned a pid left behind. */
    Waited reaped() {
        MemorySegment usage = scratch.asSlice(16);
        return new Waited(scratch.get(JAVA_INT, 0), timeval(usage, 0), timeval(usage, 16), usage.get(JAVA_LONG, 32));
    }

    private static long timeval(MemorySegment at, long offset) {
        return at.get(JAVA_LONG, offset) * 1_000_000 + at.get(JAVA_LONG, offset + 8);
    }

    /** The peak resident set of this JVM, in KiB. */
    long ownMaxResidentKib() {
        checked(() -> (int) GETRUSAGE.invokeExact(errno, 0, scratch));
        return scratch.get(JAVA_LONG, 32);
    }

    /** The hard limit of a process (0 for this one), Long.MAX_VALUE for none, or the negated errno. */
    long hardLimit(int pid, int resource) {
        long result = checked(() -> (int) PRLIMIT.invokeExact(errno, pid, resource, MemorySegment.NULL, scratch));
        if (result < 0) {
            return result;
        }
        long hard = scratch.getAtIndex(JAVA_LONG, 1);
        return hard < 0 ? Long.MAX_VALUE : hard;
    }

    /** The soft and the hard limit of a process (0 for this one) as the kernel has them, -1 for none. */
    long[] limits(int pid, int resource) {
        checked(() -> (int) PRLIMIT.invokeExact(errno, pid, resource, MemorySegment.NULL, scratch));
        return new long[] {scratch.getAtIndex(JAVA_LONG, 0), scratch.getAtIndex(JAVA_LONG, 1)};
    }

    /** Sets both; nothing changes where one may not. */
    int setLimit(int pid, int resource, long soft, long hard) {
        scratch.setAtIndex(JAVA_LONG, 0, soft);
        scratch.setAtIndex(JAVA_LONG, 1, hard);
        return (int) checked(() -> (int) PRLIMIT.invokeExact(errno, pid, resource, scratch, MemorySegment.NULL));
    }

    /** Makes orphaned descendants children of this JVM instead of init's; PR_SET_CHILD_SUBREAPER(2const). */
    int becomeSubreaper() {
        return (int) checked(() -> (int) PRCTL.invokeExact(errno, PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L));
    }

    /**
     * Sets SIGCHLD to its default, as the JDK does before its first child: a JVM whose parent ignored it would have its
     * children reaped by the kernel, and their exit codes lost.
     */
    static void keepEndedChildren() {
        unchecked(() -> {
            MemorySegment before = (MemorySegment) SIGNAL.invokeExact(SIGCHLD, MemorySegment.NULL);
            return before.address();
        });
    }

    /** A descriptor, closed at exec, that becomes readable when the child ends. By number: glibc has it since 2.36 only. */
    int pidfd(int pid) {
        return (int) checked(() -> (long) SYSCALL.invokeExact(errno, SYS_PIDFD_OPEN, (long) pid, 0L));
    }

    int eventfd() {
        return (int) checked(() -> (int) EVENTFD.invokeExact(errno, 0, O_CLOEXEC | O_NONBLOCK));
    }

    /** A descriptor that becomes readable when its time is over. */
    int timerfd() {
        return (int) checked(() -> (int) TIMERFD_CREATE.invokeExact(errno, CLOCK_MONOTONIC, O_CLOEXEC | O_NONBLOCK));
    }

    /** Has a timer end once, after some time. */
    int setTimer(int timerfd, long nanos) {
        scratch.setAtIndex(JAVA_LONG, 0, 0);
        scratch.setAtIndex(JAVA_LONG, 1, 0);
        scratch.setAtIndex(JAVA_LONG, 2, nanos / 1_000_000_000);
        scratch.setAtIndex(JAVA_LONG, 3, nanos % 1_000_000_000);
        return (int) checked(() -> (int) TIMERFD_SETTIME.invokeExact(errno, timerfd, 0, scratch, MemorySegment.NULL));
    }

    int signalEvent(int eventfd) {
        return (int) checked(() -> (long) WRITE.invokeExact(errno, eventfd, ONE, 8L));
    }

    int epollCreate() {
        return (int) checked(() -> (int) EPOLL_CREATE1.invokeExact(errno, O_CLOEXEC));
    }

    int epollControl(int epoll, int operation, int fd, int events, long tag) {
        Epoll.put(scratch, events, tag);
        return (int) checked(() -> (int) EPOLL_CTL.invokeExact(errno, epoll, operation, fd, scratch));
    }

    int epollWait(int epoll, MemorySegment events, int timeoutMillis) {
        int most = (int) (events.byteSize() / Epoll.EVENT_BYTES);
        return (int) checked(() -> (int) EPOLL_WAIT.invokeExact(errno, epoll, events, most, timeoutMillis));
    }

    /**
     * posix_spawn(3): a session of its own, default signals, an empty mask, and no descriptor of this JVM but the three.
     *
     * @return the pid, or the negated errno
     */
    int spawn(MemorySegment program, MemorySegment argv, MemorySegment envp, MemorySegment directory, int[] fds) {
        MemorySegment actions = scratch.asSlice(64);
        int problem = (int) unchecked(() -> (int) ACTIONS_INIT.invokeExact(actions));
        if (problem != 0) {
            return -problem;
        }
        try {
            for (int target = 0; target < 3 && problem == 0; target++) {
                int fd = fds[target];
                int to = target;
                problem = (int) unchecked(() -> (int) ACTIONS_DUP2.invokeExact(actions, fd, to));
            }
            if (problem == 0) {
                problem = (int) unchecked(() -> (int) ACTIONS_CHDIR.invokeExact(actions, directory));
            }
            if (problem == 0) {
                problem = (int) unchecked(() -> (int) ACTIONS_CLOSEFROM.invokeExact(actions, 3));
            }
            if (problem == 0) {
                problem = (int)
                        unchecked(() -> (int) SPAWN.invokeExact(scratch, program, actions, ATTRIBUTES, argv, envp));
            }
            return problem == 0 ? scratch.get(JAVA_INT, 0) : -problem;
        } finally {
            unchecked(() -> (int) ACTIONS_DESTROY.invokeExact(actions));
        }
    }

    /** The system's text for a (positive or negated) error number. */
    static String describe(int errno) {
        try {
            MemorySegment text = (MemorySegment) STRERROR.invokeExact(Math.abs(errno));
            return text.reinterpret(256).getString(0);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    private static MemorySegment attributes() {
        MemorySegment attributes = Arena.global().allocate(ROOM_BYTES, 16);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment set = arena.allocate(ROOM_BYTES, 16);
            unchecked(() -> (int) ATTR_INIT.invokeExact(attributes));
            unchecked(() -> (int) ATTR_SETFLAGS.invokeExact(attributes, SPAWN_FLAGS));
            unchecked(() -> (int) SIGFILLSET.invokeExact(set));
            unchecked(() -> (int) ATTR_SETSIGDEFAULT.invokeExact(attributes, set));
            unchecked(() -> (int) SIGEMPTYSET.invokeExact(set));
            unchecked(() -> (int) ATTR_SETSIGMASK.invokeExact(attributes, set));
        }
        return attributes;
    }

    private static MethodHandle function(String name, FunctionDescriptor type) {
        return handle(name, type, Linker.Option.captureCallState("errno"));
    }

    private static MethodHandle variadic(String name, int firstVariadic, FunctionDescriptor type) {
        return handle(
                name, type, Linker.Option.captureCallState("errno"), Linker.Option.firstVariadicArg(firstVariadic));
    }

    private static MethodHandle plain(String name, FunctionDescriptor type) {
        return handle(name, type);
    }

    private static MethodHandle handle(String name, FunctionDescriptor type, Linker.Option... options) {
        MemorySegment address = LINKER.defaultLookup()
                .find(name)
                .orElseThrow(() -> new UnsatisfiedLinkError("this C library has no " + name));
        return LINKER.downcallHandle(address, type, options);
    }
}
