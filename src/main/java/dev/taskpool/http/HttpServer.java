package dev.taskpool.http;

import dev.taskpool.callable.Registry;
import dev.taskpool.engine.Engine;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.Ticker;
import dev.taskpool.output.OutputFiles;
import io.javalin.Javalin;
import io.javalin.compression.CompressionStrategy;
import io.javalin.config.JavalinConfig;
import io.javalin.http.Context;
import io.javalin.http.HandlerType;
import io.javalin.http.HttpResponseException;
import io.javalin.http.MethodNotAllowedResponse;
import io.javalin.http.NotFoundResponse;
import io.javalin.util.JavalinLogger;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.eclipse.jetty.http.UriCompliance;
import org.eclipse.jetty.http.UriCompliance.Violation;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.handler.GracefulHandler;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/** The service over HTTP. Started once, stopped once. */
public final class HttpServer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(HttpServer.class);
    /** A follower that has not read its end by then is cut off. */
    private static final Duration LAST_WORDS = Duration.ofSeconds(2);

    /** A client that has not read its answer by then is cut off. */
    private static final Duration LAST_ANSWERS = Duration.ofSeconds(5);

    /** What Jetty gets for connections on which nothing is asked any more. */
    private static final Duration LAST_CONNECTIONS = Duration.ofSeconds(5);

    private static final Pattern REQUEST_ID = Pattern.compile("[\\x21-\\x7e]{1,128}");

    /** An answer waits no longer than this behind one whose client does not read. */
    private static final long RELIEF_MILLIS = 50;

    private final HttpOptions options;
    private final Tokens tokens;
    private final BrowserGuard guard;
    private final OpenWaits waits;
    private final LiveAnswers live = new LiveAnswers();
    private final ServiceHandlers service;
    private final List<Route> routes;
    private final QueuedThreadPool threads;
    private final UnreadBody unread;
    private final LateBodies late;
    private final AnswerThreads answers;
    /** Counts requests to the last byte of their answers, suspended ones too. */
    private final GracefulHandler underWay = new GracefulHandler();
    /** Ends waits, and looks after the threads that answer. */
    private final ScheduledThreadPoolExecutor timers;

    private final Javalin javalin;
    private final String idPrefix;
    private final AtomicLong ids = new AtomicLong();
    private volatile boolean closing;

    /**
     * @param workerTypes what PROCESS pools may name
     * @param callbacks says whether a callback address will do
     * @param metrics what {@code /metrics} answers; null for none
     */
    public HttpServer(
            HttpOptions options,
            Engine engine,
            Registry registry,
            OutputFiles outputs,
            Tokens tokens,
            Set<String> workerTypes,
            CallbackCheck callbacks,
            RandomGenerator random,
            @Nullable Supplier<byte[]> metrics) {
        this.options = options;
        this.tokens = tokens;
        this.guard = new BrowserGuard(!tokens.areAsked() && !options.allowUnauthenticated(), options.host());
        this.idPrefix = Long.toHexString(random.nextLong(0x1000000L, 0x10000000L));
        this.timers = new ScheduledThreadPoolExecutor(
                1, Thread.ofPlatform().name("http-timer").daemon(true).factory());
        timers.setRemoveOnCancelPolicy(true);
        this.waits = new OpenWaits(engine, options.maxWait(), options.maxOpenWaits(), timers);
        this.service = new ServiceHandlers(engine, registry, options);
        JsonIn.Source source = new JsonIn.Source(options.maxJsonDepth(), options.maxRequestBytes());
        Submissions submissions =
                new Submissions(source, registry, callbacks, options.maxBatchSize(), options.maxRequestBytes());
        TaskHandlers tasks = new TaskHandlers(engine, waits, submissions);
        this.routes = Routes.table(new Routes.Handlers(
                tasks,
                new ListHandlers(engine),
                new OutputHandlers(tasks, outputs, engine, waits),
                new OrderedOutput(tasks, outputs, engine, waits),
                new ArtifactHandlers(tasks, outputs.artifacts()),
                new CallbackHandlers(engine, tasks, source, callbacks),
                new BatchHandlers(engine, submissions, waits),
                new MapHandlers(engine, waits, submissions, options.maxRequestBytes()),
                new WaitHandler(engine, waits, source),
                new EventHandlers(tasks, outputs, engine, waits),
                new CompletionHandlers(engine, waits, source),
                new PoolHandlers(engine, waits, source, workerTypes),
                new WorkerHandlers(engine),
                service,
                options.docs() ? new Docs() : null,
                metrics));
        this.late = new LateBodies(options.maxRequestBytes());
        this.unread = new UnreadBody(options.requestThreads(), Ticker.SYSTEM);
        this.threads = new QueuedThreadPool(options.requestThreads() + 4, 8, 60_000);
        threads.setName("http");
        this.answers = new AnswerThreads(threads, Runtime.getRuntime().availableProcessors());
        timers.scheduleWithFixedDelay(answers::relieve, RELIEF_MILLIS, RELIEF_MILLIS, TimeUnit.MILLISECONDS);
        this.javalin = Javalin.create(this::configure);
    }

    private void configure(JavalinConfig config) {
        config.startup.showJavalinBanner = false;
        config.startup.showOldJavalinVersionWarning = false;
        config.startup.startupWatcherEnabled = false;
        config.http.defaultContentType = Answer.JSON;
        config.http.prefer405over404 = true;
        config.http.compressionStrategy = CompressionStrategy.NONE;
        config.http.asyncTimeout = 0;
        config.http.maxRequestSize = options.maxRequestBytes();
        config.jetty.threadPool = threads;
        config.jetty.modifyHttpConfiguration(http -> {
            http.setSendServerVersion(false);
            // The name of an artifact may have slashes, which generated clients write as %2F, and percent signs. Routes
            // are found by
            // the
            // path as it was sent, so nothing else becomes reachable by that.
            http.setUriCompliance(UriCompliance.DEFAULT.with(
                    "artifacts", Violation.AMBIGUOUS_PATH_SEPARATOR, Violation.AMBIGUOUS_PATH_ENCODING));
            http.setRequestHeaderSize(options.maxHeaderBytes());
            http.setResponseHeaderSize(Math.max(8192, options.maxHeaderBytes()));
        });
        config.jetty.addConnector((server, http) -> {
            ServerConnector connector =
                    new ServerConnector(server, 1, 1, new org.eclipse.jetty.server.HttpConnectionFactory(http));
            connector.setHost(options.host());
            connector.setPort(options.port());
            connector.setAcceptQueueSize(4096);
            // A suspended request says nothing for as long as it waits.
            connector.setIdleTimeout(
                    Math.max(options.idleTimeout().toMillis(), options.maxWait().toMillis() + 15_000));
            return connector;
        });
        config.jetty.modifyServer(server -> {
            server.setErrorHandler(new TransportErrors());
            server.insertHandler(underWay);
        });
        for (Route route : routes) {
            config.routes.addHttpHandler(route.method(), route.pattern(), context -> handle(context, route));
            if (route.method().equals(HandlerType.GET)) {
                // Left to Javalin, HEAD would be 200 for anything and anybody.
                config.routes.addHttpHandler(HandlerType.HEAD, route.pattern(), context -> handle(context, route));
            }
        }
        config.routes.exception(Exception.class, this::unhandled);
        // Javalin answers its own exceptions itself unless told otherwise by their name.
        config.routes.exception(HttpResponseException.class, this::unhandled);
    }

    /** Binds and answers. */
    public void start() {
        // What is in the way is told by who asked; Javalin would tell it as well, at length.
        JavalinLogger.enabled = false;
        try {
            javalin.start();
        } finally {
            JavalinLogger.enabled = true;
        }
    }

    /** Returns the port that it answers on. */
    public int port() {
        return javalin.port();
    }

    /** Returns how many requests wait. */
    public int openWaits() {
        return waits.count();
    }

    /** Not ready any more, and that is final. */
    public void stopping() {
        service.stopping();
    }

    /** Answers all who wait, with things as they are, and lets nobody wait any more. */
    public void releaseWaits() {
        closing = true;
        waits.release();
        // Jetty's stop does not wait for what is not dispatched: who follows an output gets its end before that.
        live.awaitEnd(LAST_WORDS);
    }

    /** Answers what is under way, and stops. */
    @Override
    public void close() {
        releaseWaits();
        awaitAnswers();
        Server server = javalin.jettyServer().server();
        server.setStopTimeout(LAST_CONNECTIONS.toMillis());
        javalin.stop();
        timers.shutdownNow();
    }

    /** Jetty's stop fails what is being written on connections that were still for a second, so nothing may be by then. */
    private void awaitAnswers() {
        try {
            underWay.shutdown().get(LAST_ANSWERS.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            LOG.warn("{} answers were not read to their end", underWay.getCurrentRequestCount());
        } catch (ExecutionException e) {
            LOG.warn("the answers under way were not waited for", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** The table, for the test that holds it against the contract. */
    List<Route> routes() {
        return routes;
    }

    // --- one request ---

    private void handle(Context context, Route route) {
        String requestId = requestId(context);
        Exchange exchange;
        CompletableFuture<? extends Reply> reply;
        try {
            Caller caller = caller(context, route);
            exchange = new Exchange(context, caller, requestId, options.maxRequestBytes(), route.query());
            if (LateBodies.isLate(context.req())) {
                suspend(
                        context,
                        exchange,
                        () -> late.handle(context.req(), () -> route.handler().handle(exchange)),
                        requestId);
                return;
            }
            reply = route.handler().handle(exchange);
        } catch (RuntimeException e) {
            write(context, problem(e, requestId), requestId);
            return;
        }
        if (reply.isDone()) {
            answer(context, exchange, rendered(reply, requestId), requestId);
        } else {
            suspend(context, exchange, () -> reply, requestId);
        }
    }

    private Caller caller(Context context, Route route) {
        if (route.scope() == Scope.NONE) {
            return Caller.ANYONE;
        }
        guard.check(context.req());
        Caller caller = tokens.caller(context.req().getHeader("Authorization"));
        caller.require(route.scope());
        return caller;
    }

    /** From here on no thread works on the request until its answer is known. */
    private void suspend(
            Context context, Exchange exchange, Supplier<CompletableFuture<? extends Reply>> begin, String requestId) {
        context.future(() -> {
            CompletableFuture<? extends Reply> reply = begin.get();
            return reply.handleAsync(
                    (ready, error) -> {
                        Answer answer = rendered(reply, requestId);
                        if (answer.live() == null) {
                            exchange.answering();
                        }
                        answer(context, exchange, answer, requestId);
                        return answer;
                    },
                    answers);
        });
    }

    /** Writes an answer, or its head where the body takes time and is written behind it. */
    private void answer(Context context, Exchange exchange, Answer answer, String requestId) {
        write(context, answer, requestId);
        LiveBody body = answer.live();
        if (body != null && !context.method().equals(HandlerType.HEAD)) {
            context.future(() -> live.begin(context, requestId, body, exchange::answering));
        }
    }

    private Answer rendered(CompletableFuture<? extends Reply> reply, String requestId) {
        try {
            return reply.join().answer();
        } catch (Exception e) {
            return problem(e, requestId);
        }
    }

    private static Answer problem(Throwable error, String requestId) {
        MDC.put("request", requestId);
        try {
            return Problems.answer(error, requestId);
        } finally {
            MDC.remove("request");
        }
    }

    private void write(Context context, Answer answer, String requestId) {
        context.status(answer.status());
        String type = answer.contentType();
        if (type != null) {
            context.contentType(type);
            if (type.equals("application/octet-stream")) {
                context.res().setCharacterEncoding((String) null); // Bytes have none.
            }
        } else {
            context.res().setContentType(null); // There is none to speak of.
        }
        for (Map.Entry<String, String> header : answer.headers()) {
            context.header(header.getKey(), header.getValue());
        }
        context.header("X-Request-Id", requestId);
        boolean early = answer.live() == null && UnreadBody.isLeft(context.req());
        if (closing || early) {
            context.header("Connection", "close");
        }
        InputStream stream = answer.stream();
        if (context.method().equals(HandlerType.HEAD)) {
            headOnly(context, answer);
        } else if (stream != null) {
            context.result(stream);
        } else if (answer.body().length > 0) {
            body(context, answer.body(), requestId);
        }
        if (early && stream == null) {
            LiveBody rest = out -> unread.take(context.req(), out, () -> closing);
            context.future(() -> live.begin(context, requestId, rest, () -> {}));
        }
        if (LOG.isDebugEnabled()) {
            MDC.put("request", requestId);
            LOG.debug("{} {} {}", context.req().getMethod(), context.req().getRequestURI(), answer.status());
            MDC.remove("request");
        }
    }

    /** Javalin would make a buffer of 32 KiB for each answer to copy it through: most of what a request costs the collector. */
    private static void body(Context context, byte[] body, String requestId) {
        if (context.res().isCommitted()) {
            return; // something went wrong behind an answer that is on its way
        }
        context.res().setContentLength(body.length);
        try {
            context.res().getOutputStream().write(body);
        } catch (IOException e) {
            LOG.debug("answer {} was not written to its end: {}", requestId, e.toString());
        }
    }

    /** RFC 9110 section 9.3.2: the header fields that GET would have, and no content. */
    private static void headOnly(Context context, Answer answer) {
        InputStream stream = answer.stream();
        if (stream == null) {
            if (answer.live() == null) {
                context.res().setContentLengthLong(answer.body().length);
            }
            return;
        }
        try {
            stream.close();
        } catch (IOException e) {
            LOG.debug("the body that nobody wants cannot be closed", e);
        }
    }

    private String requestId(Context context) {
        String given = context.req().getHeader("X-Request-Id");
        return given != null && REQUEST_ID.matcher(given).matches()
                ? given
                : idPrefix + '-' + Long.toString(ids.incrementAndGet(), 36);
    }

    private void unhandled(Exception error, Context context) {
        String requestId = requestId(context);
        Answer answer = switch (error) {
            case MethodNotAllowedResponse e ->
                problem(
                                Problem.of(
                                        ProblemCode.METHOD_NOT_ALLOWED,
                                        context.req().getMethod() + " is not for "
                                                + Exchange.shortened(context.path()) + ", which takes "
                                                + allowed(context)),
                                requestId)
                        .with("Allow", allowed(context));
            case NotFoundResponse e ->
                problem(
                        Problem.of(
                                ProblemCode.ROUTE_NOT_FOUND,
                                "there is nothing at " + Exchange.shortened(context.path())),
                        requestId);
            case HttpResponseException e -> Problems.transport(e.getStatus(), requestId);
            default -> problem(error, requestId);
        };
        write(context, answer, requestId);
    }

    private String allowed(Context context) {
        String path = context.path().replaceFirst("(?<=.)/+$", "");
        return String.join(
                ", ",
                routes.stream()
                        .filter(r -> path.matches(r.pattern()
                                .replace(".", "\\.")
                                .replaceAll("\\{[a-z_]+}", "[^/]+")
                                .replaceAll("<[a-z_]+>", ".+")))
                        .flatMap(r -> r.method().equals(HandlerType.GET)
                                ? Stream.of("GET", "HEAD")
                                : Stream.of(r.method().toString()))
                        .sorted()
                        .toList());
    }
}
