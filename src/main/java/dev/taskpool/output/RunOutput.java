package dev.taskpool.output;

import dev.taskpool.model.Task;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The output of one run. Safe for all threads of the run. Writes by {@link FileOutputStream}, which an interrupt of the
 * run cannot close. A disk that refuses counts as truncation: a task does not fail for what it prints.
 */
public final class RunOutput implements AutoCloseable {
    private final Stream stdout;
    private final Stream stderr;

    RunOutput(Path stdout, Path stderr, long maxBytes, boolean sync, boolean again) {
        this.stdout = new Stream(stdout, maxBytes, sync, again);
        this.stderr = new Stream(stderr, maxBytes, sync, again);
    }

    /** Appends. What goes over the limit is dropped and remembered as truncation. */
    public void write(boolean toStderr, byte[] bytes, int offset, int length) {
        (toStderr ? stderr : stdout).write(bytes, offset, length);
    }

    /** Ends both streams and returns what they kept. */
    public Task.Output close(@Nullable Integer exitCode) {
        stdout.close();
        stderr.close();
        if (!stdout.truncated && !stderr.truncated && stdout.size == 0 && stderr.size == 0 && exitCode == null) {
            return Task.Output.NONE;
        }
        return new Task.Output(stdout.size, stderr.size, stdout.truncated || stderr.truncated, exitCode);
    }

    @Override
    public void close() {
        stdout.close();
        stderr.close();
    }

    private static final class Stream {
        private final ReentrantLock lock = new ReentrantLock();
        private final Path path;
        private final long max;
        private final boolean sync;
        // Guarded by the lock.
        private @Nullable FileOutputStream file;
        private boolean closed;
        private long size;
        private boolean truncated;

        Stream(Path path, long max, boolean sync, boolean again) {
            this.path = path;
            this.max = max;
            this.sync = sync;
            this.size = again ? OutputFiles.size(path) : 0;
        }

        void write(byte[] bytes, int offset, int length) {
            lock.lock();
            try {
                if (closed || length == 0) {
                    truncated |= closed && length > 0;
                    return;
                }
                if (file == null) {
                    Path folder = path.getParent();
                    if (folder != null) {
                        Files.createDirectories(folder);
                    }
                    file = new FileOutputStream(path.toFile(), true);
                }
                int fits = (int) Math.min(length, Math.max(0, max - size));
                if (fits > 0) {
                    ((OutputStream) file).write(bytes, offset, fits);
                    size += fits;
                }
                truncated |= fits < length;
            } catch (IOException e) {
                truncated = true;
            } finally {
                lock.unlock();
            }
        }

        void close() {
            lock.lock();
            try {
                closed = true;
                if (file != null) {
                    if (sync) {
                        file.getFD().sync();
                    }
                    file.close();
                    file = null;
                }
            } catch (IOException e) {
                truncated = true;
            } finally {
                lock.unlock();
            }
        }
    }
}
