package dev.taskpool.acceptance;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.callable.CallableProvider;
import dev.taskpool.callable.CallableSpec;
import dev.taskpool.callable.TaskCallable;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;

/** A plugin whose callable {@code test.gate} runs until the test lets it go on: args [gate] or [gate, result]; kwargs.fail is a message. */
public final class Gates implements CallableProvider {
    private static final Map<String, Gate> ALL = new ConcurrentHashMap<>();
    private static final AtomicInteger NEXT = new AtomicInteger();

    /** One that is closed. */
    private static final class Gate {
        private final CountDownLatch open = new CountDownLatch(1);
        private final AtomicInteger inside = new AtomicInteger();
        private final AtomicInteger mostInside = new AtomicInteger();
    }

    @Override
    public Map<CallableSpec, TaskCallable> callables() {
        return Map.of(CallableSpec.of("test.gate", "Waits until its gate is opened."), context -> {
            Gate gate = gate(context.arg(0).asText());
            int inside = gate.inside.incrementAndGet();
            gate.mostInside.accumulateAndGet(inside, Math::max);
            try {
                gate.open.await();
            } finally {
                gate.inside.decrementAndGet();
            }
            JsonNode message = context.kwargs().get("fail");
            if (message != null) {
                throw new IllegalStateException(message.asText());
            }
            return context.args().size() > 1 ? context.arg(1) : null;
        });
    }

    private static Gate gate(String name) {
        return Objects.requireNonNull(ALL.get(name), name);
    }

    /** Returns the name of a new gate, which is closed. */
    static String make() {
        String name = "gate-" + NEXT.incrementAndGet();
        ALL.put(name, new Gate());
        return name;
    }

    static void open(String name) {
        gate(name).open.countDown();
    }

    /** Returns how many tasks were at a gate at one time, at most. */
    static int mostInside(String name) {
        return gate(name).mostInside.get();
    }

    /** Returns the body of a task that waits at a gate, and then returns what is in JSON. */
    static String task(String gate, String result, String pool) {
        return "{\"callable\":\"test.gate\",\"args\":[\"" + gate + "\"," + result + "],\"pool\":\"" + pool + "\"}";
    }

    /** Makes a folder with a plugin that names this class. It is loaded from the class path, so that tests share its gates. */
    static Path folder(Path parent) {
        Path folder = parent.resolve("plugins");
        try {
            Files.createDirectories(folder);
            try (OutputStream out = Files.newOutputStream(folder.resolve("gates.jar"));
                    JarOutputStream jar = new JarOutputStream(out)) {
                jar.putNextEntry(new JarEntry("META-INF/services/" + CallableProvider.class.getName()));
                jar.write(Gates.class.getName().getBytes(StandardCharsets.UTF_8));
                jar.closeEntry();
            }
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
        return folder;
    }
}
