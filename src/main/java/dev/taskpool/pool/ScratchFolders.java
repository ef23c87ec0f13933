package dev.taskpool.pool;

import dev.taskpool.model.Ticker;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Deque;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The scratch folders of a pool. Most commands never touch theirs, and to make and remove one costs more than all else that a run costs
 * besides its process (measured: a tenth of the CPU, and removing waits for the disk): a folder that its run left as it found it
 * is kept for the next.
 *
 * <p>That nothing was done to a folder shows in the time of its last status change, which every change of its entries, mode, owner or
 * attributes sets and which no program can set; see inode(7). Where the clock of a file system is coarse, a change right after
 * another one does not show: so only a folder that has rested for some seconds is lent to a run that way. Safe for all threads.
 */
final class ScratchFolders {
    private static final Logger LOG = LoggerFactory.getLogger(ScratchFolders.class);

    /** More than the coarsest clock of a file system (two seconds). */
    static final long REST_MILLIS = 3_000;

    private static final int MOST_SPARES = 64;

    private final Path root;
    private final Ticker ticker;

    /** Those that have rested are in front. */
    private final Deque<Folder> spares = new ConcurrentLinkedDeque<>();

    private final AtomicInteger inUse = new AtomicInteger();

    /** Whether another run is to be expected soon. Set by who takes a folder, unset by {@link #rest}. */
    private volatile boolean wanted;

    /** @param root made where it is missing */
    ScratchFolders(Path root, Ticker ticker) {
        this.root = root;
        this.ticker = ticker;
    }

    /**
     * A folder that only this user can enter, empty when it is taken.
     *
     * @param changed its last change, before it was taken; null where it had not rested
     */
    record Folder(Path path, @Nullable FileTime changed) {
        /** Returns whether nothing was done to it since it was taken, as far as that is known. */
        boolean isUntouched() {
            return changed != null && changed.equals(lastChange(path));
        }
    }

    /** Returns a folder for one run, which gives it back. */
    Folder take() throws IOException {
        wanted = true;
        int used = inUse.incrementAndGet();
        try {
            for (Folder spare = rested(); spare != null; spare = rested()) {
                if (spare.isUntouched()) {
                    return spare;
                }
                remove(spare); // somebody was in it who had no business there, or has removed it
            }
            if (spares.size() < Math.min(used, MOST_SPARES)) {
                Path next = Scratch.make(root, "run");
                spares.addLast(new Folder(next, lastChange(next)));
            }
            return new Folder(Scratch.make(root, "run"), null);
        } catch (IOException | RuntimeException e) {
            inUse.decrementAndGet();
            throw e;
        }
    }

    private @Nullable Folder rested() {
        Folder first = spares.pollFirst();
        if (first == null || first.changed == null) {
            return first;
        }
        if (ticker.millis() - first.changed.toMillis() < REST_MILLIS) {
            spares.addFirst(first);
            return null;
        }
        return first;
    }

    /**
     * Takes a folder back when nothing of its run is left, with all that is in it.
     *
     * @param untouched what {@link #keeps} said; then this does not block
     */
    void giveBack(Folder folder, boolean untouched) {
        inUse.decrementAndGet();
        if (!untouched) {
            remove(folder);
            return;
        }
        spares.addFirst(folder);
        if (!wanted) { // not since the caller asked, which is rare enough to wait for the disk
            removeSpares();
        }
    }

    /** Returns whether a folder that is given back now serves the next run. */
    boolean keeps(Folder folder) {
        return wanted && folder.isUntouched();
    }

    /** Keeps nothing any longer, until a folder is taken again. */
    void rest() {
        wanted = false;
        removeSpares();
    }

    private void removeSpares() {
        for (Folder spare = spares.poll(); spare != null; spare = spares.poll()) {
            remove(spare);
        }
    }

    private static void remove(Folder folder) {
        try {
            Scratch.remove(folder.path);
        } catch (IOException | RuntimeException e) {
            LOG.warn("the scratch folder {} could not be removed: {}", folder.path, e.toString());
        }
    }

    /** Returns null where it cannot be known. */
    private static @Nullable FileTime lastChange(Path path) {
        try {
            return (FileTime) Files.getAttribute(path, "unix:ctime", LinkOption.NOFOLLOW_LINKS);
        } catch (IOException | UnsupportedOperationException | IllegalArgumentException e) {
            LOG.debug("{} does not tell when it was changed: {}", path, e.toString());
            return null;
        }
    }
}
