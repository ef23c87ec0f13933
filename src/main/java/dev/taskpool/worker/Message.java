package dev.taskpool.worker;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import dev.taskpool.callable.JsonValues;
import dev.taskpool.model.FailureCode;
import dev.taskpool.model.Json;
import java.io.IOException;
import java.net.ProtocolException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What a service and its worker say to each other; the words of {@code workers/PROTOCOL.md}. */
public sealed interface Message {
    /** The version of the protocol that this is. */
    int PROTOCOL = 1;

    /** From a service. */
    sealed interface ToWorker extends Message {
        /**
         * Run this.
         *
         * @param args a JSON array
         * @param kwargs a JSON object
         * @param deadlineMillis Unix milliseconds, 0 for none
         */
        record Run(String task, int attempt, String callable, Json args, Json kwargs, long deadlineMillis)
                implements ToWorker {}

        /** Come to an end with it. */
        record Cancel(String task) implements ToWorker {}

        /** The service is about to stop: a good moment for the running task to come to an end. */
        record Drain() implements ToWorker {}

        /** Exit. */
        record Stop() implements ToWorker {}
    }

    /** From a worker. */
    sealed interface FromWorker extends Message {
        /**
         * The first message.
         *
         * @param token shows that this is the worker that was started
         * @param language what it is written in
         * @param version of the worker's own software
         * @param outputInFrames whether all output comes as {@link Output}, so that nobody needs to look into its pipes
         */
        record Hello(int protocol, String token, String language, String version, boolean outputInFrames)
                implements FromWorker {}

        /** It came back with a value. */
        record Result(String task, Json result) implements FromWorker {}

        /**
         * It came back with an error.
         *
         * @param code null for an exception of the callable
         * @param exceptionType class of the exception
         * @param data any JSON
         */
        record Failed(
                String task,
                @Nullable String code,
                @Nullable String exceptionType,
                String message,
                @Nullable String traceback,
                @Nullable Json data)
                implements FromWorker {}

        /** How far it is, 0 to 1. */
        record Progress(String task, double fraction, String message) implements FromWorker {}

        /** It wrote this. */
        record Output(String task, boolean stderr, String text) implements FromWorker {}

        /** It takes no more tasks, and exits after the one that it has. */
        record Goodbye() implements FromWorker {}
    }

    /** What this version does not know; to be ignored. */
    record Unknown(String type) implements ToWorker, FromWorker {}

    /** Returns this as it travels. */
    default Frame frame() {
        return switch (this) {
            case ToWorker.Run m ->
                Frame.of("run")
                        .with("task", m.task)
                        .with("attempt", m.attempt)
                        .with("callable", m.callable)
                        .with("deadline_ms", m.deadlineMillis)
                        .with("args", m.args)
                        .with("kwargs", m.kwargs)
                        .end();
            case ToWorker.Cancel m -> Frame.of("cancel").with("task", m.task).end();
            case ToWorker.Drain() -> Frame.of("drain").end();
            case ToWorker.Stop() -> Frame.of("stop").end();
            case FromWorker.Hello m ->
                Frame.of("hello")
                        .with("protocol", m.protocol)
                        .with("token", m.token)
                        .with("language", m.language)
                        .with("version", m.version)
                        .with("output", m.outputInFrames ? "frames" : "pipes")
                        .end();
            case FromWorker.Result m ->
                Frame.of("result").with("task", m.task).with("result", m.result).end();
            case FromWorker.Failed m ->
                Frame.of("error")
                        .with("task", m.task)
                        .with("code", m.code)
                        .with("exception", m.exceptionType)
                        .with("message", m.message)
                        .with("traceback", m.traceback)
                        .with("data", m.data)
                        .end();
            case FromWorker.Progress m ->
                Frame.of("progress")
                        .with("task", m.task)
                        .with("fraction", m.fraction)
                        .with("message", m.message)
                        .end();
            case FromWorker.Output m ->
                Frame.of("output")
                        .with("task", m.task)
                        .with("stream", m.stderr ? "stderr" : "stdout")
                        .with("text", m.text)
                        .end();
            case FromWorker.Goodbye() -> Frame.of("goodbye").end();
            case Unknown m -> Frame.of(m.type).end();
        };
    }

    /**
     * Reads what a service got.
     *
     * @throws IOException where it is no message: a ProtocolException, or one of Jackson
     */
    static FromWorker fromWorker(byte[] frame) throws IOException {
        Fields in = Fields.read(frame);
        String type = in.string("type");
        return switch (type) {
            case "hello" ->
                new FromWorker.Hello(
                        (int) in.integer("protocol", 0),
                        in.string("token"),
                        in.string("language", ""),
                        in.string("version", ""),
                        in.string("output", "pipes").equals("frames"));
            case "result" ->
                in.isUtf8("result")
                        ? new FromWorker.Result(in.string("task"), in.json("result"))
                        : new FromWorker.Failed(
                                in.string("task"),
                                FailureCode.INVALID_RESULT,
                                null,
                                "the result is missing, or not UTF-8",
                                null,
                                null);
            case "error" ->
                new FromWorker.Failed(
                        in.string("task"),
                        in.optional("code"),
                        in.optional("exception"),
                        in.string("message", ""),
                        in.optional("traceback"),
                        in.isUtf8("data") ? in.json("data") : null);
            case "progress" ->
                new FromWorker.Progress(in.string("task"), in.decimal("fraction"), in.string("message", ""));
            case "output" ->
                new FromWorker.Output(in.string("task"), in.string("stream").equals("stderr"), in.string("text"));
            case "goodbye" -> new FromWorker.Goodbye();
            default -> new Unknown(type);
        };
    }

    /**
     * Reads what a worker got.
     *
     * @throws IOException where it is no message: a ProtocolException, or one of Jackson
     */
    static ToWorker toWorker(byte[] frame) throws IOException {
        Fields in = Fields.read(frame);
        String type = in.string("type");
        return switch (type) {
            case "run" ->
                new ToWorker.Run(
                        in.string("task"),
                        (int) in.integer("attempt", 1),
                        in.string("callable"),
                        in.json("args"),
                        in.json("kwargs"),
                        in.integer("deadline_ms", 0));
            case "cancel" -> new ToWorker.Cancel(in.string("task"));
            case "drain" -> new ToWorker.Drain();
            case "stop" -> new ToWorker.Stop();
            default -> new Unknown(type);
        };
    }

    /** The members of one object, each as the bytes that it had. */
    final class Fields {
        private static final int MAX_DEPTH = 10_000;
        private static final JsonFactory FACTORY = JsonFactory.builder()
                .streamReadConstraints(StreamReadConstraints.builder()
                        .maxNumberLength(Integer.MAX_VALUE)
                        .maxStringLength(Integer.MAX_VALUE)
                        .maxNestingDepth(MAX_DEPTH)
                        .build())
                .build();

        private final Map<String, Json> members;

        private Fields(Map<String, Json> members) {
            this.members = members;
        }

        static Fields read(byte[] frame) throws IOException {
            if (frame.length < 2 || frame[0] != '{' || frame[1] == 0) { // else it would be taken for UTF-16
                throw new ProtocolException("a frame holds one JSON object and nothing around it");
            }
            Map<String, Json> members = new HashMap<>();
            try (JsonParser parser = FACTORY.createParser(frame)) {
                parser.nextToken();
                for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
                    parser.nextToken();
                    int from = (int) parser.currentTokenLocation().getByteOffset();
                    parser.skipChildren();
                    parser.finishToken();
                    int to = (int) parser.currentLocation().getByteOffset();
                    members.put(name, Json.ofValid(Arrays.copyOfRange(frame, from, to)));
                }
                if (parser.currentToken() != JsonToken.END_OBJECT || parser.nextToken() != null) {
                    throw new ProtocolException("a frame holds one JSON object and nothing around it");
                }
            }
            return new Fields(members);
        }

        Json json(String name) throws IOException {
            Json value = members.get(name);
            if (value == null) {
                throw new ProtocolException("the message has no " + name);
            }
            return value;
        }

        /** Whether a member is there and is good UTF-8: the parser skips over strings without looking at each byte. */
        boolean isUtf8(String name) {
            try {
                Json value = members.get(name);
                if (value != null) {
                    StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(value.utf8()));
                }
                return value != null;
            } catch (CharacterCodingException e) {
                return false;
            }
        }

        String string(String name) throws IOException {
            String value = optional(name);
            if (value == null) {
                throw new ProtocolException("the message has no " + name);
            }
            return value;
        }

        String string(String name, String otherwise) throws IOException {
            String value = optional(name);
            return value == null ? otherwise : value;
        }

        @Nullable
        String optional(String name) throws IOException {
            Json value = members.get(name);
            if (value == null || value.equals(Json.NULL)) {
                return null;
            }
            if (value.utf8()[0] != '"') {
                throw new ProtocolException(name + " is not a string");
            }
            return JsonValues.mapper().readValue(value.utf8(), String.class);
        }

        long integer(String name, long otherwise) throws IOException {
            Json value = members.get(name);
            return value == null ? otherwise : JsonValues.mapper().readValue(value.utf8(), long.class);
        }

        double decimal(String name) throws IOException {
            Json value = members.get(name);
            return value == null ? 0 : JsonValues.mapper().readValue(value.utf8(), double.class);
        }
    }
}
