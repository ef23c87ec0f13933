package dev.taskpool.process;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashSet;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What earlier lives of a service left running: found by the marks that they wrote into the data folder, never by pid. */
public final class Leftovers {
    private static final Logger LOG = LoggerFactory.getLogger(Leftovers.class);
    private static final String FILE = "boot";
    private static final int MOST_BOOTS = 16;

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
            try {
                if (new Census(pid -> look(pid, earlier), 0).kill(seen) > 0) {
                    recorded.addAll(earlier); // the next start tries again
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                recorded.addAll(earlier);
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

    private static Census.Sight look(int pid, Set<BootId> boots) {
        Census.Sight sight = Census.Sight.OTHER;
        for (BootId boot : boots) {
            switch (ProcFs.look(pid, boot)) {
                case MARKED -> {
                    return Census.Sight.MARKED;
                }
                case UNCLEAR -> sight = Census.Sight.UNCLEAR;
                case OTHER -> {}
            }
        }
        return sight;
    }
}
