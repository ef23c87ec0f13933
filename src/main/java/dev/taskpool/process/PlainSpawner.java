package dev.taskpool.process;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Starts by {@link ProcessBuilder}, for machines without what {@link PosixSpawner} needs. Each process takes threads of its own. A session of its
 * own needs the program setsid(1), and descendants that left it are found by their environment only, where there is a /proc.
 * It starts nothing that is to be limited. A signal and an exit code above 128 cannot be told apart.
 */
public final class PlainSpawner extends Spawner {
    private static final Logger LOG = LoggerFactory.getLogger(PlainSpawner.class);
    private static final Path SETSID = Path.of("/usr/bin/setsid");

    private final AtomicLong started = new AtomicLong();
    private final boolean hasSetsid = Files.isExecutable(SETSID);
    private final Set<PlainChild> children = ConcurrentHashMap.newKeySet();
    private volatile boolean closed;

    PlainSpawner(RandomGenerator random) {
        super(BootId.random(random));
    }

    @Override
    ChildProcess start(ProcessSpec spec, OutputSink sink, boolean marked) throws SpawnException {
        if (closed) {
            throw new IllegalStateException("the spawner is closed");
        }
        if (spec.limits().needsHolding()) {
            throw new SpawnException("processes cannot be limited on this machine", SpawnException.UNKNOWN);
        }
        String program = Programs.resolve(spec);
        Programs.check(spec, program);
        List<String> argv = new ArrayList<>();
        if (hasSetsid) {
            argv.add(SETSID.toString());
        }
        argv.add(program);
        argv.addAll(spec.argv().subList(1, spec.argv().size()));
        long id = marked ? boot().mark(started.incrementAndGet()) : 0;
        ProcessBuilder builder =
                new ProcessBuilder(argv).directory(spec.directory().toFile());
        Map<String, String> environment = new HashMap<>(spec.environment());
        if (marked) {
            environment.put(BootId.BOOT_VARIABLE, boot().toString());
            environment.put(BootId.PROCESS_VARIABLE, Long.toString(id));
        }
        builder.environment().clear();
        builder.environment().putAll(environment);
        if (spec.stdin() instanceof Stdin.None) {
            builder.redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")));
        }
        if (!spec.captureStdout()) {
            builder.redirectOutput(ProcessBuilder.Redirect.DISCARD);
        }
        if (!spec.captureStderr()) {
            builder.redirectError(ProcessBuilder.Redirect.DISCARD);
        }
        Process process;
        try {
            process = builder.start();
        } catch (IOException e) {
            throw new SpawnException("cannot start " + program + ": " + e.getMessage(), errno(e));
        }
        PlainChild child = new PlainChild(process, hasSetsid, id, sink);
        children.add(child);
        child.exit().whenComplete((exit, error) -> children.remove(child));
        child.begin(spec);
        if (closed) {
            child.kill(); // close() may have looked before we came
        }
        return child;
    }

    /** The JDK writes "error=2, No such file or directory". */
    private static int errno(IOException e) {
        String message = String.valueOf(e.getMessage());
        int at = message.indexOf("error=");
        int end = message.indexOf(',', at);
        @Nullable Integer number = null;
        if (at >= 0 && end > at) {
            try {
                number = Integer.valueOf(message.substring(at + 6, end));
            } catch (NumberFormatException other) {
                LOG.debug("no number in {}", message);
            }
        }
        return number == null ? SpawnException.UNKNOWN : number;
    }

    @Override
    public void close() {
        closed = true;
        List<PlainChild> all = List.copyOf(children);
        for (PlainChild child : all) {
            if (child.isMarked()) {
                child.kill();
            } else {
                child.closeInput();
            }
        }
        try {
            CompletableFuture.allOf(all.stream().map(ChildProcess::exit).toArray(CompletableFuture<?>[]::new))
                    .get(10, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException | TimeoutException e) {
            LOG.warn("{} processes are still there at the end", children.size());
        }
    }
}
