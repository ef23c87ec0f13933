package dev.taskpool.process;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The control groups that this service may make below its own; see cgroups(7). Version 2 is used where there is one, for killing
 * and for CPU time without any controller; memory and number of processes are limited by its controllers, or by those of
 * version 1 where they are still there. A process gets groups only when it has limits: with one for each, short commands are an
 * eighth slower (measured), and it would have to be held at its start, as those with limits are, to be in before it forks. Nothing that
 * it forks can leave them, whatever it does to its session, its environment and its own limits.
 *
 * <p>Thread-safe.
 */
final class Cgroups {
    private static final Logger LOG = LoggerFactory.getLogger(Cgroups.class);
    private static final String PREFIX = "taskpool-";
    private static final List<String> WANTED = List.of("memory", "pids");

    /**
     * One hierarchy in which this service may make groups.
     *
     * @param own the folder of the group that this process is in
     * @param unified whether it is of version 2
     * @param controllers of those wanted, the ones that can limit groups below
     * @param occupied whether processes that are ours have to leave {@code own} first, as version 2 asks for
     */
    record Hierarchy(Path own, boolean unified, List<String> controllers, boolean occupied) {
        boolean has(String controller) {
            return controllers.contains(controller);
        }
    }

    private final List<Hierarchy> hierarchies;
    private final String folder;

    private Cgroups(List<Hierarchy> hierarchies, BootId boot) {
        this.hierarchies = hierarchies;
        this.folder = PREFIX + boot;
    }

    /** Whether {@link ResourceLimits#memoryBytes} can be kept by the kernel on this machine. Changes nothing. */
    static boolean canLimitMemory() {
        return anyHas(find(), "memory");
    }

    /** Whether {@link ResourceLimits#processes} can be kept on this machine. Changes nothing. */
    static boolean canLimitProcesses() {
        return anyHas(find(), "pids");
    }

    private static boolean anyHas(List<Hierarchy> all, String controller) {
        return all.stream().anyMatch(h -> h.has(controller));
    }

    /** Prepares what there is: leaves the service's own group where version 2 asks for that, and switches its controllers on. */
    static Cgroups open(BootId boot) {
        List<Hierarchy> usable = new ArrayList<>();
        for (Hierarchy each : find()) {
            try {
                if (each.unified() && !each.controllers().isEmpty()) {
                    delegate(each);
                }
                usable.add(each);
            } catch (IOException e) {
                LOG.warn("the cgroup {} cannot be used for limits: {}", each.own(), e.getMessage());
                if (each.unified()) {
                    usable.add(new Hierarchy(each.own(), true, List.of(), false));
                }
            }
        }
        return new Cgroups(List.copyOf(usable), boot);
    }

    boolean limitsProcesses() {
        return anyHas(hierarchies, "pids");
    }

    /**
     * Makes the groups of one process.
     *
     * @param number not given out before in this boot
     * @return nothing where this service may make none
     * @throws IOException if a group cannot be made or a limit cannot be set; then none is left
     */
    Optional<Cgroup> make(long number, ResourceLimits limits) throws IOException {
        List<Path> made = new ArrayList<>();
        Cgroup.Builder builder = new Cgroup.Builder();
        try {
            for (Hierarchy each : hierarchies) {
                if (each.unified() || isAskedFor(each, limits)) {
                    Path parent = each.own().resolve(folder);
                    Path group = parent.resolve(Long.toString(number));
                    if (!Files.isDirectory(parent)) {
                        Files.createDirectories(parent);
                        enable(parent, each);
                    }
                    Files.createDirectory(group);
                    made.add(group);
                    builder.add(each, group, limits);
                }
            }
            return made.isEmpty() ? Optional.empty() : Optional.of(builder.build());
        } catch (IOException e) {
            for (Path group : made) {
                Files.deleteIfExists(group);
            }
            throw e;
        }
    }

    /** Returns the folders of this boot's groups, whether they are there yet or not. */
    List<Path> folders() {
        return hierarchies.stream().map(each -> each.own().resolve(folder)).toList();
    }

    private static boolean isAskedFor(Hierarchy hierarchy, ResourceLimits limits) {
        return (limits.memoryBytes() != null && hierarchy.has("memory"))
                || (limits.processes() != null && hierarchy.has("pids"));
    }

    /** Removes what is empty of this boot's groups; called when no process is left. */
    void close() {
        for (Hierarchy each : hierarchies) {
            remove(each.own().resolve(folder));
        }
    }

    /** Removes the groups that earlier boots have left. Their processes are killed already. */
    static void removeLeftovers(Collection<BootId> boots) {
        for (Hierarchy each : find()) {
            for (BootId boot : boots) {
                remove(each.own().resolve(PREFIX + boot));
                // A service that had moved into a group below its own started again beside it.
                Path parent = each.own().getParent();
                if (parent != null) {
                    remove(parent.resolve(PREFIX + boot));
                }
            }
        }
    }

    /** A group's folder holds the kernel's files, which go with it: only folders are removed. What still runs in them is killed. */
    private static void remove(Path folder) {
        if (!Files.isDirectory(folder)) {
            return;
        }
        Cgroup.end(folder);
        try (DirectoryStream<Path> below = Files.newDirectoryStream(folder, Files::isDirectory)) {
            for (Path each : below) {
                remove(each);
            }
            Files.deleteIfExists(folder);
        } catch (IOException e) {
            LOG.warn("the cgroup {} cannot be removed: {}", folder, e.getMessage());
        }
    }

    // --- what there is ---

    private static List<Hierarchy> find() {
        try {
            return find(
                    Files.readAllLines(Path.of("/proc/self/mountinfo")),
                    Files.readAllLines(Path.of("/proc/self/cgroup")));
        } catch (IOException | RuntimeException e) {
            LOG.debug("no control groups", e);
            return List.of();
        }
    }

    /** @param groups lines of /proc/self/cgroup: number, controllers, path */
    static List<Hierarchy> find(List<String> mounts, List<String> groups) throws IOException {
        List<Hierarchy> found = new ArrayList<>();
        for (String line : groups) {
            String[] parts = line.split(":", 3);
            List<String> controllers = Arrays.asList(parts[1].split(","));
            boolean unified = parts[0].equals("0");
            if (!unified && WANTED.stream().noneMatch(controllers::contains)) {
                continue;
            }
            Path own = folder(mounts, unified ? "cgroup2" : "cgroup", parts[1], parts[2]);
            if (own == null || !Files.isWritable(own)) {
                continue;
            }
            if (unified) {
                found.add(unified(own));
            } else {
                found.add(new Hierarchy(
                        own,
                        false,
                        WANTED.stream().filter(controllers::contains).toList(),
                        false));
            }
        }
        return found;
    }

    /** Where a group is in the file system, or null. */
    private static @Nullable Path folder(List<String> mounts, String type, String controllers, String group) {
        for (String line : mounts) {
            // 36 35 98:0 /root /mount/point rw,noatime master:1 - type source options; see proc_pid_mountinfo(5)
            String[] sides = line.split(" - ", 2);
            String[] left = sides[0].split(" ");
            String[] right = sides[1].split(" ");
            boolean mine = right[0].equals(type)
                    && (type.equals("cgroup2")
                            || Arrays.asList(right[2].split(",")).containsAll(Arrays.asList(controllers.split(","))));
            if (mine) {
                String root = left[3].equals("/") ? "" : left[3];
                Path mount = Path.of(left[4]);
                String below = group.startsWith(root) ? group.substring(root.length()) : "";
                Path folder = mount.resolve(below.replaceFirst("^/+", ""));
                return Files.isDirectory(folder) ? folder : mount;
            }
        }
        return null;
    }

    private static Hierarchy unified(Path own) throws IOException {
        List<String> there = words(own.resolve("cgroup.controllers"));
        List<String> wanted = WANTED.stream().filter(there::contains).toList();
        // The root of all has no cgroup.type, and may hold processes beside groups with controllers.
        boolean occupied = Files.exists(own.resolve("cgroup.type"))
                && !words(own.resolve("cgroup.subtree_control")).containsAll(wanted);
        boolean strangers = occupied && !onlyOurs(own);
        return new Hierarchy(own, true, strangers ? List.of() : wanted, occupied && !strangers);
    }

    /** Whether the processes of our group are we, what started us, and what we have started. */
    private static boolean onlyOurs(Path own) throws IOException {
        ProcessHandle self = ProcessHandle.current();
        List<Long> ours = new ArrayList<>(List.of(self.pid()));
        for (Optional<ProcessHandle> up = self.parent();
                up.isPresent();
                up = up.get().parent()) {
            ours.add(up.get().pid());
        }
        self.descendants().forEach(each -> ours.add(each.pid()));
        return words(own.resolve("cgroup.procs")).stream().map(Long::valueOf).allMatch(ours::contains);
    }

    private static void delegate(Hierarchy hierarchy) throws IOException {
        Path own = hierarchy.own();
        if (hierarchy.occupied()) {
            Path service = Files.createDirectories(own.resolve(PREFIX + "service"));
            for (String pid : words(own.resolve("cgroup.procs"))) {
                Cgroup.write(service.resolve("cgroup.procs"), pid);
            }
        }
        enable(own, hierarchy);
    }

    private static void enable(Path group, Hierarchy hierarchy) throws IOException {
        if (hierarchy.unified() && !hierarchy.controllers().isEmpty()) {
            Cgroup.write(
                    group.resolve("cgroup.subtree_control"),
                    String.join(
                            " ",
                            hierarchy.controllers().stream().map(c -> "+" + c).toList()));
        }
    }

    private static List<String> words(Path file) throws IOException {
        return Arrays.stream(Files.readString(file).split("\\s+"))
                .filter(word -> !word.isEmpty())
                .toList();
    }
}
