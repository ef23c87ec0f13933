package dev.taskpool.pool;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The scratch folders of one pool. To make and remove one takes as long as a quarter of a short command, and most commands
 * leave theirs as they found it: those are for the next one. Safe for all threads.
 */
final class ScratchFolders implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ScratchFolders.class);
    private static final int MOST_FREE = 16;

    /** File systems take their time from a clock that stands still for up to 10 ms. */
    private static final long TICK_MILLIS = 20;

    private static final String OURS_ALONE = "rwx------";

    /**
     * A folder that only this user can enter, and in which nothing is.
     *
     * @param changed when it, its entries or its attributes changed last, as the file system has it
     * @param settled whether a change from now on shows in that
     */
    record Folder(Path path, FileTime changed, boolean settled) {
        static Folder of(Path path, FileTime changed) {
            return new Folder(path, changed, System.currentTimeMillis() - changed.toMillis() > TICK_MILLIS);
        }
    }

    private final Path root;
    private final String name;
    private final ReentrantLock lock = new ReentrantLock();
    // Guarded by the lock.
    private final Deque<Folder> free = new ArrayDeque<>();
    private boolean closed;

    /**
     * @param root made where it is missing
     * @param name what the names of the folders begin with
     */
    ScratchFolders(Path root, String name) {
        this.root = root.toAbsolutePath();
        this.name = name;
    }

    /** Returns a folder for a run, which nobody else uses. */
    Folder take() throws IOException {
        lock.lock();
        try {
            Folder next = free.poll();
            if (next != null) {
                return Folder.of(next.path, next.changed);
            }
        } finally {
            lock.unlock();
        }
        Path made = Scratch.make(root, name);
        return Folder.of(made, changed(made));
    }

    /**
     * Takes back a folder in which nobody works any more, if it is as it was given out: nothing was ever put into it, and nothing of its own was
     * changed.
     *
     * @return false where it is not, or not needed: it is to be removed
     */
    boolean takeBack(Folder folder) {
        try {
            if (!changed(folder.path).equals(folder.changed) || !(folder.settled || isFresh(folder.path))) {
                return false;
            }
        } catch (IOException e) {
            LOG.debug("the scratch folder {} cannot be looked at: {}", folder.path, e.toString());
            return false;
        }
        lock.lock();
        try {
            return !closed && free.size() < MOST_FREE && free.offer(folder);
        } finally {
            lock.unlock();
        }
    }

    /** Removes the folders that nobody uses, and takes back none any more. */
    @Override
    public void close() {
        lock.lock();
        try {
            closed = true;
        } finally {
            lock.unlock();
        }
        for (Folder each : free) {
            remove(each);
        }
        free.clear();
    }

    /** Removes a folder with all that is in it; what cannot be removed is told to the log. */
    static void remove(Folder folder) {
        try {
            Scratch.remove(folder.path);
        } catch (IOException | RuntimeException e) {
            LOG.warn("the scratch folder {} could not be removed: {}", folder.path, e.toString());
        }
    }

    private static FileTime changed(Path folder) throws IOException {
        return (FileTime) Files.getAttribute(folder, "unix:ctime", LinkOption.NOFOLLOW_LINKS);
    }

    /** A change in the moment in which it was made does not show. */
    private static boolean isFresh(Path folder) throws IOException {
        PosixFileAttributes attributes =
                Files.readAttributes(folder, PosixFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        if (!attributes.permissions().equals(PosixFilePermissions.fromString(OURS_ALONE))) {
            return false;
        }
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder)) {
            return !entries.iterator().hasNext();
        }
    }
}
