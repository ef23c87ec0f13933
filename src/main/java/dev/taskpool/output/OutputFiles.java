package dev.taskpool.output;

import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import dev.taskpool.model.Ticker;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/** The folder of all outputs. Safe for all threads. */
public final class OutputFiles {
    private final Path root;
    private final Cap cap;
    private final boolean sync;
    private final Ticker ticker;

    /** Runs that have written something and may write more. */
    private final Map<Long, RunOutput> open = new ConcurrentHashMap<>();

    /** Who wants to know when a task writes. The lists are immutable. */
    private final Map<Long, List<Runnable>> watchers = new ConcurrentHashMap<>();

    private final ArtifactFiles artifacts;

    /**
     * @param root made where it is missing
     * @param maxBytes kept of each stream: the first half and the last
     * @param sync whether a closed output has to survive the loss of power
     */
    public OutputFiles(Path root, long maxBytes, boolean sync, Ticker ticker) throws IOException {
        this.root = Files.createDirectories(root);
        // A stream without an end to keep would not tell a later run how long it was.
        this.cap = new Cap(maxBytes == 1 ? 2 : maxBytes);
        this.sync = sync;
        this.ticker = ticker;
        this.artifacts = new ArtifactFiles(root.resolve("artifacts"), sync);
    }

    /** Returns the files that runs left and that are kept. */
    public ArtifactFiles artifacts() {
        return artifacts;
    }

    /**
     * Opens the output of one run. Makes no file yet.
     *
     * @param attempt from 1
     * @param again whether an earlier run of the task may have written something, which stays in front
     */
    public RunOutput open(TaskId id, int attempt, boolean again) {
        return new RunOutput(this, id.sequence(), attempt, again);
    }

    /** Returns how much there is now. */
    public Extents extents(TaskId id) throws IOException {
        RunOutput run = open.get(id.sequence());
        if (run != null) {
            return run.extents();
        }
        StreamFiles.End out = stream(id.sequence(), false).end();
        StreamFiles.End err = stream(id.sequence(), true).end();
        if (out == null && err == null) {
            return Extents.NONE;
        }
        Extent stdout = out == null ? Extent.NONE : new Extent(out.total(), out.cap());
        Extent stderr = err == null ? Extent.NONE : new Extent(err.total(), err.cap());
        long position = Math.max(out == null ? 0 : out.position(), err == null ? 0 : err.position());
        return new Extents(stdout, stderr, Math.max(position, stdout.total() + stderr.total()));
    }

    /** Returns what a task has written whose run did not come to its end, because the service died. */
    public Task.Output left(TaskId id) throws IOException {
        Extents there = extents(id);
        if (there.position() == 0) {
            return Task.Output.NONE;
        }
        long out = there.stdout().dropped();
        long err = there.stderr().dropped();
        return new Task.Output(
                there.stdout().total() - out, there.stderr().total() - err, out, err, out + err > 0, null);
    }

    /** Returns a reader of one stream, to be told how far it may read. */
    public StreamReader stream(TaskId id, boolean stderr) {
        return new StreamReader(stream(id.sequence(), stderr), stderr);
    }

    /** Returns a reader of both streams in their order. */
    public OutputReader both(TaskId id) throws IOException {
        return new OutputReader(() -> extents(id), stream(id, false), stream(id, true));
    }

    /** Has something run whenever the task has written: by the thread that writes, so it must be quick. */
    public void watch(TaskId id, Runnable watcher) {
        watchers.merge(
                id.sequence(),
                List.of(watcher),
                (old, one) -> Stream.concat(old.stream(), one.stream()).toList());
    }

    /** Ends that. */
    public void unwatch(TaskId id, Runnable watcher) {
        watchers.computeIfPresent(id.sequence(), (k, old) -> {
            List<Runnable> rest = old.stream().filter(w -> !w.equals(watcher)).toList();
            return rest.isEmpty() ? null : rest;
        });
    }

    /** Removes the output of a task that is forgotten, its artifacts too. */
    public void delete(TaskId id) throws IOException {
        delete(id.sequence());
    }

    /** As {@link #delete(TaskId)}, by the upper half of the id. */
    public void delete(long sequence) throws IOException {
        artifacts.delete(sequence);
        boolean out = stream(sequence, false).delete();
        boolean err = stream(sequence, true).delete();
        if (out || err) {
            Path folder = folder(name(sequence));
            try (DirectoryStream<Path> rest = Files.newDirectoryStream(folder)) {
                if (!rest.iterator().hasNext()) {
                    Files.deleteIfExists(folder);
                }
            } catch (DirectoryNotEmptyException | NoSuchFileException e) {
                // Another task of the same minute came or went in between: the folder is its business now.
                return;
            }
        }
    }

    /** Returns the folders that there are, of about a minute's tasks each. */
    public List<String> folders() throws IOException {
        try (Stream<Path> all = Files.list(root)) {
            return all.map(folder -> folder.getFileName().toString())
                    .filter(name -> name.matches("[0-9a-f]{8}"))
                    .sorted()
                    .toList();
        }
    }

    /** Returns the upper halves of the ids of all tasks that have output in a folder, which may be gone. */
    public List<Long> sequences(String folder) throws IOException {
        SortedSet<Long> all = new TreeSet<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(root.resolve(folder))) {
            for (Path file : files) {
                String name = file.getFileName().toString();
                if (name.matches("[0-9a-f]{8}\\..*")) {
                    all.add(HexFormat.fromHexDigitsToLong(folder + name.substring(0, 8)));
                }
            }
        } catch (NoSuchFileException e) {
            return List.of();
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
        return List.copyOf(all);
    }

    StreamFiles stream(long sequence, boolean stderr) {
        String name = name(sequence);
        return new StreamFiles(folder(name).resolve(name.substring(8) + (stderr ? ".err" : ".out")));
    }

    private static String name(long sequence) {
        return HexFormat.of().toHexDigits(sequence);
    }

    /** One folder for about a minute: millions of tasks do not share one. */
    private Path folder(String name) {
        return root.resolve(name.substring(0, 8));
    }

    // What a run's output says and asks.

    Cap cap() {
        return cap;
    }

    boolean sync() {
        return sync;
    }

    long now() {
        return ticker.millis();
    }

    void opened(long sequence, RunOutput run) {
        open.put(sequence, run);
    }

    void wrote(long sequence) {
        List<Runnable> all = watchers.get(sequence);
        if (all != null) {
            all.forEach(Runnable::run);
        }
    }

    void closed(long sequence, RunOutput run) {
        open.remove(sequence, run);
    }
}
