package dev.taskpool.http;

import dev.taskpool.model.Artifacts;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.Task;
import dev.taskpool.output.ArtifactFiles;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;

/** The files that a task left and that are kept: which there are, and their bytes. */
final class ArtifactHandlers {
    private static final String BYTES = "application/octet-stream";

    private final TaskHandlers tasks;
    private final ArtifactFiles files;

    ArtifactHandlers(TaskHandlers tasks, ArtifactFiles files) {
        this.tasks = tasks;
        this.files = files;
    }

    CompletableFuture<Reply> list(Exchange exchange) {
        return tasks.find(exchange).thenApply(task -> () -> {
            Artifacts artifacts = task.output().artifacts();
            return Answer.json(200, out -> {
                out.writeStartObject();
                FilesJson.kept(out, "items", artifacts);
                FilesJson.leftOut(out, "left_out", artifacts);
                out.writeNumberField("left_out_count", artifacts.leftOutCount());
                out.writeEndObject();
            });
        });
    }

    CompletableFuture<Reply> get(Exchange exchange) {
        String name = exchange.path("artifact_name");
        return tasks.find(exchange).thenApply(task -> () -> {
            Artifacts artifacts = task.output().artifacts();
            int index = artifacts.indexOf(name);
            if (index < 0) {
                throw notFound(task, name);
            }
            return bytes(exchange, task, index, artifacts.kept().get(index));
        });
    }

    private Answer bytes(Exchange exchange, Task task, int index, Artifacts.Artifact artifact) throws IOException {
        String tag = "\"" + artifact.sha256() + "\"";
        String condition = exchange.header("If-Range");
        // RFC 9110 section 13.1.5: a range of something else than the client has begun with is of no use to it.
        boolean ranged = condition == null || condition.strip().equals(tag);
        ByteRange range = ByteRange.of(ranged ? exchange.header("Range") : null, artifact.sizeBytes());
        Answer answer = switch (range) {
            case ByteRange.Whole() -> part(200, task, index, artifact, 0, artifact.sizeBytes());
            case ByteRange.Part(long first, long last, boolean _) ->
                part(206, task, index, artifact, first, last - first + 1)
                        .with("Content-Range", "bytes " + first + "-" + last + "/" + artifact.sizeBytes());
            case ByteRange.None() ->
                throw Problem.field(
                        ProblemCode.RANGE_NOT_SATISFIABLE,
                        "header:Range",
                        "the artifact has " + artifact.sizeBytes() + " bytes");
        };
        // Whatever a program wrote: no browser is to show it, or to guess what it is.
        return answer.with("Accept-Ranges", "bytes")
                .with("ETag", tag)
                .with("Content-Disposition", disposition(artifact.name()))
                .with("Content-Security-Policy", "sandbox")
                .with("X-Content-Type-Options", "nosniff");
    }

    private Answer part(int status, Task task, int index, Artifacts.Artifact artifact, long first, long length)
            throws IOException {
        if (length == 0) {
            return new Answer(status, BYTES, new byte[0]);
        }
        InputStream in = files.open(task.id(), index, first).orElseThrow(() -> notFound(task, artifact.name()));
        return Answer.stream(status, BYTES, new BoundedStream(in, length))
                .with("Content-Length", Long.toString(length));
    }

    private static Problem notFound(Task task, String name) {
        String why = task.done() ? "" : ", which is " + task.state() + ": artifacts are there when it is done";
        return Problem.of(
                ProblemCode.ARTIFACT_NOT_FOUND,
                "there is no artifact '" + Exchange.shortened(name) + "' of task " + task.id() + why);
    }

    /** RFC 6266: the last part of the name, in ASCII for old clients and as it is for others (RFC 8187). */
    static String disposition(String name) {
        String last = name.substring(name.lastIndexOf('/') + 1);
        StringBuilder plain = new StringBuilder();
        last.codePoints()
                .forEach(c ->
                        plain.appendCodePoint(c < 0x20 || c > 0x7e || c == '"' || c == '\\' || c == '%' ? '_' : c));
        StringBuilder encoded = new StringBuilder();
        for (byte b : last.getBytes(StandardCharsets.UTF_8)) {
            char c = (char) (b & 0xff);
            boolean safe = (c >= '0' && c <= '9')
                    || (c >= 'A' && c <= 'Z')
                    || (c >= 'a' && c <= 'z')
                    || c == '.'
                    || c == '-'
                    || c == '_';
            encoded.append(safe ? String.valueOf(c) : String.format("%%%02X", (int) c));
        }
        return "attachment; filename=\"" + plain + "\"; filename*=UTF-8''" + encoded;
    }
}
