package dev.taskpool.worker;

import dev.taskpool.model.Failure;
import dev.taskpool.model.FailureCode;
import dev.taskpool.worker.Conformance.Check;
import dev.taskpool.worker.Conformance.FailedCheck;
import dev.taskpool.worker.Conformance.SkippedCheck;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;

/** What a worker does with a task: run, fail, print, be told to stop. */
final class TaskChecks {
    private static final int MANY = 10_000;
    private static final Duration CANCEL_LIMIT = Duration.ofSeconds(5);

    static final List<Check> ALL = List.of(
            new Check("an unknown callable is an error", TaskChecks::unknownCallable),
            new Check("unknown members and types are ignored", TaskChecks::unknownWords),
            new Check("an error has a type, a message and a traceback", TaskChecks::error),
            new Check("an error has its causes", TaskChecks::causes),
            new Check("a NaN is an invalid result", TaskChecks::nan),
            new Check("output comes apart, in order, before the answer", TaskChecks::output),
            new Check("progress comes", TaskChecks::progress),
            new Check("a running task can be cancelled", TaskChecks::cancel),
            new Check("a cancel of another task is ignored", TaskChecks::cancelOfAnother),
            new Check("frames may come in pieces", TaskChecks::pieces),
            new Check("frames may come together", TaskChecks::together),
            new Check("ten thousand tasks, one after the other", TaskChecks::many),
            new Check("a task hears of the drain", TaskChecks::drain));

    private TaskChecks() {}

    private static void echoes(Subject subject) throws FailedCheck, SkippedCheck, IOException, InterruptedException {
        if (subject.call("echo", "[7]").result().at("/args/0").asInt() != 7) {
            throw new FailedCheck("it does not echo any more");
        }
    }

    private static String unknownCallable(Subject subject) throws FailedCheck, IOException, InterruptedException {
        String task = subject.nextTask();
        subject.worker().send(Subject.run(task, "conformance.no-such-callable", "[]", "{}"));
        Message.FromWorker.Failed error = subject.answer(task, Subject.SOON).error();
        if (!FailureCode.UNKNOWN_CALLABLE.equals(error.code())) {
            throw new FailedCheck("the code of the error is " + error.code());
        }
        return error.message();
    }

    private static String unknownWords(Subject subject)
            throws FailedCheck, SkippedCheck, IOException, InterruptedException {
        String task = subject.nextTask();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        frame(bytes, "{\"type\":\"conformance.unknown\",\"task\":\"" + task + "\",\"x\":[{\"y\":[null]}]}");
        frame(
                bytes,
                "{\"from_a_later_version\":{\"a\":[1,{}]},\"kwargs\":{},\"args\":[7],\"callable\":\""
                        + subject.offered("echo") + "\",\"deadline_ms\":0,\"attempt\":1,\"task\":\"" + task
                        + "\",\"type\":\"run\"}");
        subject.worker().sendBytes(ByteBuffer.wrap(bytes.toByteArray()));
        subject.answer(task, Subject.SOON).result();
        return "";
    }

    private static void frame(ByteArrayOutputStream out, String body) {
        byte[] utf8 = body.getBytes(StandardCharsets.UTF_8);
        out.writeBytes(ByteBuffer.allocate(4).putInt(utf8.length).array());
        out.writeBytes(utf8);
    }

    private static String error(Subject subject) throws FailedCheck, SkippedCheck, IOException, InterruptedException {
        Message.FromWorker.Failed error =
                subject.call("fail", "[\"boom \u00e4\"]").error();
        if (error.code() != null && !error.code().equals(FailureCode.EXCEPTION)) {
            throw new FailedCheck("the code is " + error.code());
        }
        if (!error.message().contains("boom \u00e4")) {
            throw new FailedCheck("the message is '" + error.message() + "'");
        }
        String type = error.exceptionType();
        String traceback = error.traceback();
        if (type == null || type.isEmpty() || traceback == null || traceback.isEmpty()) {
            throw new FailedCheck("the exception is " + type + ", the traceback is " + traceback);
        }
        echoes(subject);
        return type;
    }

    private static String causes(Subject subject) throws FailedCheck, SkippedCheck, IOException, InterruptedException {
        List<Failure.Cause> causes = subject.call("fail", "[\"boom\"]").error().causes();
        if (causes.isEmpty()) {
            throw new SkippedCheck("it tells no causes");
        }
        Failure.Cause first = causes.getFirst();
        if (!first.message().equals("cause of boom") || first.exceptionType() == null) {
            throw new FailedCheck("the first cause is " + first);
        }
        return causes.size() + " cause, " + first.exceptionType();
    }

    private static String nan(Subject subject) throws FailedCheck, SkippedCheck, IOException, InterruptedException {
        Message.FromWorker.Failed error = subject.call("nan", "[]").error();
        if (!FailureCode.INVALID_RESULT.equals(error.code())) {
            throw new FailedCheck("the code of the error is " + error.code());
        }
        echoes(subject);
        return error.message().lines().findFirst().orElse("");
    }

    private static String output(Subject subject) throws FailedCheck, SkippedCheck, IOException, InterruptedException {
        int pipesBefore = subject.worker().stdout().length();
        Subject.Answer answer = subject.call("print", """
                [["stdout", "one\\n"], ["stderr", "two \u00e4\\n"], ["stdout", "three \ud83d\ude00"], ["stderr", "four\\n"], ["stdout", " five"]]""");
        answer.result();
        String stdout = answer.text(false);
        if (!subject.hello().outputInFrames()) {
            subject.worker().settle();
            stdout = subject.worker().stdout().substring(pipesBefore);
        } else if (!answer.text(true).equals("two \u00e4\nfour\n")) {
            throw new FailedCheck("stderr is '" + answer.text(true) + "'");
        }
        if (!stdout.equals("one\nthree \ud83d\ude00 five")) {
            throw new FailedCheck("stdout is '" + stdout + "'");
        }
        if (!subject.call("echo", "[1]").output().isEmpty()) {
            throw new FailedCheck("it sends output of a task that printed nothing");
        }
        return "";
    }

    private static String progress(Subject subject)
            throws FailedCheck, SkippedCheck, IOException, InterruptedException {
        Subject.Answer answer = subject.call("sleep", "[0]");
        answer.result();
        if (answer.progress().isEmpty()) {
            throw new FailedCheck("conformance.sleep did not report progress");
        }
        Message.FromWorker.Progress first = answer.progress().getFirst();
        if (first.fraction() != 0.5 || !first.message().equals("sleeping")) {
            throw new FailedCheck("it reported " + first);
        }
        return "";
    }

    private static String sleeping(Subject subject, double seconds)
            throws FailedCheck, SkippedCheck, IOException, InterruptedException {
        String callable = subject.offered("sleep");
        String task = subject.nextTask();
        subject.worker().send(Subject.run(task, callable, "[" + seconds + "]", "{}"));
        subject.begun(task);
        return task;
    }

    private static void tell(Subject subject, Message.ToWorker message) throws IOException, InterruptedException {
        Trial worker = subject.worker();
        worker.send(message);
        worker.wake(subject.hello());
    }

    private static String cancel(Subject subject) throws FailedCheck, SkippedCheck, IOException, InterruptedException {
        String seen = "";
        for (int i = 0; i < 20; i++) {
            String task = sleeping(subject, 600);
            long from = System.nanoTime();
            tell(subject, new Message.ToWorker.Cancel(task));
            if (i % 2 == 1) {
                tell(subject, new Message.ToWorker.Cancel(task));
            }
            Message.FromWorker.Failed error = subject.answer(task, CANCEL_LIMIT).error();
            seen = error.exceptionType() + " after " + (System.nanoTime() - from) / 1_000_000 + " ms";
            echoes(subject);
        }
        return seen;
    }

    private static String cancelOfAnother(Subject subject)
            throws FailedCheck, SkippedCheck, IOException, InterruptedException {
        tell(subject, new Message.ToWorker.Cancel("t_gone"));
        echoes(subject);
        String task = sleeping(subject, 0.3);
        tell(subject, new Message.ToWorker.Cancel("t_gone"));
        if (!subject.answer(task, Subject.SOON).result().asText().equals("slept")) {
            throw new FailedCheck("conformance.sleep did not return slept");
        }
        tell(subject, new Message.ToWorker.Cancel(task));
        echoes(subject);
        return "";
    }

    private static String pieces(Subject subject) throws FailedCheck, SkippedCheck, IOException, InterruptedException {
        String task = subject.nextTask();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        frame(
                bytes,
                "{\"type\":\"run\",\"task\":\"" + task + "\",\"attempt\":1,\"callable\":\"" + subject.offered("echo")
                        + "\",\"deadline_ms\":0,\"args\":[\"\u00e4\ud83d\ude00\"],\"kwargs\":{}}");
        for (byte each : bytes.toByteArray()) {
            subject.worker().sendBytes(ByteBuffer.wrap(new byte[] {each}));
        }
        subject.answer(task, Subject.SOON).result();
        return bytes.size() + " writes of one byte";
    }

    private static String together(Subject subject)
            throws FailedCheck, SkippedCheck, IOException, InterruptedException {
        String task = subject.nextTask();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        frame(bytes, "{\"type\":\"cancel\",\"task\":\"t_gone\"}");
        frame(
                bytes,
                "{\"type\":\"run\",\"task\":\"" + task + "\",\"attempt\":1,\"callable\":\"" + subject.offered("echo")
                        + "\",\"deadline_ms\":0,\"args\":[],\"kwargs\":{}}");
        frame(bytes, "{\"type\":\"conformance.unknown\"}");
        subject.worker().sendBytes(ByteBuffer.wrap(bytes.toByteArray()));
        subject.answer(task, Subject.SOON).result();
        return "";
    }

    private static String many(Subject subject) throws FailedCheck, SkippedCheck, IOException, InterruptedException {
        String callable = subject.offered("echo");
        long from = System.nanoTime();
        for (int i = 0; i < MANY; i++) {
            String task = subject.nextTask();
            subject.worker().send(Subject.run(task, callable, "[" + i + "]", "{}"));
            if (subject.answer(task, Subject.SOON).result().at("/args/0").asInt() != i) {
                throw new FailedCheck("another value came back");
            }
        }
        return (System.nanoTime() - from) / MANY / 1000 + " \u00b5s each";
    }

    private static String drain(Subject subject) throws FailedCheck, SkippedCheck, IOException, InterruptedException {
        String task = sleeping(subject, 3);
        tell(subject, new Message.ToWorker.Drain());
        String result = subject.answer(task, Subject.SOON).result().asText();
        subject.discard(); // its next task would hear of the drain, too
        if (result.equals("drained")) {
            return "";
        }
        throw new SkippedCheck("conformance.sleep does not look for a drain, or is not told of it");
    }
}
