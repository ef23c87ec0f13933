package dev.taskpool.worker;

import dev.taskpool.model.Failure;
import dev.taskpool.model.FailureCode;
import dev.taskpool.model.Json;
import dev.taskpool.process.Signals;
import java.io.IOException;
import java.net.ProtocolException;
import java.util.List;
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
         * @param pid of the process that works, 0 where it does not say: not that of the program started, where a shell is between
         * @param heartbeatMillis it sends {@link Heartbeat} at least this often, 0 for never
         * @param cancelSignal name of a signal that it wants after {@link ToWorker.Cancel} and {@link ToWorker.Drain}, or null
         * @param callables what it can run, for {@link Offers}; null where it does not say
         */
        record Hello(
                int protocol,
                String token,
                String language,
                String version,
                boolean outputInFrames,
                int pid,
                long heartbeatMillis,
                @Nullable String cancelSignal,
                @Nullable Json callables)
                implements FromWorker {
            /** One that says no more than it must. */
            public Hello(int protocol, String token, String language, String version, boolean outputInFrames) {
                this(protocol, token, language, version, outputInFrames, 0, 0, null, null);
            }
        }

        /** It came back with a value. */
        record Result(String task, Json result) implements FromWorker {}

        /**
         * It came back with an error.
         *
         * @param code null for an exception of the callable
         * @param exceptionType class of the exception
         * @param data any JSON
         * @param causes what led to the exception, the nearest first
         */
        record Failed(
                String task,
                @Nullable String code,
                @Nullable String exceptionType,
                String message,
                @Nullable String traceback,
                @Nullable Json data,
                List<Failure.Cause> causes)
                implements FromWorker {
            /** One without causes. */
            public Failed(
                    String task,
                    @Nullable String code,
                    @Nullable String exceptionType,
                    String message,
                    @Nullable String traceback,
                    @Nullable Json data) {
                this(task, code, exceptionType, message, traceback, data, List.of());
            }

            /** It failed for a reason that is no exception. */
            static Failed of(String task, String code, String message) {
                return new Failed(task, code, null, message, null, null, List.of());
            }
        }

        /** It asked to be run again, after so many milliseconds, without having used an attempt. */
        record Snoozed(String task, long delayMillis) implements FromWorker {}

        /** How far it is, 0 to 1. */
        record Progress(String task, double fraction, String message) implements FromWorker {}

        /** It wrote this. */
        record Output(String task, boolean stderr, String text) implements FromWorker {}

        /** What it or its children wrote into its pipes until now is the task's, and to be read before the task ends. */
        record Settle(String task) implements FromWorker {}

        /** It is there. */
        record Heartbeat() implements FromWorker {}

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
                        .withPositive("pid", m.pid)
                        .withPositive("heartbeat_ms", m.heartbeatMillis)
                        .with("cancel_signal", m.cancelSignal)
                        .with("callables", m.callables)
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
                        .with("causes", m.causes.isEmpty() ? null : Causes.write(m.causes))
                        .end();
            case FromWorker.Snoozed m ->
                Frame.of("snooze")
                        .with("task", m.task)
                        .with("delay_ms", m.delayMillis)
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
            case FromWorker.Settle m -> Frame.of("settle").with("task", m.task).end();
            case FromWorker.Heartbeat() -> Frame.of("heartbeat").end();
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
                        in.string("output", "pipes").equals("frames"),
                        (int) in.integer("pid", 0),
                        in.integer("heartbeat_ms", 0),
                        signal(in.optional("cancel_signal")),
                        in.optionalJson("callables"));
            case "result" ->
                in.isUtf8("result")
                        ? new FromWorker.Result(in.string("task"), in.json("result"))
                        : FromWorker.Failed.of(
                                in.string("task"), FailureCode.INVALID_RESULT, "the result is missing, or not UTF-8");
            case "error" ->
                new FromWorker.Failed(
                        in.string("task"),
                        in.optional("code"),
                        in.optional("exception"),
                        in.string("message", ""),
                        in.optional("traceback"),
                        in.isUtf8("data") ? in.json("data") : null,
                        Causes.read(in.optionalJson("causes")));
            case "snooze" -> new FromWorker.Snoozed(in.string("task"), Math.max(0, in.integer("delay_ms", 0)));
            case "progress" ->
                new FromWorker.Progress(in.string("task"), in.decimal("fraction"), in.string("message", ""));
            case "output" ->
                new FromWorker.Output(in.string("task"), in.string("stream").equals("stderr"), in.string("text"));
            case "settle" -> new FromWorker.Settle(in.string("task"));
            case "heartbeat" -> new FromWorker.Heartbeat();
            case "goodbye" -> new FromWorker.Goodbye();
            default -> new Unknown(type);
        };
    }

    private static @Nullable String signal(@Nullable String name) throws IOException {
        try {
            if (name != null) {
                Signals.number(name);
            }
            return name;
        } catch (IllegalArgumentException e) {
            throw new ProtocolException("cancel_signal: " + e.getMessage());
        }
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
}
