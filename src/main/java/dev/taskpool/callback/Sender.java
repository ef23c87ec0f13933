package dev.taskpool.callback;

import dev.taskpool.model.Ticker;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.client.BytesRequestContent;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.client.Request;
import org.eclipse.jetty.http.HttpCookieStore;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.util.Promise;
import org.eclipse.jetty.util.SocketAddressResolver;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.jspecify.annotations.Nullable;

/**
 * Sends over HTTP. The address that was checked is the one that is connected to: the client resolves by us, and follows no
 * redirect, so a name that changes its address in between gains nothing. It keeps no cookies, and reads no more of an answer
 * than its head.
 */
final class Sender implements AutoCloseable {
    /** An answer that is longer is not read to its end. */
    private static final int MAX_ANSWER_BYTES = 64 << 10;

    private final HttpClient client;
    private final ExecutorService resolvers;
    private final Duration timeout;
    private final Ticker ticker;

    /**
     * What came back.
     *
     * @param status of HTTP; 0 where there was no answer
     * @param retryAfterMillis what the receiver asked for; 0 where it did not
     * @param error why there was no answer; empty where there was one
     */
    record Answer(int status, long retryAfterMillis, String error) {
        boolean delivered() {
            return status >= 200 && status < 300;
        }
    }

    Sender(Destinations destinations, Duration timeout, Ticker ticker) {
        this.timeout = timeout;
        this.ticker = ticker;
        QueuedThreadPool threads = new QueuedThreadPool(8, 2, 30_000);
        threads.setName("callback-http");
        threads.setDaemon(true);
        // A resolver that does not answer holds its thread: no other name may have to wait for that one.
        resolvers = Executors.newCachedThreadPool(
                Thread.ofPlatform().name("callback-dns-", 1).daemon(true).factory());
        client = new HttpClient();
        client.setExecutor(threads);
        client.setFollowRedirects(false);
        client.setHttpCookieStore(new HttpCookieStore.Empty());
        client.setUserAgentField(new HttpField("User-Agent", "taskpool"));
        client.setConnectTimeout(timeout.toMillis());
        client.setIdleTimeout(Math.max(30_000, timeout.toMillis()));
        client.setMaxConnectionsPerDestination(Lane.MAX_UNDER_WAY);
        client.setMaxRequestsQueuedPerDestination(1024);
        client.setSocketAddressResolver(new SocketAddressResolver() {
            @Override
            public void resolve(
                    String host, int port, Map<String, Object> context, Promise<List<InetSocketAddress>> promise) {
                resolvers.execute(() -> {
                    try {
                        promise.succeeded(checked(destinations, host, port));
                    } catch (UnknownHostException | RuntimeException e) {
                        promise.failed(e);
                    }
                });
            }
        });
    }

    private static List<InetSocketAddress> checked(Destinations destinations, String host, int port)
            throws UnknownHostException {
        String name = host.startsWith("[") ? host.substring(1, host.length() - 1) : host;
        if (!destinations.allowed(host)) {
            throw new UnknownHostException(host + " is not in callbacks.allowed_hosts");
        }
        List<InetSocketAddress> allowed = new ArrayList<>();
        for (InetAddress address : InetAddress.getAllByName(name)) {
            if (destinations.allowed(address)) {
                allowed.add(new InetSocketAddress(address, port));
            }
        }
        if (allowed.isEmpty()) {
            throw new UnknownHostException(
                    host + " has no public address, and callbacks.allow_private_addresses is false");
        }
        return allowed;
    }

    void start() {
        try {
            client.start();
        } catch (Exception e) {
            throw new IllegalStateException("the HTTP client does not start", e);
        }
    }

    /** Sends. The future never fails, and is done soon after the time for a try is over. */
    CompletableFuture<Answer> post(Message message) {
        CompletableFuture<Answer> answer = new CompletableFuture<>();
        try {
            Request request = client.POST(message.url())
                    .timeout(timeout.toMillis(), TimeUnit.MILLISECONDS)
                    .headers(fields -> message.headers().forEach(fields::put))
                    .body(new BytesRequestContent(Message.CONTENT_TYPE, message.body()));
            long[] read = {0};
            request.onResponseContent((response, content) -> {
                read[0] += content.remaining();
                if (read[0] > MAX_ANSWER_BYTES) {
                    response.abort(new IllegalStateException("the answer is longer than anybody reads"));
                }
            });
            request.send(result -> {
                if (result.getResponse() != null && result.getResponse().getStatus() > 0) {
                    answer.complete(new Answer(
                            result.getResponse().getStatus(),
                            RetryAfter.millis(result.getResponse().getHeaders().get("Retry-After"), ticker.millis()),
                            ""));
                } else {
                    answer.complete(new Answer(0, 0, reason(result.getFailure())));
                }
            });
        } catch (RuntimeException e) {
            answer.complete(new Answer(0, 0, reason(e)));
        }
        // The client's own clock begins when the request has a connection.
        return answer.completeOnTimeout(
                new Answer(0, 0, "no answer within callbacks.timeout"),
                timeout.toMillis() + 500,
                TimeUnit.MILLISECONDS);
    }

    private static String reason(@Nullable Throwable failure) {
        return failure == null
                ? "no answer"
                : failure.getClass().getSimpleName()
                        + (failure.getMessage() == null ? "" : ": " + failure.getMessage());
    }

    @Override
    public void close() {
        resolvers.shutdownNow();
        try {
            client.stop();
        } catch (Exception e) {
            throw new IllegalStateException("the HTTP client does not stop", e);
        }
    }
}
