package dev.taskpool.process;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The control groups of one process and all that it forks: one of version 2, and one for each version 1 hierarchy that limits it. Reads
 * and writes only files of the kernel, which do not block.
 */
final class Cgroup {
    private static final Logger LOG = LoggerFactory.getLogger(Cgroup.class);

    private static final int END_ROUNDS = 100;
    private static final long END_PAUSE_NANOS = 10_000_000;

    private final List<Path> groups;
    private final @Nullable Path unified;
    private final @Nullable Path memory;
    private final @Nullable Path pids;

    private Cgroup(Builder builder) {
        this.groups = List.copyOf(builder.groups);
        this.unified = builder.unified;
        this.memory = builder.memory;
        this.pids = builder.pids;
    }

    static final class Builder {
        private final List<Path> groups = new ArrayList<>();
        private @Nullable Path unified;
        private @Nullable Path memory;
        private @Nullable Path pids;

        void add(Cgroups.Hierarchy hierarchy, Path group, ResourceLimits limits) throws IOException {
            groups.add(group);
            if (hierarchy.unified()) {
                unified = group;
            }
            if (limits.memoryBytes() != null && hierarchy.has("memory")) {
                memory = group;
                limitMemory(group, hierarchy.unified(), limits.memoryBytes());
            }
            if (limits.processes() != null && hierarchy.has("pids")) {
                pids = group;
                write(group.resolve("pids.max"), limits.processes().toString());
            }
        }

        private static void limitMemory(Path group, boolean unified, long bytes) throws IOException {
            String text = Long.toString(bytes);
            if (unified) {
                write(group.resolve("memory.max"), text);
                writeIfThere(group.resolve("memory.swap.max"), "0");
                // All of it goes: a command of which a random part is missing is no more use to anyone.
                writeIfThere(group.resolve("memory.oom.group"), "1");
            } else {
                write(group.resolve("memory.limit_in_bytes"), text);
                writeIfThere(group.resolve("memory.memsw.limit_in_bytes"), text);
            }
        }

        Cgroup build() {
            return new Cgroup(this);
        }
    }

    /** Whether the kernel keeps the limit of memory. */
    boolean limitsMemory() {
        return memory != null;
    }

    /** Puts a process in. What it forks from now on is in as well. */
    void join(int pid) throws IOException {
        for (Path group : groups) {
            write(group.resolve("cgroup.procs"), Integer.toString(pid));
        }
    }

    /** Kills all that is in it, at one stroke; cgroup.kill of Linux 5.14. Nothing happens where the kernel has none. */
    void kill() {
        if (unified != null) {
            kill(unified);
        }
    }

    private static void kill(Path group) {
        try {
            writeIfThere(group.resolve("cgroup.kill"), "1");
        } catch (IOException e) {
            LOG.debug("{} cannot be killed as a whole", group, e);
        }
    }

    /** Whether anything in it runs, zombies not counted. Only known in version 2. */
    boolean isPopulated() {
        return unified != null && value(unified.resolve("cgroup.events"), "populated") > 0;
    }

    /** The processes in it, without zombies. Only known in version 2. */
    List<Integer> pids() {
        if (unified == null) {
            return List.of();
        }
        try {
            return Files.readAllLines(unified.resolve("cgroup.procs")).stream()
                    .map(Integer::valueOf)
                    .filter(pid -> pid > 1) // 0 is one of another pid namespace
                    .toList();
        } catch (IOException e) {
            LOG.debug("{} cannot be read", unified, e);
            return List.of();
        }
    }

    /** Kills what runs in a group that nobody owns any more, and waits for a moment until it is gone. */
    static void end(Path group) {
        Path events = group.resolve("cgroup.events");
        for (int i = 0; i < END_ROUNDS && value(events, "populated") > 0; i++) {
            kill(group);
            LockSupport.parkNanos(END_PAUSE_NANOS);
        }
    }

    /** CPU time of all that is and was in it, in microseconds, or -1. */
    long cpuMicros() {
        return unified == null ? -1 : value(unified.resolve("cpu.stat"), "usage_usec");
    }

    /** How many processes the kernel killed because the group had no more memory. */
    long memoryKills() {
        Path group = memory;
        if (group == null) {
            return 0;
        }
        Path events = group.resolve("memory.events");
        Path file = Files.exists(events) ? events : group.resolve("memory.oom_control");
        return Math.max(0, value(file, "oom_kill"));
    }

    /** How many forks the kernel refused. */
    long forksRefused() {
        return pids == null ? 0 : Math.max(0, value(pids.resolve("pids.events"), "max"));
    }

    /** The most memory that all of it had at one time, in bytes, or -1. */
    long peakMemoryBytes() {
        Path group = memory;
        if (group == null) {
            return -1;
        }
        Path peak = group.resolve("memory.peak");
        return number(Files.exists(peak) ? peak : group.resolve("memory.max_usage_in_bytes"));
    }

    /** Returns whether all groups are gone. Fails while a process is in one of them, if only as a zombie. */
    boolean remove() {
        boolean gone = true;
        for (Path group : groups) {
            try {
                Files.deleteIfExists(group);
            } catch (IOException e) {
                gone = false;
            }
        }
        return gone;
    }

    private static long value(Path file, String name) {
        try {
            for (String line : Files.readAllLines(file)) {
                if (line.startsWith(name + " ")) {
                    return Long.parseLong(line.substring(name.length() + 1).strip());
                }
            }
        } catch (IOException | NumberFormatException e) {
            LOG.debug("{} cannot be read", file, e);
        }
        return -1;
    }

    private static long number(Path file) {
        try {
            return Long.parseLong(Files.readString(file).strip());
        } catch (IOException | NumberFormatException e) {
            LOG.debug("{} cannot be read", file, e);
            return -1;
        }
    }

    /** Never makes a file: what is not there, the kernel does not know. */
    static void write(Path file, String text) throws IOException {
        Files.writeString(file, text, StandardOpenOption.WRITE);
    }

    private static void writeIfThere(Path file, String text) throws IOException {
        if (Files.exists(file)) {
            write(file, text);
        }
    }
}
