package dev.taskpool.output;

import dev.taskpool.model.Artifacts;
import dev.taskpool.model.FileRules;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The output of one run. Safe for all threads of the run; one lock for both streams, so that they have one order. A disk
 * that refuses counts as truncation: a task does not fail for what it prints.
 */
public final class RunOutput implements AutoCloseable {
    private final OutputFiles files;
    private final long sequence;
    private final int attempt;
    private final ReentrantLock lock = new ReentrantLock();

    // Guarded by the lock.
    private final StreamWriter stdout;
    private final StreamWriter stderr;
    private boolean again;
    private boolean open;
    private boolean closed;
    private boolean late;
    private long position;

    /** @param again whether an earlier run may have left something */
    RunOutput(OutputFiles files, long sequence, int attempt, boolean again) {
        this.files = files;
        this.sequence = sequence;
        this.attempt = attempt;
        this.again = again;
        this.stdout = new StreamWriter(files.stream(sequence, false), files.cap());
        this.stderr = new StreamWriter(files.stream(sequence, true), files.cap());
    }

    /** Appends. Of too much the middle is dropped; what comes after the end is dropped as well. */
    public void write(boolean toStderr, byte[] bytes, int offset, int length) {
        if (length == 0) {
            return;
        }
        lock.lock();
        try {
            if (closed) {
                late = true;
                return;
            }
            resume();
            if (!open) {
                open = true;
                files.opened(sequence, this);
            }
            position += (toStderr ? stderr : stdout).write(bytes, offset, length, position, files.now(), attempt);
        } finally {
            lock.unlock();
        }
        files.wrote(sequence);
    }

    private void resume() {
        if (again) {
            again = false;
            try {
                position = Math.max(stdout.resume(), stderr.resume());
                position = Math.max(
                        position, stdout.extent().total() + stderr.extent().total());
            } catch (IOException e) {
                // What cannot be read is not written behind: this run's output is dropped, and counted.
                stdout.refuse();
                stderr.refuse();
            }
        }
    }

    /** Returns whether nothing was written, now or by an earlier run, so that closing it has nothing to do. */
    public boolean isUntouched() {
        lock.lock();
        try {
            return !open && !again && !closed;
        } finally {
            lock.unlock();
        }
    }

    /** Returns how much there is. */
    Extents extents() {
        lock.lock();
        try {
            return new Extents(stdout.extent(), stderr.extent(), position);
        } finally {
            lock.unlock();
        }
    }

    /**
     * Keeps the files that the run left, as {@link ArtifactFiles#keep} has it.
     *
     * @param folder where its program ran
     */
    public Artifacts keep(TaskId id, Path folder, FileRules rules) {
        return files.artifacts().keep(id, folder, rules);
    }

    /** Ends both streams and returns what they kept. */
    public Task.Output close(@Nullable Integer exitCode) {
        lock.lock();
        try {
            resume();
            close();
            if (position == 0 && stdout.dropped() == 0 && stderr.dropped() == 0 && !late && exitCode == null) {
                return Task.Output.NONE;
            }
            boolean truncated =
                    late || stdout.failed() || stderr.failed() || stdout.dropped() > 0 || stderr.dropped() > 0;
            return new Task.Output(
                    stdout.kept(), stderr.kept(), stdout.dropped(), stderr.dropped(), truncated, exitCode);
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void close() {
        lock.lock();
        try {
            if (!closed) {
                closed = true;
                stdout.close(files.sync());
                stderr.close(files.sync());
                if (open) {
                    files.closed(sequence, this);
                }
            }
        } finally {
            lock.unlock();
        }
    }
}
