package dev.taskpool.pool;

import dev.taskpool.callable.BuiltIns;
import dev.taskpool.callable.CallableSpec;
import dev.taskpool.callable.Registered;
import dev.taskpool.callable.Registry;
import dev.taskpool.model.Json;
import dev.taskpool.model.OnLost;
import dev.taskpool.model.PoolKind;
import dev.taskpool.model.PoolSettings;
import dev.taskpool.model.RetryPolicy;
import dev.taskpool.model.TaskId;
import dev.taskpool.model.TaskSpec;
import dev.taskpool.model.Ticker;
import dev.taskpool.output.OutputFiles;
import dev.taskpool.output.StreamReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** Gives runs to a runner, as the engine does, and waits for their endings. */
final class Bench {
    private static final Registry BUILT_INS = new Registry(Registry.of(new BuiltIns()));

    private final OutputFiles outputs;
    private final AtomicLong sequence = new AtomicLong();

    Bench(Path folder, long maxOutputBytes) throws IOException {
        outputs = new OutputFiles(folder, maxOutputBytes, false, Ticker.SYSTEM);
    }

    /** A run and its ending to come. */
    record Started(Run run, CompletableFuture<Ending> ending) {
        Ending await() throws Exception {
            return ending.get(60, TimeUnit.SECONDS);
        }

        Json result() throws Exception {
            return switch (await()) {
                case Ending.Returned(Json result, var _) -> result;
                case Ending.Failed failed ->
                    throw new AssertionError(failed.failure().toString());
                case Ending.NotStarted not ->
                    throw new AssertionError(not.failure().toString());
                case Ending.Snoozed snoozed -> throw new AssertionError(snoozed.toString());
            };
        }
    }

    static PoolSettings settings(PoolKind kind, int workers) {
        return settings(kind, workers, 0, null, null, PoolSettings.OnWorkerLost.HEAL);
    }

    static PoolSettings settings(
            PoolKind kind,
            int workers,
            int minWorkers,
            @Nullable Integer maxTasks,
            @Nullable Long idleMillis,
            PoolSettings.OnWorkerLost onLost) {
        return new PoolSettings(
                kind,
                workers,
                minWorkers,
                false,
                PoolSettings.JAVA_WORKER,
                maxTasks,
                idleMillis,
                onLost,
                null,
                1000,
                null,
                1000);
    }

    Started start(Runner runner, String callable, @Nullable String args, @Nullable String kwargs) {
        TaskId id = new TaskId(sequence.incrementAndGet(), 7);
        TaskSpec spec = new TaskSpec(
                callable,
                args == null ? null : Json.ofValid(args),
                kwargs == null ? null : Json.ofValid(kwargs),
                "test",
                null,
                null,
                0,
                0,
                1,
                RetryPolicy.DEFAULT,
                null,
                OnLost.FAIL,
                Map.of(),
                null,
                0,
                null,
                null);
        CompletableFuture<Ending> ending = new CompletableFuture<>();
        Registered known = BUILT_INS.find(callable);
        Registered registered = known == null ? new Registered(CallableSpec.of(callable, ""), null) : known;
        Run run = new Run(id, spec, registered, 1, 0, outputs.open(id, 1, false), (r, e) -> {
            if (!ending.complete(e)) {
                throw new IllegalStateException("ended twice");
            }
        });
        runner.start(run);
        return new Started(run, ending);
    }

    String output(Started started, boolean stderr) {
        try (StreamReader reader = outputs.stream(started.run.id(), stderr)) {
            reader.upTo(outputs.extents(started.run.id()).of(stderr));
            ByteArrayOutputStream all = new ByteArrayOutputStream();
            byte[] some = new byte[8192];
            for (int n = reader.read(some, 0, some.length); n > 0; n = reader.read(some, 0, some.length)) {
                all.write(some, 0, n);
            }
            return all.toString(StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static List<Path> files(Path folder) {
        try (var all = Files.list(folder)) {
            return all.toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Waits until the clock of a folder's file system has moved on, so that a change from now on shows. */
    static void nextInstant(Path folder) throws IOException {
        Object begun = null;
        for (Object now = null; begun == null || begun.equals(now); ) {
            Path probe = Files.createTempFile(folder, "probe", "");
            now = Files.getAttribute(probe, "unix:ctime");
            begun = begun == null ? now : begun;
            Files.delete(probe);
        }
    }
}
