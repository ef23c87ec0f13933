package dev.taskpool.callable;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.taskpool.model.OnLost;
import dev.taskpool.model.PoolKind;
import dev.taskpool.model.RetryPolicy;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** The callables that every installation has: enough to try the service, and for the acceptance cases. */
public final class BuiltIns implements CallableProvider {
    private static final int MAX_RANDOM_BYTES = 1 << 20;

    /** Of a power: about 2.5 million digits, and a second or two. BigInteger's arithmetic cannot be interrupted. */
    private static final long MAX_POWER_BITS = 1 << 23;

    @Override
    public Map<CallableSpec, TaskCallable> callables() {
        Map<CallableSpec, TaskCallable> all = new LinkedHashMap<>();
        all.put(repeatable("echo", "Returns {args, kwargs} as it got them.", "{}"), c -> {
            Map<String, Object> both = new LinkedHashMap<>();
            both.put("args", c.args());
            both.put("kwargs", c.kwargs());
            return both;
        });
        all.put(repeatable("identity", "Returns its first argument.", count(1)), c -> c.arg(0));
        all.put(repeatable("noop", "Returns null.", "{}"), c -> null);
        all.put(
                repeatable(
                        "math.pow",
                        "args [base, exponent]: exact for integers with an exponent of 0 to 100000 and a result of up to 8388608 bits.",
                        """
                        {"properties":{"args":{"type":"array","minItems":2,"maxItems":2,"items":{"type":"number"}}}}"""),
                BuiltIns::pow);
        all.put(
                repeatable("math.sum_of_squares", "args [n]: the sum of i*i for all i from 0 below n, exact.", """
                        {"properties":{"args":{"type":"array","minItems":1,"maxItems":1,
                         "items":{"type":"integer","minimum":0,"maximum":1000000000}}}}"""),
                BuiltIns::sumOfSquares);
        all.put(
                repeatable("os.urandom", "args [n]: n bytes (1 to 1048576) read from /dev/urandom, as base64.", """
                        {"properties":{"args":{"type":"array","minItems":1,"maxItems":1,
                         "items":{"type":"integer","minimum":1,"maximum":1048576}}}}"""),
                BuiltIns::urandom);
        all.put(
                CallableSpec.of(
                                "time.sleep",
                                "args [seconds] or [seconds, result]: waits, then returns the result; can be interrupted.")
                        .repeatable()
                        .withSchema(schema("""
                                        {"properties":{"args":{"type":"array","minItems":1,"maxItems":2,
                                         "prefixItems":[{"type":"number","minimum":0,"maximum":86400}]}}}""")),
                BuiltIns::sleep);
        all.put(
                CallableSpec.of(
                        "demo.print_sleep",
                        "Prints its arguments, waits kwargs.seconds (5), prints that it is done, returns 123."),
                BuiltIns::printSleep);
        all.put(
                CallableSpec.of(
                                "demo.progress",
                                "args [steps] or [steps, seconds]: says how far it is after each step, which takes so long (0.2).")
                        .repeatable()
                        .withSchema(schema("""
                                        {"properties":{"args":{"type":"array","minItems":1,"maxItems":2,
                                         "items":{"type":"number","minimum":0,"maximum":86400}}}}""")),
                BuiltIns::progress);
        all.put(
                CallableSpec.of("demo.fail", "args [message]: throws; succeeds from attempt kwargs.succeed_at on."),
                BuiltIns::fail);
        all.put(
                new CallableSpec(
                        "demo.stubborn",
                        "args [seconds]: waits and ignores interrupts, as bad code does.",
                        Set.of(PoolKind.THREAD, PoolKind.PROCESS),
                        OnLost.FAIL,
                        1,
                        RetryPolicy.DEFAULT,
                        null,
                        null),
                BuiltIns::stubborn);
        all.put(
                repeatable(
                        "demo.snooze_until",
                        "args [unix_milliseconds]: asks to be run again until it is so late, then returns the attempt.",
                        """
                        {"properties":{"args":{"type":"array","minItems":1,"maxItems":1,
                         "items":{"type":"integer","minimum":0}}}}"""),
                BuiltIns::snoozeUntil);
        return all;
    }

    private static CallableSpec repeatable(String name, String description, String schema) {
        CallableSpec spec = CallableSpec.of(name, description).repeatable();
        return schema.equals("{}") ? spec : spec.withSchema(schema(schema));
    }

    private static String count(int n) {
        return "{\"properties\":{\"args\":{\"type\":\"array\",\"minItems\":" + n + ",\"maxItems\":" + n + "}}}";
    }

    private static JsonNode schema(String text) {
        try {
            return JsonValues.mapper().readTree(text);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Object pow(TaskContext context) {
        JsonNode base = context.arg(0);
        JsonNode exponent = context.arg(1);
        if (base.isIntegralNumber() && exponent.canConvertToInt() && exponent.isIntegralNumber()) {
            int n = exponent.intValue();
            if (n >= 0 && n <= 100_000) {
                BigInteger b = base.bigIntegerValue();
                if ((long) b.bitLength() * n > MAX_POWER_BITS) {
                    throw new IllegalArgumentException("the result could have " + (long) b.bitLength() * n
                            + " bits; at most " + MAX_POWER_BITS + " are calculated");
                }
                return b.pow(n);
            }
        }
        double power = Math.pow(base.doubleValue(), exponent.doubleValue());
        if (!Double.isFinite(power)) {
            throw new ArithmeticException("the result is not a finite number");
        }
        return new BigDecimal(power, MathContext.DECIMAL64).stripTrailingZeros();
    }

    private static Object sumOfSquares(TaskContext context) throws InterruptedException {
        long n = context.arg(0).longValue();
        BigInteger total = BigInteger.ZERO;
        long part = 0;
        for (long i = 0; i < n; i++) {
            part += i * i;
            // One partial sum stays below 2^63 for i below 10^9 when it is taken over after every 8th square.
            if ((i & 7) == 7) {
                total = total.add(BigInteger.valueOf(part));
                part = 0;
            }
            if ((i & 0xFFFFF) == 0 && context.cancelled()) {
                throw new InterruptedException("cancelled");
            }
        }
        return total.add(BigInteger.valueOf(part));
    }

    private static Object urandom(TaskContext context) throws IOException {
        int n = Math.min(context.arg(0).intValue(), MAX_RANDOM_BYTES);
        try (InputStream in = Files.newInputStream(Path.of("/dev/urandom"))) {
            byte[] bytes = in.readNBytes(n);
            if (bytes.length < n) {
                throw new EOFException("/dev/urandom ended after " + bytes.length + " bytes");
            }
            return Base64.getEncoder().encodeToString(bytes);
        }
    }

    private static Object sleep(TaskContext context) throws InterruptedException {
        TimeUnit.NANOSECONDS.sleep((long) (context.arg(0).doubleValue() * 1e9));
        return context.args().size() > 1 ? context.arg(1) : JsonNodeFactory.instance.nullNode();
    }

    private static Object printSleep(TaskContext context) throws InterruptedException {
        StringBuilder line = new StringBuilder();
        for (JsonNode each : context.args()) {
            line.append(line.isEmpty() ? "" : " ").append(each.isTextual() ? each.textValue() : each.toString());
        }
        context.stdout().println(line);
        JsonNode seconds = context.kwargs().get("seconds");
        TimeUnit.NANOSECONDS.sleep((long) ((seconds == null ? 5 : seconds.doubleValue()) * 1e9));
        context.stdout().println("done");
        return 123;
    }

    private static Object progress(TaskContext context) throws InterruptedException {
        int steps = context.arg(0).intValue();
        double seconds = context.args().size() > 1 ? context.arg(1).doubleValue() : 0.2;
        for (int i = 1; i <= steps; i++) {
            TimeUnit.NANOSECONDS.sleep((long) (seconds * 1e9));
            context.progress((double) i / steps, "step " + i + " of " + steps);
        }
        return steps;
    }

    private static Object fail(TaskContext context) {
        JsonNode until = context.kwargs().get("succeed_at");
        if (until != null && context.attempt() >= until.intValue()) {
            return context.attempt();
        }
        throw new IllegalStateException(
                context.args().isEmpty() ? "" : context.arg(0).asText());
    }

    private static Object snoozeUntil(TaskContext context) throws Snooze {
        long left = context.arg(0).longValue() - System.currentTimeMillis();
        if (left > 0) {
            throw new Snooze(Duration.ofMillis(Math.min(left, 500)));
        }
        return context.attempt();
    }

    private static Object stubborn(TaskContext context) {
        long end = System.nanoTime() + (long) (context.arg(0).doubleValue() * 1e9);
        boolean interrupted = false;
        while (System.nanoTime() < end) {
            LockSupport.parkNanos(Math.min(end - System.nanoTime(), 50_000_000));
            interrupted |= Thread.interrupted();
        }
        return interrupted ? "was asked to stop" : "was left alone";
    }
}
