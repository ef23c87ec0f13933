package dev.taskpool.process;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * Starts by posix_spawn(3), with no program in between, in a session of its own, and makes this JVM the subreaper of
 * all descendants, so that none is lost. For Linux on x86-64 and AArch64 with glibc 2.34 or later. (musl has no
 * posix_spawn_file_actions_addclosefrom_np, without which a child would hold the JVM's descriptors.)
 *
 * <p>As a subreaper, this JVM also adopts and reaps orphans of what other code starts with {@link ProcessBuilder}; it kills none of those.
 */
public final class PosixSpawner extends Spawner {
    /** Stops before the program is there, so that its limits are in place at its first instruction; then becomes the program. */
    private static final List<String> HOLD = List.of("/bin/sh", "-c", "kill -s STOP $$; exec \"$@\"", "sh");

    private final Arena arena = Arena.ofShared();
    private final AtomicLong started = new AtomicLong();

    private final Posix own = new Posix(arena);
    private final ProcessLoop loop;
    private final Cgroups cgroups;
    private final int devNull;
    private final int childrenFd;

    /** This JVM's own limits, as the kernel has them; children begin with the same. Read once, to spare two calls per start. */
    private final long[] ownLocks;

    private final long ownHardCore;
    private volatile boolean closed;

    PosixSpawner(RandomGenerator random) {
        super(BootId.random(random));
        Posix.keepEndedChildren();
        devNull = require("/dev/null", own.open(arena.allocateFrom("/dev/null"), Posix.O_RDWR));
        childrenFd = require("/proc", own.open(arena.allocateFrom(childrenFile().toString()), 0));
        require("a subreaper", own.becomeSubreaper());
        cgroups = Cgroups.open(boot());
        Orphans.STARTING.lock();
        try {
            ownLocks = own.limits(0, Posix.RLIMIT_LOCKS);
        } finally {
            Orphans.STARTING.unlock();
        }
        ownHardCore = own.limits(0, Posix.RLIMIT_CORE)[1];
        loop = new ProcessLoop(arena, boot(), childrenFd);
    }

    private static int require(String what, int result) {
        if (result < 0) {
            throw new IllegalStateException("cannot have " + what + ": " + Posix.describe(result));
        }
        return result;
    }

    private static Path childrenFile() {
        long pid = ProcessHandle.current().pid();
        return Path.of("/proc/self/task/" + pid + "/children");
    }

    /** Whether this machine has what this spawner needs. */
    static boolean isAvailable() {
        return problem() == null;
    }

    /** What is missing, or null. */
    static @Nullable String problem() {
        String architecture = System.getProperty("os.arch", "");
        if (!System.getProperty("os.name", "").equals("Linux")
                || !(architecture.equals("amd64") || architecture.equals("aarch64"))) {
            return "not Linux on x86-64 or AArch64";
        }
        if (!Files.isReadable(childrenFile())) {
            return "the kernel shows no " + childrenFile();
        }
        try (Arena arena = Arena.ofConfined()) {
            Posix os = new Posix(arena);
            int pidfd = os.pidfd((int) ProcessHandle.current().pid());
            if (pidfd < 0) {
                return "no pidfd_open: " + Posix.describe(pidfd);
            }
            os.close(pidfd);
            return null;
        } catch (LinkageError | IllegalCallerException | UnsupportedOperationException e) {
            // A C library without a function, native access that is denied, a platform without a linker: PlainSpawner
            // it is.
            Throwable cause = e.getCause() == null ? e : e.getCause();
            return "the Foreign Function & Memory API cannot be used: " + cause;
        }
    }

    @Override
    ChildProcess start(ProcessSpec spec, OutputSink sink, boolean marked) throws SpawnException {
        requireOpen();
        String program = Programs.resolve(spec);
        if (spec.limits().needsHolding()) {
            Programs.check(spec, program); // the shell in front would only write it to standard error
        }
        long id = marked ? boot().mark(started.incrementAndGet()) : PosixChild.UNMARKED;
        try (Arena local = Arena.ofConfined()) {
            Posix os = new Posix(local);
            StandardStreams streams = StandardStreams.open(os, spec, devNull);
            byte[] rest = new byte[0];
            if (spec.stdin() instanceof Stdin.Bytes(byte[] bytes) && bytes.length > 0) {
                int taken = streams.fillInput(os, local, bytes);
                rest = java.util.Arrays.copyOfRange(bytes, taken, bytes.length);
            }
            int pid = spawn(os, local, spec, program, id, streams);
            streams.closeChildEnds(os);
            if (pid < 0) {
                streams.closeAll(os);
                throw Programs.explain(spec, program, -pid, Posix.describe(pid));
            }
            Cgroup cgroup;
            try {
                cgroup = confine(os, pid, id, spec.limits());
                int pidfd = os.pidfd(pid);
                if (pidfd < 0) {
                    throw new SpawnException("cannot watch a process: " + Posix.describe(pidfd), -pidfd);
                }
                streams.setPidfd(pidfd);
            } catch (SpawnException e) {
                discard(os, pid, streams);
                throw e;
            }
            PosixChild child = new PosixChild(
                    loop, id, pid, sink, streams, rest, spec.stdin() instanceof Stdin.Pipe, spec.limits(), cgroup);
            if (!loop.add(os, child)) {
                discard(os, pid, streams);
                throw closed();
            }
            if (spec.limits().needsHolding()) {
                os.kill(pid, Posix.SIGCONT);
            }
            return child;
        }
    }

    /** Sets what a process may use. One that is held has not begun yet. */
    private @Nullable Cgroup confine(Posix os, int pid, long id, ResourceLimits limits) throws SpawnException {
        if (!limits.needsHolding()) {
            limit(os, pid, limits);
            return null;
        }
        os.awaitStopped(pid);
        limit(os, pid, limits);
        try {
            if (limits.processes() != null && !cgroups.limitsProcesses()) {
                throw new IOException("no cgroup here can limit the number of processes");
            }
            Cgroup cgroup = cgroups.make(id, limits).orElse(null);
            if (cgroup != null) {
                cgroup.join(pid);
            }
            return cgroup;
        } catch (IOException e) {
            throw new SpawnException("cannot limit a process: " + e, SpawnException.UNKNOWN);
        }
    }

    @Override
    List<Path> groups() {
        return cgroups.folders();
    }

    private void requireOpen() {
        if (closed) {
            throw closed();
        }
    }

    private static IllegalStateException closed() {
        return new IllegalStateException("the spawner is closed");
    }

    /** Ends a process that the loop does not know. What it may have spawned in its first microseconds carries the boot's mark. */
    private static void discard(Posix os, int pid, StandardStreams streams) {
        os.killGroup(pid, Posix.SIGKILL);
        os.awaitKilled(pid);
        Orphans.LEADERS.remove(pid);
        streams.closeAll(os);
    }

    private void limit(Posix os, int pid, ResourceLimits limits) throws SpawnException {
        Long cpuMillis = limits.cpuMillis();
        // A second more than is looked for: whoever looks says why it ended.
        limit(os, pid, Posix.RLIMIT_CPU, cpuMillis == null ? null : Long.valueOf(cpuMillis / 1000 + 2), 1);
        limit(os, pid, Posix.RLIMIT_NOFILE, limits.openFiles(), 0);
        limit(os, pid, Posix.RLIMIT_FSIZE, limits.fileSizeBytes(), 0);
        Long core = limits.coreBytes();
        if (core != null && (ownHardCore < 0 || core < ownHardCore)) {
            long result = os.setLimit(pid, Posix.RLIMIT_CORE, core, core);
            // One that was not held may be another user's by now, out of reach without CAP_SYS_RESOURCE: it keeps the
            // inherited limit, and its cores go with its folder.
            require(result == -Posix.EPERM ? 0 : result);
        }
    }

    /** @param slack how much the hard limit is above the soft one: a second more of CPU time lets SIGXCPU come first */
    private static void limit(Posix os, int pid, int resource, @Nullable Long value, long slack) throws SpawnException {
        if (value == null) {
            return;
        }
        long hard = os.hardLimit(pid, resource);
        require(hard < 0 ? hard : os.setLimit(pid, resource, Math.min(value, hard), Math.min(value + slack, hard)));
    }

    private static void require(long result) throws SpawnException {
        if (result < 0) {
            throw new SpawnException("cannot set a resource limit: " + Posix.describe((int) result), (int) -result);
        }
    }

    private int spawn(Posix os, Arena local, ProcessSpec spec, String program, long id, StandardStreams streams) {
        boolean marked = id != PosixChild.UNMARKED;
        List<String> words = spec.argv();
        String first = program;
        if (spec.limits().needsHolding()) {
            words = new ArrayList<>(HOLD);
            words.add(program);
            words.addAll(spec.argv().subList(1, spec.argv().size()));
            first = HOLD.getFirst();
        }
        List<byte[]> argv = words.stream()
                .map(word -> word.getBytes(StandardCharsets.UTF_8))
                .toList();
        MemorySegment path = local.allocateFrom(first);
        MemorySegment arguments = strings(local, argv);
        MemorySegment variables = strings(local, marked ? environment(spec, id) : lines(spec.environment()));
        MemorySegment directory = local.allocateFrom(spec.directory().toString());
        Orphans.STARTING.lock();
        try {
            // The mark has to be there at the fork: one that is set afterwards misses what the program has forked by
            // then.
            if (marked) {
                os.setLimit(0, Posix.RLIMIT_LOCKS, id, ownLocks[1]);
            }
            int pid = os.spawn(path, arguments, variables, directory, streams.childEnds());
            if (pid > 0) {
                Orphans.LEADERS.add(pid);
            }
            if (marked) {
                os.setLimit(0, Posix.RLIMIT_LOCKS, ownLocks[0], ownLocks[1]);
            }
            return pid;
        } finally {
            Orphans.STARTING.unlock();
        }
    }

    private List<byte[]> environment(ProcessSpec spec, long id) {
        Map<String, String> all = new java.util.HashMap<>(spec.environment());
        all.put(BootId.BOOT_VARIABLE, boot().toString());
        all.put(BootId.PROCESS_VARIABLE, Long.toString(id));
        return lines(all);
    }

    private static List<byte[]> lines(Map<String, String> variables) {
        List<byte[]> lines = new ArrayList<>(variables.size());
        variables.forEach((name, value) -> lines.add((name + "=" + value).getBytes(StandardCharsets.UTF_8)));
        return lines;
    }

    /** A null-terminated array of C strings, all in one allocation. */
    private static MemorySegment strings(Arena local, List<byte[]> values) {
        long bytes = values.stream().mapToLong(value -> value.length + 1L).sum();
        MemorySegment text = local.allocate(Math.max(1, bytes));
        MemorySegment array = local.allocate(ADDRESS, values.size() + 1L);
        long offset = 0;
        for (int i = 0; i < values.size(); i++) {
            byte[] value = values.get(i);
            MemorySegment.copy(value, 0, text, JAVA_BYTE, offset, value.length);
            array.setAtIndex(ADDRESS, i, text.asSlice(offset));
            offset += value.length + 1L; // the arena's memory is zero: the NUL is there already
        }
        return array;
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        loop.close();
        cgroups.close();
        own.close(childrenFd);
        own.close(devNull);
        arena.close();
    }
}
