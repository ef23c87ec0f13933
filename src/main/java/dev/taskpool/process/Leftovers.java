package dev.taskpool.process;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What earlier lives of a service left running: found by the marks that they wrote into the data folder, never by pid. */
public final class Leftovers {
    private static final Logger LOG = LoggerFactory.getLogger(Leftovers.class);
    private static final String FILE = "boot";
    private static final int MOST_BOOTS = 16;
    private static final long LIMIT_NANOS = TimeUnit.SECONDS.toNanos(5);

    private Leftovers() {}

    /**
     * Kills what carries the mark of an earlier boot of this data folder, waits until it is gone (five seconds at most), and
     * records the mark of this boot. To be called by whoever holds the folder's lock, before the spawner's first start.
     *
     * @return how many processes were killed
     * @throws IOException if the mark cannot be recorded: then nothing should be started, as it would not be found again
     */
    public static int sweep(Path dataFolder, BootId current) throws IOException {
        Path file = dataFolder.resolve(FILE);
        Set<BootId> earlier = read(file);
        earlier.remove(current);
        int killed = 0;
        Set<BootId> recorded = new LinkedHashSet<>();
        if (!earlier.isEmpty() && ProcFs.exists()) {
            Set<ProcessHandle> seen = new LinkedHashSet<>();
            if (!kill(earlier, seen)) {
                recorded.addAll(earlier); // the next start tries again
            }
            killed = seen.size();
            if (killed > 0) {
                LOG.warn("killed {} processes that an earlier run of this service had left", killed);
            }
            Cgroups.removeLeftovers(earlier);
        }
        recorded.add(current);
        write(file, recorded);
        return killed;
    }

    private static Set<BootId> read(Path file) throws IOException {
        Set<BootId> boots = new LinkedHashSet<>();
        if (Files.exists(file)) {
            for (String line :
                    Files.readString(file, StandardCharsets.ISO_8859_1).split("\n")) {
                try {
                    if (!line.isBlank()) {
                        boots.add(BootId.parse(line.strip()));
                    }
                } catch (IllegalArgumentException e) {
                    LOG.warn("{} has a line that is no boot id; it is ignored", file);
                }
            }
        }
        return boots;
    }

    private static void write(Path file, Set<BootId> boots) throws IOException {
        StringBuilder text = new StringBuilder();
        boots.stream()
                .skip(Math.max(0, boots.size() - MOST_BOOTS))
                .forEach(boot -> text.append(boot).append('\n'));
        Path next = file.resolveSibling(FILE + ".next");
        Files.writeString(next, text);
        try (FileChannel channel = FileChannel.open(next, StandardOpenOption.WRITE)) {
            channel.force(true);
        }
        Files.move(next, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    /** Returns whether none is left. */
    private static boolean kill(Set<BootId> boots, Set<ProcessHandle> seen) {
        long end = System.nanoTime() + LIMIT_NANOS;
        List<ProcessHandle> found = find(boots);
        while (!found.isEmpty() && System.nanoTime() - end < 0) {
            seen.addAll(found);
            CompletableFuture<?>[] exits = found.stream()
                    .filter(ProcessHandle::destroyForcibly)
                    .map(ProcessHandle::onExit)
                    .toArray(CompletableFuture<?>[]::new);
            try {
                CompletableFuture.allOf(exits).get(LIMIT_NANOS / 5, TimeUnit.NANOSECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return false;
            } catch (ExecutionException | TimeoutException e) {
                LOG.debug("some of {} leftovers take their time", found.size());
            }
            found = find(boots);
        }
        return found.isEmpty();
    }

    /**
     * A handle takes the start time when it is made, and signals nobody else by it. Made before the mark is read, it stands for the
     * process whose mark was read, or for one that is gone.
     */
    private static List<ProcessHandle> find(Set<BootId> boots) {
        List<ProcessHandle> found = new ArrayList<>();
        long own = ProcessHandle.current().pid();
        for (int pid : ProcFs.pids()) {
            if (pid != own) {
                ProcessHandle.of(pid).filter(h -> isOf(pid, boots)).ifPresent(found::add);
            }
        }
        return found;
    }

    private static boolean isOf(int pid, Set<BootId> boots) {
        ProcFs.Stat stat = ProcFs.stat(pid);
        return stat != null && !stat.isZombie() && boots.stream().anyMatch(boot -> ProcFs.isOf(pid, boot));
    }
}
