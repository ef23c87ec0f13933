package dev.taskpool.process;

import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Starts processes, and answers for them until nothing of them is left. Thread-safe. With the first start comes a {@link Guardian}, which
 * ends them should this JVM be killed.
 *
 * <p>{@link #start} blocks its thread for the time of a posix_spawn, under a millisecond as a rule. It is a native call, so a
 * virtual thread pins its carrier for that long; a file system that hangs, hangs it. Waiting for an exit pins nothing.
 */
public abstract sealed class Spawner implements AutoCloseable permits PosixSpawner, PlainSpawner {
    private static final Logger LOG = LoggerFactory.getLogger(Spawner.class);

    private final BootId boot;
    private final Guardian guardian;

    Spawner(BootId boot) {
        this.boot = boot;
        this.guardian = new Guardian(boot);
    }

    /** The best that this machine has: {@link PosixSpawner}, or else {@link PlainSpawner}. Logs which, and why. */
    public static Spawner best() {
        String problem = PosixSpawner.problem();
        Spawner spawner = problem == null ? new PosixSpawner(new SecureRandom()) : new PlainSpawner(new SecureRandom());
        if (problem == null) {
            LOG.info(
                    "processes are started by posix_spawn; this JVM adopts their orphans; memory is limited by {}",
                    Cgroups.canLimitMemory() ? "cgroup" : "looking at what is used");
        } else {
            LOG.warn("processes are started by ProcessBuilder, which is slower and less thorough: {}", problem);
        }
        return spawner;
    }

    /** Returns the limits that {@link #best} cannot keep on this machine, each with the reason. Starts and changes nothing. */
    public static Map<ResourceLimits.Kind, String> unenforceable() {
        Map<ResourceLimits.Kind, String> missing = new EnumMap<>(ResourceLimits.Kind.class);
        String problem = PosixSpawner.problem();
        if (problem != null) {
            for (ResourceLimits.Kind kind : ResourceLimits.Kind.values()) {
                missing.put(kind, "processes cannot be limited here: " + problem);
            }
        } else if (!Cgroups.canLimitProcesses()) {
            missing.put(
                    ResourceLimits.Kind.PROCESSES,
                    "the number of processes can only be limited by the pids controller of a cgroup that this service may write");
        }
        return missing;
    }

    /**
     * Starts a program.
     *
     * @param sink takes the output that the spec captures; closed once before the exit is reported; not touched if this throws
     * @throws SpawnException if it could not be started; nothing runs then
     * @throws IllegalStateException if this spawner is closed
     */
    public final ChildProcess start(ProcessSpec spec, OutputSink sink) throws SpawnException {
        guardian.ensure(this);
        return start(spec, sink, true);
    }

    /** @param marked false for one that must outlive the sweep for this boot's mark, as the guardian must */
    abstract ChildProcess start(ProcessSpec spec, OutputSink sink, boolean marked) throws SpawnException;

    /** The folders in which the cgroups of its processes are, one for each hierarchy; none where they are in none. */
    List<Path> groups() {
        return List.of();
    }

    /** The mark on all its processes, to be recorded for {@link Leftovers} before the first start. */
    public final BootId boot() {
        return boot;
    }

    /** Kills all processes that still run, waits until they are gone, ten seconds at most, and gives back all resources. */
    @Override
    public abstract void close();
}
