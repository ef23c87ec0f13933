package dev.taskpool.faults;

import dev.taskpool.acceptance.Api;
import dev.taskpool.process.Unmarked;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** {@code taskpool serve} as a process of its own. */
final class ServiceProcess implements AutoCloseable {
    private static final Pattern READY = Pattern.compile("answers on http://127\\.0\\.0\\.1:(\\d+)");

    private final Process process;
    private final List<String> log = Collections.synchronizedList(new ArrayList<>());
    private final CompletableFuture<Integer> port = new CompletableFuture<>();
    private final Thread reader;

    /** Whether a test has asked it to end. */
    private volatile boolean meant;

    /** @param settings pairs of variable (without TASKPOOL_) and value */
    ServiceProcess(Path data, String... settings) {
        this(Program.command(), data, settings);
    }

    /** @param program how it is called, without its arguments */
    ServiceProcess(List<String> program, Path data, String... settings) {
        List<String> command = new ArrayList<>(program);
        command.add("serve");
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().keySet().removeIf(k -> k.startsWith("TASKPOOL_"));
        builder.environment().put("TASKPOOL_SERVER_PORT", "0");
        builder.environment().put("TASKPOOL_STORE_DIRECTORY", data.toString());
        for (int i = 0; i < settings.length; i += 2) {
            builder.environment().put("TASKPOOL_" + settings[i], settings[i + 1]);
        }
        builder.redirectErrorStream(true);
        try {
            process = Unmarked.start(builder);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
        reader = Thread.ofVirtual().start(this::read);
    }

    private void read() {
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(process.getInputStream()))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                log.add(line);
                Matcher ready = READY.matcher(line);
                if (ready.find()) {
                    port.complete(Integer.valueOf(ready.group(1)));
                }
            }
        } catch (IOException e) {
            log.add(e.toString());
        }
        port.completeExceptionally(new IllegalStateException("it ended: " + log));
        if (!meant) {
            System.err.println("a service ended, and nobody had asked for it: " + log());
        }
    }

    int port() {
        try {
            return port.get(180, TimeUnit.SECONDS);
        } catch (ExecutionException | TimeoutException e) {
            throw new IllegalStateException("not ready: " + log, e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    Api api() {
        return new Api(port());
    }

    long pid() {
        return process.pid();
    }

    void signal(String name) {
        meant = true;
        try {
            Unmarked.start(new ProcessBuilder("kill", "-" + name, Long.toString(process.pid())))
                    .waitFor();
        } catch (IOException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    void kill9() {
        meant = true;
        process.destroyForcibly();
        exitCode();
    }

    int exitCode() {
        try {
            if (!process.waitFor(180, TimeUnit.SECONDS)) {
                throw new AssertionError("does not end: " + log);
            }
            reader.join();
            return process.exitValue();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    boolean alive() {
        return process.isAlive();
    }

    String log() {
        return String.join("\n", log);
    }

    @Override
    public void close() {
        meant = true;
        process.destroyForcibly();
    }
}
