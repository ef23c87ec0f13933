package dev.taskpool.pool;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.taskpool.callable.Snooze;
import dev.taskpool.model.Breakage;
import dev.taskpool.model.Failure;
import dev.taskpool.model.FailureCode;
import dev.taskpool.model.Json;
import dev.taskpool.model.Limits;
import dev.taskpool.model.PoolSettings;
import dev.taskpool.model.ProcessExit;
import dev.taskpool.model.Task;
import dev.taskpool.model.WorkerPolicy;
import dev.taskpool.process.ChildProcess;
import dev.taskpool.process.Exit;
import dev.taskpool.process.ProcessSpec;
import dev.taskpool.process.ResourceLimits;
import dev.taskpool.process.Spawner;
import dev.taskpool.worker.FrameChannel;
import dev.taskpool.worker.Message;
import dev.taskpool.worker.WorkerSocket;
import dev.taskpool.worker.WorkerType;
import java.io.IOException;
import java.net.ProtocolException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tasks in worker processes that stay: each has one task at a time, and one that dies fails only that. Workers are started
 * when they are needed; the one that was busy last is busy next, so that the others can be let go. Who does what stands in
 * the {@link Roster}; here is what is done about it.
 */
public final class ProcessRunner implements Runner {
    private static final Logger LOG = LoggerFactory.getLogger(ProcessRunner.class);
    private static final String NOT_BEGUN = "it was stopped before it began";
    private static final long LEAVE_LIMIT_MILLIS = 5_000;
    private static final Duration FROM_TERM_TO_KILL = Duration.ofMillis(200);
    private static final Duration AFTER_CONNECTION = Duration.ofSeconds(1);

    private final String pool;
    private final WorkerType type;
    private final Spawner spawner;
    private final Path socketFolder;
    private final long maxResultBytes;
    private final boolean traces;
    private final Consumer<Breakage> broken;
    private final Roster roster;
    private final WorkerIds ids = new WorkerIds();
    private volatile PoolSettings settings;
    private final SecureRandom random = new SecureRandom();
    private final CompletableFuture<Void> closed = new CompletableFuture<>();

    /** Starts workers, buries them, and keeps the time. Ends when the pool is closed and the last worker is gone. */
    private final ScheduledThreadPoolExecutor keeper;

    /** Confined to the keeper. */
    private @Nullable WorkerSocket socket;

    /**
     * @param pool its name, which its threads carry
     * @param type what to start
     * @param spawner not closed with this
     * @param socketFolder a short path, as sockets need; a folder is made in it at the first start, and removed by close
     * @param maxResultBytes a larger result fails its task
     * @param traces whether stack traces are shown to clients
     * @param broken is told why, when a worker was lost and the settings say BREAK, after the end of the run that it held, and
     *     when an initializer failed, after the ends of the runs that waited; from any thread, must not block
     */
    public ProcessRunner(
            String pool,
            PoolSettings settings,
            WorkerType type,
            Spawner spawner,
            Path socketFolder,
            long maxResultBytes,
            boolean traces,
            Consumer<Breakage> broken) {
        this.pool = pool;
        this.type = type;
        this.settings = settings;
        this.spawner = spawner;
        this.socketFolder = socketFolder;
        this.maxResultBytes = maxResultBytes;
        this.traces = traces;
        this.broken = broken;
        this.keeper = new ScheduledThreadPoolExecutor(
                1, Thread.ofPlatform().name("pool-" + pool + "-keeper").daemon().factory());
        keeper.setRemoveOnCancelPolicy(true);
        this.roster = new Roster(settings, in -> later(in, this::spawn), in -> later(in, this::letIdleGo));
        roster.configure(settings);
    }

    // --- what the engine asks for ---

    @Override
    public void start(Run run) {
        if (roster.closing()) {
            notStarted(run, "the pool is closed");
            return;
        }
        Worker worker = roster.take(run);
        if (worker != null) {
            deliver(worker, run);
            return;
        }
        Failure refusal = roster.refused(run);
        if (refusal != null) {
            notStarted(run, refusal);
        }
    }

    @Override
    public void stop(Run run, long graceMillis) {
        run.markStopping();
        if (roster.takeBack(run)) {
            notStarted(run, NOT_BEGUN);
            return;
        }
        Worker worker = roster.workerOf(run);
        if (worker == null) {
            return;
        }
        if (graceMillis <= 0) {
            makeStop(worker, run, Duration.ZERO);
        } else {
            worker.sendToTask(new Message.ToWorker.Cancel(run.id().toString()));
            later(graceMillis, () -> makeStop(worker, run, FROM_TERM_TO_KILL));
        }
    }

    /** Ends the worker if it still has the run. The end of the run is told when nothing of the worker is left. */
    private void makeStop(Worker worker, Run run, Duration grace) {
        if (roster.giveUp(worker, run)) {
            worker.terminate(grace);
        }
    }

    @Override
    public void configure(PoolSettings settings) {
        this.settings = settings;
        roster.configure(settings);
        // Now: the next run must not find a worker that the settings have no place for.
        letIdleGo();
    }

    @Override
    public CompletableFuture<Void> close() {
        roster.close().forEach(this::leave);
        later(0, this::finishClose);
        return closed;
    }

    @Override
    public List<WorkerView> workers() {
        return roster.present().stream()
                .map(seen -> seen.view().withMemory(seen.worker().residentBytes()))
                .toList();
    }

    @Override
    public RunnerStatus status() {
        return roster.status();
    }

    @Override
    public Signalled signal(String workerId, String signal) {
        for (Roster.Seen seen : roster.present()) {
            if (seen.view().id().equals(workerId)) {
                return seen.worker().signal(signal) ? Signalled.SENT : Signalled.NO_PROCESS;
            }
        }
        return Signalled.NO_SUCH_WORKER;
    }

    @Override
    public void terminate(long graceMillis) {
        roster.giveUpAll().forEach(worker -> worker.terminate(Duration.ofMillis(graceMillis)));
    }

    // --- the life of a worker ---

    /** How to start a worker: within the limits that hold for the pool now. */
    private ProcessSpec spec(WorkerSocket at, Worker worker) {
        ProcessSpec spec = type.spec(at.path(), worker.token);
        Limits limits = settings.limits().ofWorker();
        return limits.isNone() ? spec : spec.withLimits(ProcessLimits.of(limits));
    }

    private void spawn() {
        byte[] secret = new byte[16];
        random.nextBytes(secret);
        Worker worker = new Worker(ids.text(ids.next()), HexFormat.of().formatHex(secret));
        if (!roster.begin(worker)) {
            return;
        }
        try {
            if (socket == null) {
                socket = new WorkerSocket(socketFolder, "pool-" + pool + "-worker", this::connected);
            }
            ChildProcess child = spawner.start(spec(socket, worker), worker);
            worker.started(child);
            if (roster.isLeaving(worker)) {
                // It was given up while it was being started, when there was no process to be ended.
                worker.terminate(Duration.ZERO);
            }
            later(type.startTimeout().toMillis(), () -> endSilent(worker));
            child.exit().thenAccept(exit -> later(0, () -> ended(worker, exit)));
        } catch (IOException | RuntimeException e) {
            LOG.warn("a worker of pool {} could not be started: {}", pool, e.getMessage());
            bury(worker, null, String.valueOf(e.getMessage()));
        }
    }

    private void endSilent(Worker worker) {
        if (worker.channel == null) {
            worker.terminate(Duration.ZERO);
        }
    }

    /** The life of a connection, on its own thread. */
    private void connected(FrameChannel channel) {
        Worker worker = null;
        try {
            byte[] first = channel.read();
            Message hello = first == null ? null : Message.fromWorker(first);
            if (hello instanceof Message.FromWorker.Hello said && said.protocol() == Message.PROTOCOL) {
                worker = roster.welcome(said.token());
                if (worker != null) {
                    Worker welcome = worker;
                    worker.connected(channel, said);
                    later(0, () -> initialize(welcome)); // not here: only the keeper knows that its start is complete
                    watch(worker, channel, said.heartbeatMillis());
                    listen(worker, channel);
                }
            }
            if (worker == null) {
                LOG.warn("a connection to pool {} did not begin with the hello of one of its workers", pool);
            }
        } catch (JsonProcessingException | ProtocolException e) {
            // What it is about cannot be known, so it cannot be kept.
            if (worker != null) {
                worker.complain("it sent what cannot be understood: " + firstLine(e));
            }
        } catch (IOException e) {
            LOG.debug("the connection to a worker of pool {} broke: {}", pool, e.getMessage());
        } finally {
            if (worker != null) {
                // It is ending, or has closed its connection and is of no more use.
                roster.gone(worker);
                worker.terminate(AFTER_CONNECTION);
                worker.readToEnd.complete(null);
            }
        }
    }

    /** Ends a worker that has said how often it would be heard, and is not. */
    private void watch(Worker worker, FrameChannel channel, long heartbeatMillis) {
        if (heartbeatMillis > 0) {
            Silence silence = new Silence(heartbeatMillis);
            later(silence.limitMillis(), () -> look(worker, channel, silence));
        }
    }

    private void look(Worker worker, FrameChannel channel, Silence silence) {
        if (worker.readToEnd.isDone()) {
            return;
        }
        long again = silence.after(channel.silentNanos());
        if (again > 0) {
            later(again, () -> look(worker, channel, silence));
        } else {
            worker.complain(silence.complaint());
            worker.terminate(Duration.ZERO);
        }
    }

    private static String firstLine(IOException e) {
        return String.valueOf(e.getMessage()).lines().findFirst().orElse("");
    }

    /** Has a new worker do what each has to do before its first task. */
    private void initialize(Worker worker) {
        WorkerPolicy.Initializer initializer = roster.initializer(worker);
        if (initializer == null) {
            ready(worker);
            return;
        }
        long limit = type.startTimeout().toMillis();
        later(limit, () -> {
            if (worker.initializing()) {
                initializerFailed(
                        worker, "it did not come back within the worker type's start_timeout, " + limit + " ms");
            }
        });
        worker.initialize(initializer, () -> worker.terminate(AFTER_CONNECTION));
    }

    private void initialized(Worker worker) {
        worker.initialized();
        later(0, () -> ready(worker));
    }

    /** What one worker cannot begin with, none can: the pool is broken until it gets other settings. */
    private void initializerFailed(Worker worker, String cause) {
        worker.initialized();
        String message = "the initializer of the workers failed";
        List<Run> refused = roster.refuse(worker, Failure.of(FailureCode.INITIALIZER_FAILED, message + ": " + cause));
        worker.terminate(Duration.ZERO);
        if (refused != null) {
            LOG.error("pool {} is broken: {}: {}", pool, message, cause);
            for (Run each : refused) {
                notStarted(each, Failure.of(FailureCode.INITIALIZER_FAILED, message + ": " + cause));
            }
            broken.accept(new Breakage(FailureCode.INITIALIZER_FAILED, message, cause));
        }
    }

    private static String describe(Message.FromWorker.Failed failed) {
        String type = failed.exceptionType();
        return (type == null ? "" : type + ": ") + failed.message();
    }

    private void ready(Worker worker) {
        follow(worker, roster.ready(worker));
    }

    private void follow(Worker worker, Roster.After after) {
        Run next = after.next();
        if (next != null) {
            deliver(worker, next);
        }
        if (after.leave()) {
            leave(worker);
        }
    }

    private void deliver(Worker worker, Run run) {
        run.onDraining(() -> worker.sendToTask(new Message.ToWorker.Drain()));
        worker.deliver(run, () -> {
            boolean stopped = roster.undelivered(worker, run);
            worker.terminate(AFTER_CONNECTION);
            if (stopped) {
                notStarted(run, NOT_BEGUN);
            }
        });
    }

    private void letIdleGo() {
        roster.idleTooLong().forEach(this::leave);
    }

    /** Asks a worker without a task to exit, and makes it. */
    private void leave(Worker worker) {
        if (worker.channel == null) {
            worker.terminate(Duration.ZERO);
        } else {
            worker.send(new Message.ToWorker.Stop());
            later(LEAVE_LIMIT_MILLIS, () -> worker.terminate(AFTER_CONNECTION));
        }
    }

    // --- what a worker says ---

    private void listen(Worker worker, FrameChannel channel) throws IOException {
        for (byte[] frame = channel.read(); frame != null; frame = channel.read()) {
            Run run = worker.run;
            if (FrameChannel.isOversized(frame)) {
                // What was too large to be read can only have been a result.
                if (run != null) {
                    finished(worker, run, Json.NULL, tooLarge(FrameChannel.MAX_FRAME));
                } else if (worker.initializing()) {
                    initialized(worker);
                }
            } else {
                heard(worker, run, Message.fromWorker(frame));
            }
        }
    }

    private void heard(Worker worker, @Nullable Run run, Message.FromWorker message) {
        switch (message) {
            case Message.FromWorker.Result(String task, Json result)
            when run != null && run.is(task) ->
                finished(worker, run, result, result.size() > maxResultBytes ? tooLarge(result.size()) : null);
            case Message.FromWorker.Failed failed
            when run != null && run.is(failed.task()) -> finished(worker, run, Json.NULL, failure(failed));
            case Message.FromWorker.Snoozed(String task, long delayMillis)
            when run != null && run.is(task) ->
                finished(
                        worker,
                        run,
                        () -> new Ending.Snoozed(
                                Math.min(delayMillis, Snooze.LONGEST.toMillis()),
                                run.output().close(null)));
            case Message.FromWorker.Result(String task, Json _) when worker.initializing(task) -> initialized(worker);
            case Message.FromWorker.Failed failed
            when worker.initializing(failed.task()) -> initializerFailed(worker, describe(failed));
            case Message.FromWorker.Progress(String task, double fraction, String text)
            when run != null && run.is(task) -> run.progress(fraction, text);
            case Message.FromWorker.Output(String task, boolean stderr, String text)
            when run != null && run.is(task) -> {
                byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
                run.output().write(stderr, bytes, 0, bytes.length);
            }
            case Message.FromWorker.Settle(String task) when run != null && run.is(task) -> worker.settlePipes();
            case Message.FromWorker.Heartbeat() -> {} // its bytes were all that it had to say
            case Message.FromWorker.Goodbye() -> roster.goodbye(worker);
            default -> LOG.debug("a worker of pool {} said what nobody waits for: {}", pool, message);
        }
    }

    private Failure tooLarge(long size) {
        return CallableInvoker.tooLarge(size, maxResultBytes);
    }

    private Failure failure(Message.FromWorker.Failed failed) {
        String code = failed.code();
        return new Failure(
                code == null ? FailureCode.EXCEPTION : code,
                failed.message(),
                failed.exceptionType(),
                traces ? failed.traceback() : null,
                failed.data(),
                null,
                null,
                traces
                        ? failed.causes()
                        : failed.causes().stream()
                                .map(Failure.Cause::withoutTrace)
                                .toList());
    }

    private void finished(Worker worker, Run run, Json result, @Nullable Failure failure) {
        finished(
                worker,
                run,
                () -> failure == null
                        ? new Ending.Returned(result, run.output().close(null))
                        : new Ending.Failed(failure, run.output().close(null)));
    }

    private void finished(Worker worker, Run run, Supplier<Ending> ending) {
        worker.settleOutput();
        // The worker is free before the end is told: whoever hears it may start the next run at once.
        follow(worker, roster.finished(worker, run, hasGrown(worker)));
        run.ended(ending.get());
    }

    private boolean hasGrown(Worker worker) {
        Long limit = roster.maxMemoryBytes();
        Long bytes = limit == null ? null : worker.residentBytes();
        return limit != null && bytes != null && bytes > limit;
    }

    // --- its end ---

    private void ended(Worker worker, Exit exit) {
        // From here on nobody can connect as this worker.
        roster.welcome(worker.token);
        if (worker.channel == null) {
            bury(worker, exit, worker.cause(exit));
        } else {
            // Its last words may be on their way still: a result is not lost because its worker was quick to go.
            worker.readToEnd.thenRun(() -> later(0, () -> bury(worker, exit, worker.cause(exit))));
        }
    }

    private void bury(Worker worker, @Nullable Exit exit, String cause) {
        if (worker.initializing()) {
            initializerFailed(worker, cause);
        }
        Roster.Loss loss = roster.buried(worker);
        Run run = loss.run();
        if (run != null) {
            Task.Output output = run.output().close(null);
            ProcessExit end = exit == null ? null : ExitRecord.of(exit);
            run.ended(new Ending.Failed(died(exit, end, cause), end == null ? output : output.withExit(end)));
        }
        // After that: the task that the worker held has the evidence, the others fail because of it.
        if (loss.breaks()) {
            broken.accept(new Breakage(FailureCode.WORKER_DIED, "a worker was lost", cause));
        }
        for (Run each : loss.hopeless()) {
            notStarted(each, "no worker could be started; the last one: " + cause);
        }
        finishClose();
    }

    private Failure died(@Nullable Exit exit, @Nullable ProcessExit end, String cause) {
        ResourceLimits.Kind limit = exit == null ? null : exit.limit();
        String code = ProcessLimits.code(limit);
        String message = "the worker was lost: " + cause;
        if (limit != null) {
            message = ProcessLimits.sentence(limit, settings.limits().ofWorker()) + "; " + message;
        }
        return new Failure(
                code == null ? FailureCode.WORKER_DIED : code,
                message,
                null,
                null,
                null,
                end == null ? null : end.code(),
                end == null ? null : end.signal());
    }

    private static void notStarted(Run run, String reason) {
        notStarted(run, Failure.of(FailureCode.START_FAILED, reason));
    }

    private static void notStarted(Run run, Failure failure) {
        run.ended(new Ending.NotStarted(failure, run.output().close(null)));
    }

    private void finishClose() {
        if (!roster.isDeserted()) {
            return;
        }
        keeper.shutdownNow();
        WorkerSocket open = socket;
        socket = null;
        if (open != null) {
            try {
                open.close();
            } catch (IOException e) {
                LOG.warn("the socket of pool {} could not be removed: {}", pool, e.getMessage());
            }
        }
        closed.complete(null);
    }

    /** Has the keeper do something; a pool that is closed has nothing left to do. */
    private void later(long delayMillis, Runnable step) {
        try {
            keeper.schedule(() -> guarded(step), delayMillis, TimeUnit.MILLISECONDS);
        } catch (RejectedExecutionException e) {
            LOG.debug("pool {} is closed", pool);
        }
    }

    private void guarded(Runnable step) {
        try {
            step.run();
        } catch (RuntimeException | Error e) {
            LOG.error("a step of pool {} failed", pool, e);
        }
    }
}
