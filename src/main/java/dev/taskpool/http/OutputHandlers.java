package dev.taskpool.http;

import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.Task;
import dev.taskpool.output.OutputFiles;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.nio.channels.Channels;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** What tasks wrote, whole or a range of it, also while they run. */
final class OutputHandlers {
    private static final String BYTES = "application/octet-stream";

    private final TaskHandlers tasks;
    private final OutputFiles files;

    OutputHandlers(TaskHandlers tasks, OutputFiles files) {
        this.tasks = tasks;
        this.files = files;
    }

    CompletableFuture<Reply> stdout(Exchange exchange) {
        return output(exchange, false);
    }

    CompletableFuture<Reply> stderr(Exchange exchange) {
        return output(exchange, true);
    }

    private CompletableFuture<Reply> output(Exchange exchange, boolean stderr) {
        String range = exchange.header("Range");
        return tasks.find(exchange).thenApply(task -> () -> answer(task, stderr, range));
    }

    private Answer answer(Task task, boolean stderr, @Nullable String header) throws IOException {
        long size = files.size(task.id(), stderr);
        if (task.done()) {
            // What is in the file beyond that is not the task's word: a kill -9 may have left it.
            long told = stderr ? task.output().stderrBytes() : task.output().stdoutBytes();
            size = Math.min(size, told);
        }
        ByteRange range = ByteRange.of(header, size);
        Answer answer = switch (range) {
            case ByteRange.Whole() -> body(200, task, stderr, 0, size);
            case ByteRange.Part(long first, long last) ->
                body(206, task, stderr, first, last - first + 1)
                        .with("Content-Range", "bytes " + first + "-" + last + "/" + size);
            case ByteRange.None() -> throw new RangeProblem(size).problem();
        };
        return answer.with("Accept-Ranges", "bytes").with("X-Content-Type-Options", "nosniff");
    }

    private record RangeProblem(long size) {
        Problem problem() {
            return Problem.field(
                    ProblemCode.RANGE_NOT_SATISFIABLE, "header:Range", "there are " + size + " bytes so far");
        }
    }

    private Answer body(int status, Task task, boolean stderr, long first, long length) throws IOException {
        if (length == 0) {
            return new Answer(status, BYTES, new byte[0]);
        }
        Path path = files.file(task.id(), stderr);
        RandomAccessFile file = new RandomAccessFile(path.toFile(), "r");
        try {
            file.seek(first);
            return Answer.stream(status, BYTES, new Bounded(Channels.newInputStream(file.getChannel()), length))
                    .with("Content-Length", Long.toString(length));
        } catch (IOException | RuntimeException e) {
            file.close();
            throw e;
        }
    }

    /** So many bytes of a file that may be growing. */
    private static final class Bounded extends InputStream {
        private final InputStream in;
        private long left;

        Bounded(InputStream in, long length) {
            this.in = in;
            this.left = length;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            if (left == 0) {
                return -1;
            }
            int read = in.read(bytes, offset, (int) Math.min(length, left));
            left -= Math.max(read, 0);
            return read;
        }

        @Override
        public void close() throws IOException {
            in.close();
        }
    }
}
