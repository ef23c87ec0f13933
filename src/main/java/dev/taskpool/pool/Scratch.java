package dev.taskpool.pool;

import dev.taskpool.model.InputFile;
import java.io.IOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SecureDirectoryStream;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Folders that last as long as a run. Safe for all threads. */
public final class Scratch {
    private static final Logger LOG = LoggerFactory.getLogger(Scratch.class);
    private static final AtomicLong NUMBERS = new AtomicLong();

    private static final FileAttribute<?> OURS_ALONE =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

    private static final FileAttribute<?> OURS_ALONE_FILE =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

    private Scratch() {}

    /** Makes a fresh folder that only this user can enter. */
    static Path make(Path root, String name) throws IOException {
        Path folder = root.resolve(name + "-" + NUMBERS.incrementAndGet());
        try {
            return Files.createDirectory(folder, OURS_ALONE);
        } catch (NoSuchFileException e) {
            Files.createDirectories(root);
            return Files.createDirectory(folder, OURS_ALONE);
        }
    }

    /** Says why this machine cannot measure a folder while a program writes to it; nothing where it can. */
    public static Optional<String> problem() {
        try (DirectoryStream<Path> any = Files.newDirectoryStream(Path.of("/"))) {
            return any instanceof SecureDirectoryStream
                    ? Optional.empty()
                    : Optional.of("this system cannot go through a folder without going by paths");
        } catch (IOException e) {
            return Optional.of("folders cannot be looked into: " + e);
        }
    }

    /**
     * Puts files into a fresh folder, where nobody else is at work yet.
     *
     * @return the files and the folders that were made for them
     */
    static List<Path> put(Path folder, List<InputFile> files) throws IOException {
        Set<Path> made = new LinkedHashSet<>();
        for (InputFile file : files) {
            Path path = folder;
            for (Path part : Path.of(file.name())) {
                if (!path.equals(folder) && made.add(path)) {
                    Files.createDirectory(path, OURS_ALONE);
                }
                path = path.resolve(part);
            }
            Files.createFile(path, OURS_ALONE_FILE);
            Files.write(path, file.content());
            made.add(path);
        }
        return List.copyOf(made);
    }

    /**
     * Removes a folder with all that is in it, if there is one; nothing writes there any more. A tree may be deeper than a path can be long or than there are
     * descriptors, so folders are first moved up into the one that is removed: what a kill leaves in between is still in there. Links are removed and not followed.
     */
    public static void remove(Path folder) throws IOException {
        if (!Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS) || removeEmpty(folder)) {
            return;
        }
        Deque<Path> left = new ArrayDeque<>();
        left.add(folder);
        for (Path next = left.poll(); next != null; next = left.poll()) {
            own(next);
            try (DirectoryStream<Path> entries = Files.newDirectoryStream(next)) {
                for (Path entry : entries) {
                    if (!Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS)) {
                        Files.deleteIfExists(entry);
                    } else {
                        left.add(next.equals(folder) ? entry : movedUp(entry, folder));
                    }
                }
            }
            if (!next.equals(folder)) {
                Files.deleteIfExists(next);
            }
        }
        Files.deleteIfExists(folder);
    }

    private static Path movedUp(Path entry, Path folder) throws IOException {
        own(entry); // moving changes the folder's own entry for its parent
        while (true) {
            Path up = folder.resolve(".removed-" + NUMBERS.incrementAndGet());
            try {
                return Files.move(entry, up);
            } catch (FileAlreadyExistsException e) {
                LOG.debug("{} is of an earlier start, or of the program that ran here", up);
            }
        }
    }

    /** One system call for what most runs leave. */
    private static boolean removeEmpty(Path folder) throws IOException {
        try {
            Files.delete(folder);
            return true;
        } catch (NoSuchFileException e) {
            return true;
        } catch (DirectoryNotEmptyException e) {
            return false;
        }
    }

    private static void own(Path folder) throws IOException {
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwx------"));
    }
}
