package dev.taskpool.process;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Looks at what a process and all its descendants use, for the limits that the kernel does not keep by itself: CPU time always, memory
 * where there is no cgroup for it. Between two looks a process may exceed a limit by what it can use in that time. Confined
 * to the loop's thread.
 */
final class UsageWatch {
    /** From one look to the next. */
    static final Duration INTERVAL = Duration.ofMillis(50);

    /** USER_HZ, which is 100 on all machines that this runs on; see time(7). */
    private static final long MICROS_PER_TICK = 10_000;

    private final int pid;
    private final ResourceLimits limits;
    private final @Nullable Cgroup cgroup;
    private final boolean memory;

    UsageWatch(int pid, ResourceLimits limits, @Nullable Cgroup cgroup) {
        this.pid = pid;
        this.limits = limits;
        this.cgroup = cgroup;
        this.memory = limits.memoryBytes() != null && (cgroup == null || !cgroup.limitsMemory());
    }

    /** Whether there is anything to look at. */
    boolean isNeeded() {
        return memory || limits.cpuMillis() != null;
    }

    /**
     * Takes a look.
     *
     * @param daemons what had left the tree
     * @return the limit that is exceeded, or null
     */
    ResourceLimits.@Nullable Kind exceeded(Iterable<Integer> daemons) {
        Long cpuMillis = limits.cpuMillis();
        long micros = cpuMillis == null || cgroup == null ? -1 : cgroup.cpuMicros();
        long residentBytes = 0;
        if (memory || (cpuMillis != null && micros < 0)) {
            long ticks = 0;
            for (int each : tree(daemons)) {
                residentBytes += memory ? Math.max(0, ProcFs.residentBytes(each)) : 0;
                ProcFs.Stat stat = cpuMillis == null ? null : ProcFs.stat(each);
                ticks += stat == null ? 0 : stat.cpuTicks();
            }
            micros = micros < 0 ? ticks * MICROS_PER_TICK : micros;
        }
        if (cpuMillis != null && micros >= cpuMillis * 1000) {
            return ResourceLimits.Kind.CPU;
        }
        Long memoryBytes = limits.memoryBytes();
        return memory && memoryBytes != null && residentBytes > memoryBytes ? ResourceLimits.Kind.MEMORY : null;
    }

    private Set<Integer> tree(Iterable<Integer> daemons) {
        Set<Integer> seen = new HashSet<>();
        Deque<Integer> left = new ArrayDeque<>();
        left.add(pid);
        daemons.forEach(left::add);
        for (Integer next = left.poll(); next != null; next = left.poll()) {
            if (seen.add(next)) {
                left.addAll(ProcFs.children(next));
            }
        }
        return seen;
    }
}
