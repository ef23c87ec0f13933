package dev.taskpool.output;

import dev.taskpool.model.TaskId;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** The folder of all outputs. Safe for all threads. */
public final class OutputFiles {
    private final Path root;
    private final long maxBytes;
    private final boolean sync;

    /**
     * @param root made where it is missing
     * @param maxBytes kept of each stream
     * @param sync whether a closed output has to survive the loss of power
     */
    public OutputFiles(Path root, long maxBytes, boolean sync) throws IOException {
        this.root = Files.createDirectories(root);
        this.maxBytes = maxBytes;
        this.sync = sync;
    }

    /**
     * Opens the output of one run. Makes no file yet.
     *
     * @param attempt from 1; what earlier runs of the same task wrote stays in front
     */
    public RunOutput open(TaskId id, int attempt) {
        return new RunOutput(file(id, false), file(id, true), maxBytes, sync, attempt > 1);
    }

    /** Returns the file of one stream; it need not be there. */
    public Path file(TaskId id, boolean stderr) {
        String name = String.format("%016x", id.sequence());
        // One folder for about a minute: millions of tasks do not share one.
        return root.resolve(name.substring(0, 8)).resolve(name.substring(8) + (stderr ? ".err" : ".out"));
    }

    /** Returns the bytes that are there now. */
    public long size(TaskId id, boolean stderr) {
        return size(file(id, stderr));
    }

    static long size(Path file) {
        try {
            return Files.size(file);
        } catch (NoSuchFileException e) {
            return 0;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Removes the output of a task that is forgotten. */
    public void delete(TaskId id) throws IOException {
        boolean out = Files.deleteIfExists(file(id, false));
        boolean err = Files.deleteIfExists(file(id, true));
        if (out || err) {
            Path folder = file(id, false).getParent();
            try (DirectoryStream<Path> rest = Files.newDirectoryStream(folder)) {
                if (!rest.iterator().hasNext()) {
                    Files.deleteIfExists(folder);
                }
            } catch (java.nio.file.DirectoryNotEmptyException | NoSuchFileException e) {
                // Another task of the same minute came or went in between: the folder is its business now.
                return;
            }
        }
    }
}
