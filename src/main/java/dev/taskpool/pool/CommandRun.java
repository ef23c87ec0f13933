package dev.taskpool.pool;

import dev.taskpool.model.Artifacts;
import dev.taskpool.model.Failure;
import dev.taskpool.model.FailureCode;
import dev.taskpool.model.Ticker;
import dev.taskpool.process.ChildProcess;
import dev.taskpool.process.Exit;
import dev.taskpool.process.ProcessSpec;
import dev.taskpool.process.ResourceLimits;
import dev.taskpool.process.RunAs;
import dev.taskpool.process.Spawner;
import dev.taskpool.process.Stdin;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One run of a command and its process. */
final class CommandRun {
    private static final Logger LOG = LoggerFactory.getLogger(CommandRun.class);
    private static final String DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin";
    private static final long NOT_STOPPED = -1;

    /** From one look at a scratch folder to the next; longer where a look takes more than a tenth of that. */
    private static final long LOOK_MILLIS = 250;

    /**
     * What the runs of a pool share.
     *
     * @param ending makes the threads that wait for files at the end of a run
     * @param looking makes those that look at scratch folders that are limited
     * @param maxResultBytes a larger result fails its task
     */
    record Means(
            Map<String, CommandTemplate> templates,
            Spawner spawner,
            ScratchFolders folders,
            ThreadFactory ending,
            ThreadFactory looking,
            long maxResultBytes,
            Ticker ticker) {}

    private final Run run;
    private final Means means;
    private final Runnable leave;
    private final long number;

    // Each is written before the other is read, by either thread: so one of them sees that both are there.
    private volatile @Nullable ChildProcess child;
    private volatile long stopGrace = NOT_STOPPED;

    /** Whether the scratch folder was found too large. */
    private volatile boolean scratchExceeded;

    private final long startedAtMillis;
    private volatile long sinceMillis;

    /**
     * @param leave to be done before the end is told
     * @param number of its worker
     */
    CommandRun(Run run, Means means, long number, Runnable leave) {
        this.run = run;
        this.means = means;
        this.number = number;
        this.leave = leave;
        this.startedAtMillis = means.ticker.millis();
        this.sinceMillis = startedAtMillis;
    }

    long number() {
        return number;
    }

    /** Returns its process, or null before there is one. */
    @Nullable
    ChildProcess child() {
        return child;
    }

    /** Ends its process, also one that is yet to be started. */
    void stop(long graceMillis) {
        stopGrace = graceMillis;
        sinceMillis = means.ticker.millis();
        ChildProcess present = child;
        if (present != null) {
            present.terminate(Duration.ofMillis(graceMillis));
        }
    }

    WorkerView view(String id) {
        ChildProcess present = child;
        WorkerView.State state = stopGrace != NOT_STOPPED
                ? WorkerView.State.LEAVING
                : present == null ? WorkerView.State.STARTING : WorkerView.State.BUSY;
        OptionalLong memory = present == null ? OptionalLong.empty() : present.residentBytes(0);
        return new WorkerView(
                id,
                present == null ? null : Integer.valueOf(present.pid()),
                state,
                run.id(),
                sinceMillis,
                startedAtMillis,
                0,
                memory.isPresent() ? Long.valueOf(memory.getAsLong()) : null);
    }

    /** Starts the process; blocks for as long as that takes. */
    void begin() {
        ScratchFolders.Folder folder = null;
        try {
            if (run.stopping()) {
                notStarted("it was stopped before it began");
                return;
            }
            CommandTemplate template = means.templates.get(run.spec().callable());
            if (template == null) {
                notStarted(run.spec().callable() + " is no command");
                return;
            }
            CommandTemplate.Filled filled =
                    template.fill(run.spec().args(), run.spec().kwargs());
            folder = means.folders.take();
            List<Path> put =
                    Scratch.put(folder.path(), run.spec().surroundings().files());
            CommandOutput output =
                    new CommandOutput(run.output(), CommandVerdict.resultBytes(template, means.maxResultBytes));
            ChildProcess started = means.spawner.start(spec(template, filled, folder.path(), put), output);
            child = started;
            sinceMillis = means.ticker.millis();
            long grace = stopGrace;
            if (grace != NOT_STOPPED) {
                started.terminate(Duration.ofMillis(grace));
            }
            ScratchFolders.Folder scratch = folder;
            if (run.spec().surroundings().limits().scratchBytes() != null) {
                means.looking
                        .newThread(() -> lookAfter(started, scratch.path()))
                        .start();
            }
            CommandVerdict verdict = new CommandVerdict(run, template, output, means.maxResultBytes);
            started.exit().thenAccept(exit -> ended(template, verdict, exit, scratch));
        } catch (IOException | RuntimeException | OutOfMemoryError e) {
            if (!(e instanceof IOException || e instanceof IllegalArgumentException)) {
                LOG.error("task {} could not be started", run.id(), e);
            }
            if (folder != null) {
                means.folders.giveBack(folder, false);
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
                long begun = means.ticker.nanos();
                if (exceeds(folder)) {
                    scratchExceeded = true;
                    process.kill();
                    return;
                }
                pauseMillis = Math.max(LOOK_MILLIS, (means.ticker.nanos() - begun) / 1_000_000 * 10);
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

    /** Tells that it cannot begin. */
    void notStarted(String reason) {
        leave.run();
        run.ended(new Ending.NotStarted(
                Failure.of(FailureCode.START_FAILED, reason), run.output().close(null)));
    }

    /**
     * The process is gone. Where it left nothing behind there is nothing to wait for, and the thread that saw it end tells so; what may block
     * gets a thread of its own.
     */
    private void ended(CommandTemplate template, CommandVerdict verdict, Exit exit, ScratchFolders.Folder folder) {
        boolean untouched = exit.survivors() == 0 && means.folders.keeps(folder);
        Runnable end = () -> end(template, verdict, exit, folder, untouched);
        if (untouched && run.output().isUntouched() && !template.files().keepsArtifacts()) {
            end.run();
        } else {
            apart(means.ending, end);
        }
    }

    /** On a thread of its own; where there is no memory for one, on this: an end is told, whatever happens. */
    static void apart(ThreadFactory threads, Runnable step) {
        try {
            threads.newThread(step).start();
        } catch (OutOfMemoryError e) {
            LOG.error("no memory for a thread", e);
            step.run();
        }
    }

    private void end(
            CommandTemplate template,
            CommandVerdict verdict,
            Exit exit,
            ScratchFolders.Folder folder,
            boolean untouched) {
        // What was written between the last look and the end counts as well.
        boolean exceeded = scratchExceeded || (!untouched && exceeds(folder.path()));
        Ending ending;
        try {
            ending = verdict.of(exit, exceeded);
        } catch (RuntimeException | OutOfMemoryError e) {
            LOG.error("the end of task {} could not be read", run.id(), e);
            ending = verdict.unreadable(e, exit);
        }
        try {
            if (!(ending instanceof Ending.Snoozed)) {
                Artifacts kept = run.output().keep(run.id(), folder.path(), template.files());
                ending = ending.with(ending.output().with(kept));
            }
        } catch (RuntimeException | OutOfMemoryError e) {
            LOG.error("what task {} left behind could not be kept", run.id(), e);
        }
        try {
            means.folders.giveBack(folder, untouched);
        } catch (OutOfMemoryError e) {
            LOG.error("the scratch folder of task {} is left for the next start", run.id(), e);
        } finally {
            leave.run();
            run.ended(ending);
        }
    }
}
