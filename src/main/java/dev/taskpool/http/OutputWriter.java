package dev.taskpool.http;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.taskpool.model.Task;
import dev.taskpool.output.Entry;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import org.jspecify.annotations.Nullable;

/** How pieces of output are written, one after the other, in one of the forms. */
sealed interface OutputWriter {
    /** Writes a piece. */
    void entry(Entry entry, OutputStream out) throws IOException;

    /** Writes something that means nothing, so that nobody in between takes the connection for dead. */
    void heartbeat(OutputStream out) throws IOException;

    /**
     * Writes the end.
     *
     * @param reason why it comes although the task is not done; null otherwise
     */
    void end(Task task, long position, @Nullable String reason, OutputStream out) throws IOException;

    static OutputWriter of(OutputFormat format) {
        return switch (format) {
            case TEXT -> new Text();
            case JSON, LINES -> new Lines();
            case EVENTS -> new Events();
        };
    }

    /** The bytes as they are, and a line where something is missing or another attempt begins. */
    final class Text implements OutputWriter {
        private int attempt;
        private boolean inLine;

        @Override
        public void entry(Entry entry, OutputStream out) throws IOException {
            switch (entry) {
                case Entry.Chunk chunk -> {
                    if (attempt != 0 && attempt != chunk.attempt()) {
                        say("attempt " + chunk.attempt(), out);
                    }
                    attempt = chunk.attempt();
                    byte[] bytes = chunk.bytes();
                    out.write(bytes);
                    inLine = bytes[bytes.length - 1] != '\n';
                }
                case Entry.Dropped dropped -> say(dropped.bytes() + " bytes of " + stream(dropped) + " dropped", out);
            }
        }

        private void say(String what, OutputStream out) throws IOException {
            out.write(((inLine ? "\n" : "") + "[taskpool: " + what + "]\n").getBytes(StandardCharsets.UTF_8));
            inLine = false;
        }

        @Override
        public void heartbeat(OutputStream out) {
            // There is nothing in plain text that means nothing.
        }

        @Override
        public void end(Task task, long position, @Nullable String reason, OutputStream out) {
            // The end of the body is the end.
        }
    }

    /** A JSON object a line; the last one is the end. */
    final class Lines implements OutputWriter {
        @Override
        public void entry(Entry entry, OutputStream out) throws IOException {
            out.write(JsonOut.bytes(json -> json(entry, json)));
            out.write('\n');
        }

        @Override
        public void heartbeat(OutputStream out) throws IOException {
            out.write('\n');
        }

        @Override
        public void end(Task task, long position, @Nullable String reason, OutputStream out) throws IOException {
            out.write(endOf(task, position, reason));
            out.write('\n');
        }
    }

    /** Server-sent events (WHATWG HTML section 9.2); an id is the position behind its event. */
    final class Events implements OutputWriter {
        private static final byte[] RETRY = "retry: 2000\n\n".getBytes(StandardCharsets.US_ASCII);
        private static final byte[] HEARTBEAT = ": waiting\n\n".getBytes(StandardCharsets.US_ASCII);
        private boolean begun;

        private void begin(OutputStream out) throws IOException {
            if (!begun) {
                begun = true;
                out.write(RETRY);
            }
        }

        @Override
        public void entry(Entry entry, OutputStream out) throws IOException {
            begin(out);
            // What tells of something dropped has no id: who is cut off behind it hears of it again.
            String id = entry instanceof Entry.Chunk chunk ? "id: " + chunk.end() + "\n" : "";
            event(id + "event: output\n", JsonOut.bytes(json -> json(entry, json)), out);
        }

        private static void event(String head, byte[] data, OutputStream out) throws IOException {
            out.write((head + "data: ").getBytes(StandardCharsets.US_ASCII));
            out.write(data);
            out.write('\n');
            out.write('\n');
        }

        @Override
        public void heartbeat(OutputStream out) throws IOException {
            begin(out);
            out.write(HEARTBEAT);
        }

        @Override
        public void end(Task task, long position, @Nullable String reason, OutputStream out) throws IOException {
            begin(out);
            event("event: end\n", endOf(task, position, reason), out);
        }
    }

    private static byte[] endOf(Task task, long position, @Nullable String reason) {
        return JsonOut.bytes(json -> {
            json.writeStartObject();
            json.writeStringField("state", task.state().name());
            json.writeBooleanField("done", task.done());
            json.writeNumberField("position", position);
            if (reason != null) {
                json.writeStringField("reason", reason);
            }
            json.writeEndObject();
        });
    }

    private static String stream(Entry entry) {
        return entry.stderr() ? "stderr" : "stdout";
    }

    /** Writes a piece as JSON: text where it is UTF-8, Base64 where it is not. */
    static void json(Entry entry, JsonGenerator out) throws IOException {
        out.writeStartObject();
        out.writeNumberField("position", entry.position());
        out.writeStringField("stream", stream(entry));
        out.writeNumberField("offset", entry.offset());
        switch (entry) {
            case Entry.Chunk chunk -> {
                String text = text(chunk.bytes());
                if (text != null) {
                    out.writeStringField("text", text);
                } else {
                    out.writeStringField("base64", Base64.getEncoder().encodeToString(chunk.bytes()));
                }
                out.writeStringField("at", Instants.text(chunk.millis()));
                out.writeNumberField("attempt", chunk.attempt());
            }
            case Entry.Dropped dropped -> out.writeNumberField("dropped_bytes", dropped.bytes());
        }
        out.writeEndObject();
    }

    private static @Nullable String text(byte[] bytes) {
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
        } catch (CharacterCodingException e) {
            return null;
        }
    }
}
