package dev.taskpool.pool;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.taskpool.callable.JsonValues;
import dev.taskpool.model.Artifacts;
import dev.taskpool.model.Failure;
import dev.taskpool.model.FailureCode;
import dev.taskpool.model.Json;
import dev.taskpool.model.Limits;
import dev.taskpool.model.PoolSettings;
import dev.taskpool.model.ProcessExit;
import dev.taskpool.model.Task;
import dev.taskpool.model.Ticker;
import dev.taskpool.process.ChildProcess;
import dev.taskpool.process.Exit;
import dev.taskpool.process.ProcessSpec;
import dev.taskpool.process.ResourceLimits;
import dev.taskpool.process.RunAs;
import dev.taskpool.process.Spawner;
import dev.taskpool.process.Stdin;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Each task is one subprocess, made from its callable's template, in a scratch folder of its own. Cancel and timeout send TERM
 * to all of it, then KILL; an end is told when nothing of it is left.
 */
public final class CommandRunner implements Runner {
    private static final Logger LOG = LoggerFactory.getLogger(CommandRunner.class);
    private static final String DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin";
    private static final long NOT_STOPPED = -1;
    private static final int LINE_END_BYTES = 2;

    /** From one look at a scratch folder to the next; longer where a look takes more than a tenth of that. */
    private static final long LOOK_MILLIS = 250;

    private final Map<String, CommandTemplate> templates;
    private final Spawner spawner;
    private final Path scratchRoot;
    private final long maxResultBytes;

    /** Starting a process blocks a little: this thread is there for it, and ends with the pool. */
    private final ThreadPoolExecutor spawning;

    /** Waits for files at the end of a run. */
    private final ThreadFactory ending;

    /** Look at scratch folders that are limited. */
    private final ThreadFactory looking;

    private final WorkerIds ids = new WorkerIds();

    private final CompletableFuture<Void> closed = new CompletableFuture<>();

    /** Runs under way. Entered by the engine's thread, left by the one that ends the run. */
    private final Map<Run, Seat> seats = new ConcurrentHashMap<>();

    /**
     * @param pool its name, which its threads carry
     * @param templates by name of callable
     * @param spawner not closed with this
     * @param scratchRoot holds the folders of runs; made where it is missing
     * @param maxResultBytes a larger result fails its task
     */
    public CommandRunner(
            String pool,
            PoolSettings settings,
            Map<String, CommandTemplate> templates,
            Spawner spawner,
            Path scratchRoot,
            long maxResultBytes) {
        this.templates = Map.copyOf(templates);
        this.spawner = spawner;
        this.scratchRoot = scratchRoot.toAbsolutePath();
        this.maxResultBytes = maxResultBytes;
        this.ending = Thread.ofVirtual().name("pool-" + pool + "-end-", 0).factory();
        this.looking = Thread.ofVirtual().name("pool-" + pool + "-look-", 0).factory();
        this.spawning =
                new ThreadPoolExecutor(
                        1,
                        1,
                        30,
                        TimeUnit.SECONDS,
                        new LinkedBlockingQueue<>(),
                        Thread.ofPlatform()
                                .name("pool-" + pool + "-spawn")
                                .daemon()
                                .factory()) {
                    @Override
                    protected void terminated() {
                        closed.complete(null);
                    }
                };
        configure(settings);
    }

    @Override
    public void start(Run run) {
        Seat seat = new Seat(run);
        seats.put(run, seat);
        try {
            spawning.execute(seat::begin);
        } catch (RejectedExecutionException e) {
            seat.notStarted("the pool is closed");
        }
    }

    @Override
    public void stop(Run run, long graceMillis) {
        run.markStopping();
        Seat seat = seats.get(run);
        if (seat != null) {
            seat.stop(graceMillis);
        }
    }

    @Override
    public void configure(PoolSettings settings) {
        // Nothing of a command pool outlives a run, and how many run at once is the engine's to say.
        LOG.debug("at most {} commands at once", settings.maxWorkers());
    }

    @Override
    public CompletableFuture<Void> close() {
        spawning.shutdown();
        return closed;
    }

    @Override
    public List<WorkerView> workers() {
        return seats.values().stream()
                .sorted(Comparator.comparingLong(seat -> seat.number))
                .map(Seat::view)
                .toList();
    }

    @Override
    public RunnerStatus status() {
        return RunnerStatus.FINE;
    }

    @Override
    public Signalled signal(String workerId, String signal) {
        for (Seat seat : seats.values()) {
            if (ids.text(seat.number).equals(workerId)) {
                ChildProcess child = seat.child;
                if (child == null) {
                    return Signalled.NO_PROCESS;
                }
                child.signal(0, signal);
                return Signalled.SENT;
            }
        }
        return Signalled.NO_SUCH_WORKER;
    }

    @Override
    public void terminate(long graceMillis) {
        seats.values().forEach(seat -> {
            if (seat.child != null) {
                seat.stop(graceMillis);
            }
        });
    }

    /** One run and its process. */
    private final class Seat {
        private final Run run;
        // Each is written before the other is read, by either thread: so one of them sees that both are there.
        private volatile @Nullable ChildProcess child;
        private volatile long stopGrace = NOT_STOPPED;

        /** Whether the scratch folder was found too large. */
        private volatile boolean scratchExceeded;

        private final long number = ids.next();
        private final long startedAtMillis = Ticker.SYSTEM.millis();
        private volatile long sinceMillis = startedAtMillis;

        Seat(Run run) {
            this.run = run;
        }

        void stop(long graceMillis) {
            stopGrace = graceMillis;
            sinceMillis = Ticker.SYSTEM.millis();
            ChildProcess present = child;
            if (present != null) {
                present.terminate(Duration.ofMillis(graceMillis));
            }
        }

        WorkerView view() {
            ChildProcess present = child;
            WorkerView.State state = stopGrace != NOT_STOPPED
                    ? WorkerView.State.LEAVING
                    : present == null ? WorkerView.State.STARTING : WorkerView.State.BUSY;
            OptionalLong memory = present == null ? OptionalLong.empty() : present.residentBytes(0);
            return new WorkerView(
                    ids.text(number),
                    present == null ? null : Integer.valueOf(present.pid()),
                    state,
                    run.id(),
                    sinceMillis,
                    startedAtMillis,
                    0,
                    memory.isPresent() ? Long.valueOf(memory.getAsLong()) : null);
        }

        void begin() {
            Path folder = null;
            try {
                if (stopGrace != NOT_STOPPED) {
                    notStarted("it was stopped before it began");
                    return;
                }
                CommandTemplate template = templates.get(run.spec().callable());
                if (template == null) {
                    notStarted(run.spec().callable() + " is no command");
                    return;
                }
                CommandTemplate.Filled filled =
                        template.fill(run.spec().args(), run.spec().kwargs());
                folder = Scratch.make(scratchRoot, run.id() + "-" + run.attempt());
                List<Path> put = Scratch.put(folder, run.spec().surroundings().files());
                boolean hasResult = template.result() != CommandTemplate.Result.NONE;
                CommandOutput output = new CommandOutput(run.output(), hasResult ? maxResultBytes + LINE_END_BYTES : 0);
                ChildProcess started = spawner.start(spec(template, filled, folder, put), output);
                child = started;
                sinceMillis = Ticker.SYSTEM.millis();
                long grace = stopGrace;
                if (grace != NOT_STOPPED) {
                    started.terminate(Duration.ofMillis(grace));
                }
                Path scratch = folder;
                if (run.spec().surroundings().limits().scratchBytes() != null) {
                    looking.newThread(() -> lookAfter(started, scratch)).start();
                }
                started.exit().thenAccept(exit -> endApart(() -> end(template, exit, output, scratch)));
            } catch (IOException | RuntimeException | OutOfMemoryError e) {
                if (!(e instanceof IOException || e instanceof IllegalArgumentException)) {
                    LOG.error("task {} could not be started", run.id(), e);
                }
                if (folder != null) {
                    removed(folder);
                }
                notStarted(String.valueOf(e.getMessage()));
            }
        }

        /** Looks at the scratch folder until the process ends, and ends it where that grew too large. */
        private void lookAfter(ChildProcess process, Path folder) {
            long pauseMillis = LOOK_MILLIS;
            while (true) {
                try {
                    process.exit().get(pauseMillis, TimeUnit.MILLISECONDS);
                    return;
                } catch (TimeoutException stillRunning) {
                    long begun = System.nanoTime();
                    if (exceeds(folder)) {
                        scratchExceeded = true;
                        process.kill();
                        return;
                    }
                    pauseMillis = Math.max(LOOK_MILLIS, (System.nanoTime() - begun) / 1_000_000 * 10);
                } catch (ExecutionException e) {
                    LOG.error("the end of task {} was not told", run.id(), e);
                    return;
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    return;
                }
            }
        }

        private boolean exceeds(Path folder) {
            Long limit = run.spec().surroundings().limits().scratchBytes();
            try {
                return limit != null && ScratchUse.exceeds(folder, limit);
            } catch (IOException | RuntimeException e) {
                LOG.warn("the scratch folder {} could not be measured: {}", folder, e.toString());
                return false;
            }
        }

        private ProcessSpec spec(CommandTemplate template, CommandTemplate.Filled filled, Path folder, List<Path> files)
                throws IOException {
            Map<String, String> env = new HashMap<>();
            env.put("PATH", DEFAULT_PATH);
            env.put("HOME", folder.toString());
            env.put("TMPDIR", folder.toString());
            for (String name : template.inheritEnv()) {
                String value = System.getenv(name);
                if (value != null) {
                    env.put(name, value);
                }
            }
            env.putAll(filled.env());
            env.put("TASKPOOL_TASK_ID", run.id().toString());
            env.put("TASKPOOL_ATTEMPT", Integer.toString(run.attempt()));
            Stdin stdin = filled.stdin().length == 0 ? Stdin.NONE : new Stdin.Bytes(filled.stdin());
            ResourceLimits limits = ProcessLimits.of(run.spec().surroundings().limits());
            List<String> argv = filled.argv();
            if (template.user() != null) {
                RunAs user = RunAs.of(template.user());
                user.own(folder);
                for (Path file : files) {
                    user.own(file);
                }
                argv = new ArrayList<>(user.prefix());
                argv.addAll(filled.argv());
            }
            return new ProcessSpec(argv, env, folder, stdin, true, true, limits);
        }

        void notStarted(String reason) {
            seats.remove(run);
            run.ended(new Ending.NotStarted(
                    Failure.of(FailureCode.START_FAILED, reason), run.output().close(null)));
        }

        /** Does it on a thread of its own, and where there is no memory for one, on that which told the exit: a run that ended is told of. */
        private void endApart(Runnable end) {
            Thread apart;
            try {
                apart = ending.newThread(end);
                apart.start();
            } catch (OutOfMemoryError e) {
                LOG.error("no thread for the end of task {}", run.id(), e);
                end.run();
            }
        }

        private void end(CommandTemplate template, Exit exit, CommandOutput output, Path folder) {
            // What was written between the last look and the end counts as well.
            scratchExceeded = scratchExceeded || exceeds(folder);
            Ending ending;
            try {
                ending = ending(template, exit, output);
            } catch (RuntimeException | OutOfMemoryError e) {
                LOG.error("the end of task {} could not be read", run.id(), e);
                ending = failed(FailureCode.INVALID_RESULT, "the result could not be read: " + e.getMessage(), exit);
            }
            try {
                if (!(ending instanceof Ending.Snoozed)) {
                    ending = ending.with(ending.output().with(kept(template, folder)));
                }
                removed(folder);
            } catch (RuntimeException | OutOfMemoryError e) {
                LOG.error("what task {} left behind could not be kept", run.id(), e);
            } finally {
                seats.remove(run);
                run.ended(ending);
            }
        }

        private Artifacts kept(CommandTemplate template, Path folder) {
            return run.output().keep(run.id(), folder, template.files());
        }

        private Ending ending(CommandTemplate template, Exit exit, CommandOutput output) {
            Limits limits = run.spec().surroundings().limits();
            if (scratchExceeded) {
                String sentence = ProcessLimits.scratchSentence(limits);
                return failed(
                                FailureCode.SCRATCH_LIMIT,
                                evidence("the command failed by a limit: " + sentence, output),
                                exit)
                        .because(FailureCode.SCRATCH_LIMIT);
            }
            if (exit.status() instanceof Exit.Status.Exited(int code)) {
                Duration pause = template.snoozes().get(code);
                if (pause != null) {
                    return new Ending.Snoozed(pause.toMillis(), output(ExitRecord.of(exit)));
                }
            }
            boolean succeeded = exit.status() instanceof Exit.Status.Exited(int status)
                    && template.successExitCodes().contains(status);
            String limited = ProcessLimits.code(exit.limit());
            if (!succeeded && exit.limit() != null && limited != null) {
                String sentence = ProcessLimits.sentence(exit.limit(), limits);
                return failed(limited, evidence("the command failed by a limit: " + sentence, output), exit);
            }
            return switch (exit.status()) {
                case Exit.Status.Signalled signalled ->
                    failed(
                            FailureCode.PROCESS_SIGNAL,
                            evidence("the command was ended by " + signalled.signalName(), output),
                            exit);
                case Exit.Status.Exited(int code) ->
                    succeeded
                            ? returned(template, exit, output)
                            : failed(
                                    FailureCode.PROCESS_EXIT,
                                    evidence("the command ended with exit code " + code, output),
                                    exit);
            };
        }

        private Ending returned(CommandTemplate template, Exit exit, CommandOutput output) {
            boolean hasResult = template.result() != CommandTemplate.Result.NONE;
            if (hasResult && output.stdoutBytes() > maxResultBytes + LINE_END_BYTES) {
                return tooLarge(output.stdoutBytes(), exit);
            }
            Json result;
            try {
                result = switch (template.result()) {
                    case NONE -> Json.NULL;
                    case TEXT ->
                        JsonValues.json(withoutLastLineEnd(new String(output.stdout(), StandardCharsets.UTF_8)));
                    case JSON -> JsonValues.checked(output.stdout());
                };
            } catch (JsonProcessingException e) {
                return failed(
                        FailureCode.INVALID_RESULT,
                        "what the command wrote to standard output is no JSON value: " + e.getOriginalMessage(),
                        exit);
            }
            if (hasResult && result.size() > maxResultBytes) {
                return tooLarge(result.size(), exit);
            }
            return new Ending.Returned(result, output(ExitRecord.of(exit)));
        }

        private Ending tooLarge(long size, Exit exit) {
            Failure failure = CallableInvoker.tooLarge(size, maxResultBytes);
            return failed(failure.code(), failure.message(), exit);
        }

        private Ending failed(String code, String message, Exit exit) {
            ProcessExit end = ExitRecord.of(exit);
            Failure failure = new Failure(code, message, null, null, null, end.code(), end.signal(), List.of());
            return new Ending.Failed(failure, output(end));
        }

        private Task.Output output(ProcessExit end) {
            return run.output().close(end.code()).withExit(end);
        }
    }

    private static String evidence(String message, CommandOutput output) {
        String tail = output.stderrTail();
        return tail.isEmpty() ? message : message + "; it wrote last:\n" + tail;
    }

    private static String withoutLastLineEnd(String text) {
        if (text.endsWith("\r\n")) {
            return text.substring(0, text.length() - 2);
        }
        return text.endsWith("\n") ? text.substring(0, text.length() - 1) : text;
    }

    private static void removed(Path folder) {
        try {
            Scratch.remove(folder);
        } catch (IOException | RuntimeException e) {
            LOG.warn("the scratch folder {} could not be removed: {}", folder, e.toString());
        }
    }
}
