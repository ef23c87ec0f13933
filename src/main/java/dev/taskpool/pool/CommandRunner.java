package dev.taskpool.pool;

import dev.taskpool.model.PoolSettings;
import dev.taskpool.model.Ticker;
import dev.taskpool.process.ChildProcess;
import dev.taskpool.process.Spawner;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Each task is one subprocess, made from its callable's template, in a scratch folder of its own. Cancel and timeout send TERM
 * to all of it, then KILL; an end is told when nothing of it is left.
 */
public final class CommandRunner implements Runner {
    private static final Logger LOG = LoggerFactory.getLogger(CommandRunner.class);

    private final CommandRun.Means means;

    /** After so long without a command to start a pool keeps nothing for the next one. */
    private static final long IDLE_SECONDS = 5;

    /** Starting a process blocks a little: this thread is there for it, and ends with the pool, or when it is idle. */
    private final ThreadPoolExecutor spawning;

    private final WorkerIds ids = new WorkerIds();

    private final CompletableFuture<Void> closed = new CompletableFuture<>();

    /** Runs under way. Entered by the engine's thread, left by the one that ends the run. */
    private final Map<Run, CommandRun> runs = new ConcurrentHashMap<>();

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
            long maxResultBytes,
            Ticker ticker) {
        ThreadFactory ending =
                Thread.ofVirtual().name("pool-" + pool + "-end-", 0).factory();
        ScratchFolders folders = new ScratchFolders(scratchRoot.toAbsolutePath(), ticker);
        this.means = new CommandRun.Means(
                Map.copyOf(templates),
                spawner,
                folders,
                ending,
                Thread.ofVirtual().name("pool-" + pool + "-look-", 0).factory(),
                maxResultBytes,
                ticker);
        this.spawning =
                new ThreadPoolExecutor(
                        1,
                        1,
                        IDLE_SECONDS,
                        TimeUnit.SECONDS,
                        new LinkedBlockingQueue<>(),
                        Thread.ofPlatform()
                                .name("pool-" + pool + "-spawn")
                                .daemon()
                                .factory()) {
                    @Override
                    protected void terminated() {
                        // The engine's thread may be the one that is here: it waits for no disk.
                        CommandRun.apart(ending, () -> {
                            try {
                                folders.rest();
                            } finally {
                                closed.complete(null);
                            }
                        });
                    }
                };
        spawning.allowCoreThreadTimeOut(true);
        ThreadFactory threads = spawning.getThreadFactory();
        spawning.setThreadFactory(work -> threads.newThread(() -> {
            work.run();
            if (!spawning.isShutdown()) { // then it had nothing to do for a while
                folders.rest();
            }
        }));
        configure(settings);
    }

    @Override
    public void start(Run run) {
        CommandRun begun = new CommandRun(run, means, ids.next(), () -> runs.remove(run));
        runs.put(run, begun);
        try {
            spawning.execute(begun::begin);
        } catch (RejectedExecutionException e) {
            begun.notStarted("the pool is closed");
        }
    }

    @Override
    public void stop(Run run, long graceMillis) {
        run.markStopping();
        CommandRun there = runs.get(run);
        if (there != null) {
            there.stop(graceMillis);
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
        return runs.values().stream()
                .sorted(Comparator.comparingLong(CommandRun::number))
                .map(each -> each.view(ids.text(each.number())))
                .toList();
    }

    @Override
    public RunnerStatus status() {
        return RunnerStatus.FINE;
    }

    @Override
    public Signalled signal(String workerId, String signal) {
        for (CommandRun each : runs.values()) {
            if (ids.text(each.number()).equals(workerId)) {
                ChildProcess child = each.child();
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
        runs.values().forEach(each -> each.stop(graceMillis));
    }
}
