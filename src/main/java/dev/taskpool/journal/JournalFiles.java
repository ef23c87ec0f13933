package dev.taskpool.journal;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * The one directory a journal lives in. All its file access goes through here, so that a test can fail, shorten, tear and
 * forget any of it. Any thread may call; a name is a plain file name.
 */
public interface JournalFiles {

    /** {@return the files of {@code directory}, which is created, durably, if it does not exist} */
    static JournalFiles in(Path directory) throws IOException {
        return DirectoryFiles.in(directory);
    }

    /** {@return the names of all files, in no particular order} */
    List<String> list() throws IOException;

    /** Creates an empty file, which must not exist, and opens it to read and write. */
    JournalFile create(String name) throws IOException;

    /** Opens an existing file to read and write. */
    JournalFile open(String name) throws IOException;

    /** Renames a file, atomically (rename(2)); durable only after {@link #forceDirectory()}. */
    void rename(String from, String to) throws IOException;

    /** Removes a file; one that is not there is as good as removed. */
    void delete(String name) throws IOException;

    /** Returns when all creations, renamings and removals before it are on the disk. */
    void forceDirectory() throws IOException;

    /** {@return how many bytes could still be written, as far as is known} */
    long usableSpace() throws IOException;
}
