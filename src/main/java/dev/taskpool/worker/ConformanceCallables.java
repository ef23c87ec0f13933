package dev.taskpool.worker;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.callable.CallableProvider;
import dev.taskpool.callable.CallableSpec;
import dev.taskpool.callable.TaskCallable;
import dev.taskpool.callable.TaskContext;
import java.io.PrintStream;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** What the conformance suite has run, as {@code workers/PROTOCOL.md} describes it. Offered with {@code --conformance} only. */
final class ConformanceCallables implements CallableProvider {
    private static final long LOOK_MILLIS = 20;

    @Override
    public Map<CallableSpec, TaskCallable> callables() {
        Map<CallableSpec, TaskCallable> all = new LinkedHashMap<>();
        all.put(spec("echo"), c -> {
            Map<String, Object> both = new LinkedHashMap<>();
            both.put("args", c.args());
            both.put("kwargs", c.kwargs());
            return both;
        });
        all.put(spec("fail"), c -> {
            String message = c.arg(0).textValue();
            throw new IllegalStateException(message, new IllegalArgumentException("cause of " + message));
        });
        all.put(spec("print"), ConformanceCallables::print);
        all.put(spec("sleep"), ConformanceCallables::sleep);
        all.put(spec("big"), c -> "x".repeat(c.arg(0).intValue()));
        all.put(spec("nan"), _ -> Double.NaN);
        return all;
    }

    private static CallableSpec spec(String name) {
        return CallableSpec.of("conformance." + name, "For the conformance suite.");
    }

    private static Object print(TaskContext context) {
        for (JsonNode each : context.args()) {
            PrintStream to = each.path(0).asText().equals("stderr") ? System.err : System.out;
            to.print(each.path(1).asText());
        }
        return context.args().size();
    }

    private static Object sleep(TaskContext context) throws InterruptedException {
        context.progress(0.5, "sleeping");
        long end = System.nanoTime() + (long) (context.arg(0).doubleValue() * 1e9);
        for (long left = end - System.nanoTime(); left > 0; left = end - System.nanoTime()) {
            if (context.draining()) {
                return "drained";
            }
            TimeUnit.NANOSECONDS.sleep(Math.min(left, TimeUnit.MILLISECONDS.toNanos(LOOK_MILLIS)));
        }
        return "slept";
    }
}
