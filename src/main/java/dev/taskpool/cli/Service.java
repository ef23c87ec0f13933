package dev.taskpool.cli;

import dev.taskpool.callable.Registry;
import dev.taskpool.callback.Backoff;
import dev.taskpool.callback.Deliveries;
import dev.taskpool.callback.Destinations;
import dev.taskpool.config.Settings;
import dev.taskpool.engine.Drain;
import dev.taskpool.engine.Engine;
import dev.taskpool.engine.EngineOptions;
import dev.taskpool.engine.Observer;
import dev.taskpool.engine.PoolView;
import dev.taskpool.http.BatchJson;
import dev.taskpool.http.HttpServer;
import dev.taskpool.http.TaskJson;
import dev.taskpool.metrics.Metrics;
import dev.taskpool.model.Ticker;
import dev.taskpool.output.OutputFiles;
import dev.taskpool.pool.CallableInvoker;
import dev.taskpool.pool.Scratch;
import dev.taskpool.process.Leftovers;
import dev.taskpool.process.Spawner;
import dev.taskpool.store.Store;
import dev.taskpool.worker.WorkerType;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A whole service: made in order, stopped in the opposite one. */
public final class Service implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Service.class);

    /** Ends the process when the engine finds itself unable to go on: the store has the truth, and the next start reads it. */
    private static final int FATAL = 70;

    /** A socket's path has 107 bytes at most (unix(7)), and the runner adds a folder and a name. */
    private static final int LONGEST_SOCKET_FOLDER = 72;

    private final Settings settings;
    private final Store store;
    private final Engine engine;
    private final HttpServer http;
    private final Deliveries callbacks;
    private final Spawner spawner;
    private final @Nullable Metrics metrics;

    private Service(
            Settings settings,
            Store store,
            Engine engine,
            HttpServer http,
            Deliveries callbacks,
            Spawner spawner,
            @Nullable Metrics metrics) {
        this.settings = settings;
        this.store = store;
        this.engine = engine;
        this.http = http;
        this.callbacks = callbacks;
        this.spawner = spawner;
        this.metrics = metrics;
    }

    /**
     * Starts everything; when it returns, requests are answered.
     *
     * @throws dev.taskpool.store.StorageException where the data folder cannot be used
     * @throws CannotStartException where something else is in the way
     */
    public static Service start(Settings settings, String version) {
        Ticker ticker = Ticker.SYSTEM;
        RandomGenerator random = new SecureRandom();
        prepare(settings.store().directory());
        Store store = Store.open(Composition.store(settings), ticker);
        Spawner spawner = Spawner.best();
        Engine made = null;
        boolean started = false;
        try {
            Leftovers.sweep(settings.store().directory(), spawner.boot());
            Path scratch = settings.store().directory().resolve("scratch");
            Scratch.remove(scratch);
            Path sockets = sockets(settings.store().directory());
            Map<String, WorkerType> workerTypes = Composition.workerTypes(settings);
            Registry registry =
                    Composition.registry(settings, WorkerOffers.ask(workerTypes.values(), spawner, sockets));
            OutputFiles outputs = new OutputFiles(
                    settings.store().directory().resolve("output"),
                    settings.tasks().maxOutputBytes(),
                    settings.store().fsync(),
                    ticker);
            Scratch.remove(outputs.artifacts().unfinished());
            CallableInvoker invoker = new CallableInvoker(
                    settings.tasks().maxResultBytes(), settings.tasks().traces());
            Destinations destinations = new Destinations(
                    settings.callbacks().allowedHosts(), settings.callbacks().allowPrivateAddresses());
            Deliveries callbacks = new Deliveries(
                    destinations,
                    settings.callbacks().secrets(),
                    settings.callbacks().timeout(),
                    new Backoff(
                            settings.callbacks().firstBackoff(),
                            settings.callbacks().maxBackoff(),
                            settings.callbacks().maxAttempts()),
                    task -> TaskJson.bytes(task, null),
                    BatchJson::bytes,
                    ticker,
                    random);
            Runners runners = new Runners(
                    invoker,
                    Composition.templates(settings),
                    workerTypes,
                    spawner,
                    scratch,
                    sockets,
                    settings.tasks().maxResultBytes(),
                    settings.tasks().traces());
            Metrics metrics = settings.metrics() ? new Metrics() : null;
            Engine engine = new Engine(
                    new EngineOptions(
                            settings.tasks().defaultPool(),
                            settings.tasks().retention(),
                            settings.tasks().priorityAgeing(),
                            settings.tasks().window(),
                            Composition.unenforceable()),
                    store,
                    registry,
                    outputs,
                    runners::runner,
                    metrics == null ? callbacks : Observer.both(callbacks, metrics),
                    ticker,
                    random,
                    () -> Runtime.getRuntime().halt(FATAL));
            made = engine;
            engine.start(settings.pools());
            HttpServer http = new HttpServer(
                    Composition.http(settings, version),
                    engine,
                    registry,
                    outputs,
                    Composition.tokens(settings),
                    workerTypes.keySet(),
                    destinations::check,
                    random,
                    metrics == null ? null : scrape(metrics, engine));
            if (metrics != null) {
                gauges(metrics, store, engine, http);
            }
            bind(http, settings);
            callbacks.start(engine);
            started = true;
            return new Service(settings, store, engine, http, callbacks, spawner, metrics);
        } catch (IOException e) {
            throw new CannotStartException("the data folder cannot be used: " + e, e);
        } finally {
            if (!started) {
                if (made != null) {
                    made.close();
                }
                spawner.close();
                store.close();
            }
        }
    }

    private static void prepare(Path data) {
        if (Files.exists(data) && !Files.isDirectory(data)) {
            throw new CannotStartException(
                    "store.directory (TASKPOOL_STORE_DIRECTORY) is " + data.toAbsolutePath()
                            + ", which is a file: name a folder",
                    null);
        }
        try {
            Files.createDirectories(data);
        } catch (IOException e) {
            throw new CannotStartException(
                    "store.directory (TASKPOOL_STORE_DIRECTORY) is " + data.toAbsolutePath()
                            + ", which cannot be created: " + e,
                    e);
        }
    }

    /** Where sockets of workers are: in the data folder, unless its name is longer than the path of a socket may be. */
    private static Path sockets(Path data) throws IOException {
        Path folder = data.toAbsolutePath().resolve("sockets");
        Scratch.remove(folder);
        return folder.toString().length() <= LONGEST_SOCKET_FOLDER
                ? Files.createDirectories(folder)
                : Path.of(System.getProperty("java.io.tmpdir"));
    }

    private static void bind(HttpServer http, Settings settings) {
        try {
            http.start();
        } catch (RuntimeException e) {
            throw new CannotStartException(
                    "cannot listen on " + settings.server().host() + ":"
                            + settings.server().port() + ": " + root(e)
                            + "; " + remedy(e),
                    e);
        }
    }

    private static String remedy(Throwable error) {
        boolean port = root(error).contains("in use") || root(error).contains("denied");
        return port
                ? "set server.port (TASKPOOL_SERVER_PORT) to a free one"
                : "set server.host (TASKPOOL_SERVER_HOST) to an address of this machine";
    }

    private static String root(Throwable error) {
        Throwable t = error;
        while (t.getCause() != null) {
            t = t.getCause();
        }
        return String.valueOf(t.getMessage());
    }

    private static Supplier<byte[]> scrape(Metrics metrics, Engine engine) {
        return () -> {
            List<PoolView> pools;
            try {
                pools = engine.pools().get(5, TimeUnit.SECONDS);
            } catch (ExecutionException | TimeoutException e) {
                LOG.warn("the pools cannot be asked for their figures", e);
                pools = List.of();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                pools = List.of();
            }
            return metrics.scrape(pools);
        };
    }

    private static void gauges(Metrics metrics, Store store, Engine engine, HttpServer http) {
        metrics.gauge("taskpool.open.waits", "Requests that wait", http::openWaits);
        metrics.gauge("taskpool.resident.tasks", "Tasks held in memory", engine::residentTasks);
        metrics.gauge("taskpool.journal.bytes", "Journal that the database does not have yet", store::journalBytes);
        metrics.gauge("taskpool.store.writable", "1 where the last write succeeded", () -> engine.storeAway() ? 0 : 1);
        metrics.gauge(
                "taskpool.draining",
                "1 while the service drains",
                () -> engine.drain().draining() ? 1 : 0);
    }

    /** Returns the port that it answers on. */
    public int port() {
        return http.port();
    }

    /** Returns the time since this process began. */
    static long millisSinceStart() {
        return System.currentTimeMillis() - ManagementFactory.getRuntimeMXBean().getStartTime();
    }

    /**
     * Comes to rest within the grace: readiness off, nothing new, what runs may finish, then it is stopped; every wait is
     * answered. {@link #close} is to follow.
     */
    public void drain(Shutdown shutdown) {
        http.stopping();
        shutdown.awaitUnlessHurried(new CompletableFuture<>(), settings.drain().announce());
        long deadline = System.nanoTime() + settings.drain().grace().toNanos();
        // Kept back for stopping what does not end by itself.
        Duration reserve =
                Duration.ofMillis(Math.min(3_000, settings.drain().grace().toMillis() / 4));
        Drain drain = engine.drain();
        CompletableFuture<Drain.Status> begun = drain.begin(settings.drain().cancelPending());
        long running = status(drain).running();
        if (running > 0 && !shutdown.hurry()) {
            LOG.info(
                    "{} may go on for {}",
                    tasks(running, "running"),
                    text(settings.drain().grace().minus(reserve)));
        }
        shutdown.awaitUnlessHurried(begun, left(deadline));
        CompletableFuture<Void> idle = drain.idle();
        if (!shutdown.awaitUnlessHurried(idle, left(deadline).minus(reserve))) {
            Duration toStop = shutdown.hurry() ? Duration.ZERO : reserve.dividedBy(2);
            drain.stopRunning(toStop.toMillis());
            if (!shutdown.awaitUnlessHurried(idle, left(deadline))) {
                drain.stopRunning(0);
                // Killed or interrupted by now. A thread that ignores that is left: it gets its verdict, and ends with
                // the process.
                await(idle, Duration.ofSeconds(1));
            }
        }
        abandon(drain);
        Drain.Status status = status(drain);
        if (status.pending() > 0) {
            LOG.info(
                    "{} {} kept for the next start",
                    tasks(status.pending(), "pending"),
                    status.pending() == 1 ? "is" : "are");
        }
        http.releaseWaits();
    }

    private static void abandon(Drain drain) {
        if (status(drain).running() > 0) {
            int left = await(drain.abandonRunning(), Duration.ofSeconds(2)).orElse(0);
            if (left > 0) {
                LOG.warn("{} did not stop and {} abandoned", tasks(left, "running"), left == 1 ? "is" : "are");
            } else if (status(drain).running() > 0) {
                LOG.warn("what still runs cannot be written; the next start gives it its verdict");
            }
        }
    }

    /** How far the drain is; asked of the engine, which may be waiting for a disk. */
    private static Drain.Status status(Drain drain) {
        return await(drain.status(), Duration.ofSeconds(5)).orElse(new Drain.Status(true, 0, 0));
    }

    private static String tasks(long count, String which) {
        return count + " " + which + (count == 1 ? " task" : " tasks");
    }

    /** As an operator would write it: {@code 20s}, {@code 1500ms}. */
    static String text(Duration time) {
        return time.toMillisPart() == 0 ? time.toSeconds() + "s" : time.toMillis() + "ms";
    }

    private static Duration left(long deadlineNanos) {
        return Duration.ofNanos(Math.max(0, deadlineNanos - System.nanoTime()));
    }

    /** Waits for something, but no longer than a time. Returns it where it came. */
    private static <T> Optional<T> await(CompletableFuture<T> something, Duration most) {
        try {
            return Optional.ofNullable(something.get(most.toMillis(), TimeUnit.MILLISECONDS));
        } catch (TimeoutException | ExecutionException e) {
            LOG.debug("not waited for any longer", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return Optional.empty();
    }

    /** Stops everything, at once where {@link #drain} did not come before. */
    @Override
    public void close() {
        http.stopping();
        callbacks.close();
        http.close();
        await(engine.drain().closePools(), Duration.ofSeconds(2));
        spawner.close();
        engine.close();
        store.close();
        if (metrics != null) {
            metrics.close();
        }
    }
}
