package dev.taskpool.pool;

import dev.taskpool.callable.CallableProvider;
import dev.taskpool.callable.CallableSpec;
import dev.taskpool.callable.TaskCallable;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;

/** A plugin with what a worker must survive, or may die of. */
public final class TestCallables implements CallableProvider {
    @Override
    public Map<CallableSpec, TaskCallable> callables() {
        Map<CallableSpec, TaskCallable> all = new LinkedHashMap<>();
        all.put(CallableSpec.of("test.pid", ""), _ -> ProcessHandle.current().pid());
        all.put(CallableSpec.of("test.exit", ""), c -> {
            System.err.println("about to exit");
            System.exit(c.arg(0).intValue());
            return null;
        });
        all.put(CallableSpec.of("test.print", ""), c -> {
            System.out.println("plain out");
            System.err.println("plain err");
            c.stdout().println("context ä");
            c.stderr().print("no line end");
            c.progress(0.5, "half");
            return c.taskId();
        });
        all.put(CallableSpec.of("test.flood", ""), c -> {
            String line = "x".repeat(999);
            for (int i = 0; i < c.arg(0).intValue(); i++) {
                System.out.println(line);
            }
            return null;
        });
        all.put(CallableSpec.of("test.large", ""), c -> "x".repeat(c.arg(0).intValue()));
        all.put(CallableSpec.of("test.unwritable", ""), _ -> Double.NaN);
        all.put(CallableSpec.of("test.overflow", ""), c -> overflow(1));
        all.put(CallableSpec.of("test.cancelled", ""), c -> {
            c.stdout().println("waiting");
            try {
                Thread.currentThread().join();
            } catch (InterruptedException e) {
                c.stdout().println("interrupted " + c.cancelled());
            }
            return "stopped";
        });
        all.put(CallableSpec.of("test.draining", ""), c -> {
            c.stdout().println("waiting");
            while (!c.draining()) {
                java.util.concurrent.locks.LockSupport.parkNanos(1_000_000);
            }
            return "drained";
        });
        return all;
    }

    private static int overflow(int n) {
        return n < 0 ? n : overflow(n + 1) + 1;
    }

    /** Makes a folder with a plugin that names this class, which is on the class path of the workers already. */
    static Path folder(Path parent) throws IOException {
        Path folder = Files.createDirectories(parent.resolve("plugins"));
        try (OutputStream out = Files.newOutputStream(folder.resolve("test.jar"));
                JarOutputStream jar = new JarOutputStream(out)) {
            jar.putNextEntry(new JarEntry("META-INF/services/" + CallableProvider.class.getName()));
            jar.write(TestCallables.class.getName().getBytes(StandardCharsets.UTF_8));
            jar.closeEntry();
        }
        return folder;
    }
}
