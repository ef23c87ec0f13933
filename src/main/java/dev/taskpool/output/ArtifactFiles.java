package dev.taskpool.output;

import dev.taskpool.model.Artifacts;
import dev.taskpool.model.FileRules;
import dev.taskpool.model.TaskId;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The files that runs left and that are kept with their tasks. Each task has one folder, with its files by number: names are the program's, and no path is made of
 * them. A folder comes into its place whole, so what a kill leaves is either all there or in {@link #unfinished}. Safe for all threads.
 */
public final class ArtifactFiles {
    private static final Logger LOG = LoggerFactory.getLogger(ArtifactFiles.class);

    static final FileAttribute<?> OURS_ALONE =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

    private static final AtomicLong NUMBERS = new AtomicLong();

    private final Path root;
    private final boolean sync;

    /** @param sync whether what is kept has to survive the loss of power */
    ArtifactFiles(Path root, boolean sync) {
        this.root = root;
        this.sync = sync;
    }

    /** Returns the folder of what was being gathered; what is in it when the service starts can be removed. */
    public Path unfinished() {
        return root.resolve(".new");
    }

    /**
     * Keeps the files of a run that its command is to keep, instead of those of earlier runs of the task. They are moved out of the folder, and copied: whoever still
     * has one open cannot change what is kept. Links are not followed.
     *
     * @param folder where the program ran; its owner is the only one whose files are kept
     */
    public Artifacts keep(TaskId id, Path folder, FileRules rules) {
        if (!rules.keepsArtifacts()) {
            return Artifacts.NONE;
        }
        Path work = unfinished().resolve(Long.toString(NUMBERS.incrementAndGet()));
        Harvest harvest = new Harvest(rules, work, sync);
        try {
            Files.createDirectories(unfinished());
            Files.createDirectory(work, OURS_ALONE);
            harvest.gather(folder);
            delete(id);
            if (!harvest.isEmpty()) {
                Path place = folder(id);
                Path parent = Files.createDirectories(place.resolveSibling(""));
                Files.move(harvest.kept(), place, StandardCopyOption.ATOMIC_MOVE);
                if (sync) {
                    Harvest.force(place);
                    Harvest.force(parent);
                }
            }
            return harvest.artifacts();
        } catch (IOException | RuntimeException e) {
            LOG.error("the artifacts of {} cannot be kept", id, e);
            return harvest.lost();
        } finally {
            removed(work);
        }
    }

    private static void removed(Path work) {
        try {
            empty(work.resolve(Harvest.KEPT));
            empty(work);
        } catch (IOException e) {
            LOG.warn("{} cannot be removed before the next start: {}", work, e.toString());
        }
    }

    /**
     * Opens a file that is kept.
     *
     * @param index its position among those of its task
     * @param first the first byte to be read
     * @return nothing where it is not there
     */
    public Optional<InputStream> open(TaskId id, int index, long first) throws IOException {
        try {
            SeekableByteChannel channel = Files.newByteChannel(
                    folder(id).resolve(Integer.toString(index)),
                    Set.of(StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS));
            channel.position(first);
            return Optional.of(Channels.newInputStream(channel));
        } catch (NoSuchFileException e) {
            return Optional.empty();
        }
    }

    /** Removes what is kept of a task, if there is anything. */
    public void delete(TaskId id) throws IOException {
        delete(id.sequence());
    }

    /** As {@link #delete(TaskId)}, by the upper half of the id. */
    public void delete(long sequence) throws IOException {
        Path place = folder(sequence);
        if (empty(place)) {
            try {
                Files.deleteIfExists(place.resolveSibling(""));
            } catch (DirectoryNotEmptyException e) {
                // Another task of the same minute has its folder there.
                return;
            }
        }
    }

    /** Returns the upper halves of the ids of all tasks that have something here. */
    public List<Long> sequences() throws IOException {
        List<Long> all = new ArrayList<>();
        if (!Files.isDirectory(root)) {
            return all;
        }
        try (DirectoryStream<Path> minutes = Files.newDirectoryStream(root, "[0-9a-f]*")) {
            for (Path minute : minutes) {
                try (DirectoryStream<Path> tasks = Files.newDirectoryStream(minute, "[0-9a-f]*")) {
                    for (Path task : tasks) {
                        String digits = "" + minute.getFileName() + task.getFileName();
                        if (digits.matches("[0-9a-f]{16}")) {
                            all.add(HexFormat.fromHexDigitsToLong(digits));
                        }
                    }
                } catch (NotDirectoryException e) {
                    LOG.warn("{} is nothing of ours", minute);
                }
            }
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
        return all;
    }

    /** Removes a folder of files; returns whether there was one. One system call where there is none. */
    private static boolean empty(Path folder) throws IOException {
        try {
            return Files.deleteIfExists(folder);
        } catch (DirectoryNotEmptyException e) {
            try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder)) {
                for (Path entry : entries) {
                    Files.deleteIfExists(entry);
                }
            } catch (NoSuchFileException | NotDirectoryException gone) {
                return false;
            }
            return Files.deleteIfExists(folder);
        }
    }

    /** One folder for about a minute, as with outputs. */
    private Path folder(TaskId id) {
        return folder(id.sequence());
    }

    private Path folder(long sequence) {
        String name = HexFormat.of().toHexDigits(sequence);
        return root.resolve(name.substring(0, 8)).resolve(name.substring(8));
    }
}
