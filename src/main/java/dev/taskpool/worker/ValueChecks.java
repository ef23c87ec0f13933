package dev.taskpool.worker;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.callable.CallableSpec;
import dev.taskpool.callable.JsonValues;
import dev.taskpool.model.FailureCode;
import dev.taskpool.model.Json;
import dev.taskpool.worker.Conformance.Check;
import dev.taskpool.worker.Conformance.FailedCheck;
import dev.taskpool.worker.Conformance.SkippedCheck;
import java.io.IOException;
import java.util.List;

/** Whether a worker says hello, and whether values come through it unharmed. */
final class ValueChecks {
    private static final int LARGE_BYTES = (64 << 20) - 4096;
    private static final int TOO_LARGE_BYTES = 70_000_000;

    static final List<Check> ALL = List.of(
            new Check("it says hello", ValueChecks::hello),
            new Check("values of all kinds come back", ValueChecks::values),
            new Check("integers of any size are exact", ValueChecks::integers),
            new Check("decimals come back", ValueChecks::decimals),
            new Check("1.0 stays 1.0", ValueChecks::oneAndOnePointNull),
            new Check("keyword arguments come back", ValueChecks::kwargs),
            new Check("deep values come back", subject -> echoed(subject, nested(200))),
            new Check("too deep values do not end it", ValueChecks::tooDeep),
            new Check("64 MiB go in and come out", ValueChecks::large),
            new Check("a result that is too large fails only its task", ValueChecks::oversized));

    private ValueChecks() {}

    private static String hello(Subject subject) throws IOException, InterruptedException {
        Message.FromWorker.Hello hello = subject.hello();
        List<CallableSpec> offers = Offers.read(hello.callables());
        return hello.language() + " " + hello.version() + ", output in " + (hello.outputInFrames() ? "frames" : "pipes")
                + ", " + offers.size() + " callables"
                + (hello.heartbeatMillis() > 0 ? ", a heartbeat every " + hello.heartbeatMillis() + " ms" : "")
                + (hello.cancelSignal() == null ? "" : ", wants " + hello.cancelSignal());
    }

    private static String echoed(Subject subject, String value)
            throws FailedCheck, SkippedCheck, IOException, InterruptedException {
        JsonNode back = subject.call("echo", "[" + value + "]").result().at("/args/0");
        JsonNode there = JsonValues.tree(Json.ofValid(value));
        if (!same(there, back)) {
            throw new FailedCheck(shortened(value) + " came back as " + shortened(back.toString()));
        }
        return "";
    }

    /** The same but for how a number is written. */
    private static boolean same(JsonNode a, JsonNode b) {
        return a.equals(
                (x, y) -> x.isNumber() && y.isNumber()
                        ? x.decimalValue().compareTo(y.decimalValue())
                        : x.equals(y) ? 0 : 1,
                b);
    }

    private static String shortened(String text) {
        return text.length() <= 100 ? text : text.substring(0, 100) + "… (" + text.length() + " characters)";
    }

    private static String values(Subject subject) throws FailedCheck, SkippedCheck, IOException, InterruptedException {
        for (String value : List.of(
                "null",
                "true",
                "false",
                "\"\"",
                "[]",
                "{}",
                "[[],{},[null]]",
                "{\"\":{\"a b\":[1,\"2\"]}}",
                "\"\\u0000\\u001f\\\"\\\\\\/\\n\\u2028\"",
                "\"\u00e4\u20ac\ud83d\ude00\\ud83d\\ude00\"",
                "{\"\u00e4\ud83d\ude00\":\"\\ud800\"}",
                "\"" + "long ".repeat(40_000) + "\"")) {
            echoed(subject, value);
        }
        return "";
    }

    private static String integers(Subject subject)
            throws FailedCheck, SkippedCheck, IOException, InterruptedException {
        for (String value : List.of(
                "0",
                "-1",
                "9007199254740993",
                "-9223372036854775809",
                "18446744073709551616",
                "{\"a\":[12345678901234567890123],\"b\":\"12345678901234567890\"}",
                "1" + "0123456789".repeat(1_000))) {
            echoed(subject, value);
        }
        return "up to 10001 digits";
    }

    private static String decimals(Subject subject)
            throws FailedCheck, SkippedCheck, IOException, InterruptedException {
        for (String value : List.of("0.5", "-0.1", "1e2", "1.5E-7", "1.7976931348623157e308", "5e-324")) {
            echoed(subject, value);
        }
        return "";
    }

    private static String oneAndOnePointNull(Subject subject)
            throws FailedCheck, SkippedCheck, IOException, InterruptedException {
        JsonNode args = subject.call("echo", "[1.0,1]").result().path("args");
        if (args.at("/0").isIntegralNumber()) {
            throw new SkippedCheck("1.0 came back as 1: its language has one kind of number");
        }
        if (!args.at("/1").isIntegralNumber()) {
            throw new FailedCheck("1 came back as " + args.at("/1"));
        }
        return "";
    }

    private static String kwargs(Subject subject) throws FailedCheck, SkippedCheck, IOException, InterruptedException {
        JsonNode back =
                subject.call("echo", "[]", "{\"name\":\"\u00e4\",\"n\":[1]}").result();
        String expected = "{\"args\":[],\"kwargs\":{\"name\":\"\u00e4\",\"n\":[1]}}";
        if (!same(JsonValues.tree(Json.ofValid(expected)), back)) {
            throw new FailedCheck("it returned " + shortened(back.toString()) + " instead of " + expected);
        }
        return "";
    }

    private static String nested(int depth) {
        return "[".repeat(depth) + "]".repeat(depth);
    }

    private static String tooDeep(Subject subject) throws FailedCheck, SkippedCheck, IOException, InterruptedException {
        Subject.Answer answer = subject.call("echo", "[" + nested(5_000) + "]");
        echoed(subject, "1");
        return answer.answer() instanceof Message.FromWorker.Failed failed
                ? "5000 levels are an error: " + shortened(failed.message())
                : "5000 levels pass";
    }

    private static String large(Subject subject) throws FailedCheck, SkippedCheck, IOException, InterruptedException {
        String text = "0123456789abcde\u00e4".repeat(LARGE_BYTES / 17);
        JsonNode back = subject.call("echo", "[\"" + text + "\"]").result().at("/args/0");
        if (!back.textValue().equals(text)) {
            throw new FailedCheck("another text came back");
        }
        return "";
    }

    private static String oversized(Subject subject)
            throws FailedCheck, SkippedCheck, IOException, InterruptedException {
        Subject.Answer answer = subject.call("big", "[" + TOO_LARGE_BYTES + "]");
        echoed(subject, "1");
        if (answer.answer().equals(Trial.OVERSIZED)) {
            return "the frame was skipped";
        }
        String code = answer.error().code();
        if (!FailureCode.RESULT_TOO_LARGE.equals(code)) {
            throw new FailedCheck("the code of the error is " + code);
        }
        return "it says so itself";
    }
}
