package dev.taskpool.pool;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SecureDirectoryStream;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.BasicFileAttributes;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How much is in a scratch folder while a program writes to it. A file counts as long as it is, holes included, in whole blocks, each folder and what is no file as one
 * block: the look at a million empty files is over when they are worth the limit. Links are not followed. Not seen is what was deleted and is still open.
 */
final class ScratchUse {
    private static final Logger LOG = LoggerFactory.getLogger(ScratchUse.class);
    private static final int BLOCK_BYTES = 4096;
    private static final int MAX_DEPTH = 64;

    private final long limit;
    private long bytes;

    private ScratchUse(long limit) {
        this.limit = limit;
    }

    /**
     * Returns whether there is more than the limit in a folder, or something in it that cannot be measured: folders within folders beyond 64, or one that was made
     * unreadable.
     */
    static boolean exceeds(Path folder, long limit) throws IOException {
        ScratchUse use = new ScratchUse(limit);
        try (DirectoryStream<Path> in = Files.newDirectoryStream(folder)) {
            return in instanceof SecureDirectoryStream<Path> secure && use.exceeds(secure, 0);
        } catch (NoSuchFileException e) {
            return false;
        } catch (AccessDeniedException e) {
            return true;
        }
    }

    private boolean exceeds(SecureDirectoryStream<Path> in, int depth) throws IOException {
        try {
            for (Path entry : in) {
                Path name = entry.getFileName();
                try {
                    if (counts(in, name, depth)) {
                        return true;
                    }
                } catch (NoSuchFileException e) {
                    LOG.debug("{} was deleted while the folder was measured", name);
                }
            }
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
        return false;
    }

    private boolean counts(SecureDirectoryStream<Path> in, Path name, int depth) throws IOException {
        BasicFileAttributes attributes = in.getFileAttributeView(
                        name, BasicFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
                .readAttributes();
        long size = attributes.isRegularFile() ? attributes.size() : 0;
        bytes += Math.max(1, Math.ceilDiv(size, BLOCK_BYTES)) * BLOCK_BYTES;
        if (bytes < 0 || bytes > limit) {
            return true;
        }
        if (!attributes.isDirectory()) {
            return false;
        }
        if (depth >= MAX_DEPTH) {
            return true;
        }
        try (SecureDirectoryStream<Path> below = in.newDirectoryStream(name, LinkOption.NOFOLLOW_LINKS)) {
            return exceeds(below, depth + 1);
        } catch (AccessDeniedException e) {
            return true;
        }
    }
}
