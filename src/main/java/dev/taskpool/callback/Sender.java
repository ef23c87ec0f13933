package dev.taskpool.callback;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.client.BytesRequestContent;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.client.Request;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.util.Promise;
import org.eclipse.jetty.util.SocketAddressResolver;
import org.eclipse.jetty.util.thread.QueuedThreadPool;

/**
 * Sends over HTTP. The address that was checked is the one that is connected to: the client resolves by us, and follows no
 * redirect, so a name that changes its address in between gains nothing.
 */
final class Sender implements AutoCloseable {
    private final HttpClient client;
    private final Duration timeout;

    /**
     * What came back.
     *
     * @param status of HTTP; 0 where there was no answer
     * @param retryAfterSeconds what the receiver asked for; 0 where it did not
     * @param error why there was no answer; empty where there was one
     */
    record Answer(int status, long retryAfterSeconds, String error) {}

    Sender(Destinations destinations, Duration timeout) {
        this.timeout = timeout;
        QueuedThreadPool threads = new QueuedThreadPool(8, 2, 30_000);
        threads.setName("callback-http");
        threads.setDaemon(true);
        client = new HttpClient();
        client.setExecutor(threads);
        client.setFollowRedirects(false);
        client.setUserAgentField(new HttpField("User-Agent", "taskpool"));
        client.setConnectTimeout(timeout.toMillis());
        client.setMaxConnectionsPerDestination(16);
        client.setMaxRequestsQueuedPerDestination(1024);
        client.setSocketAddressResolver(new SocketAddressResolver() {
            @Override
            public void resolve(
                    String host, int port, Map<String, Object> context, Promise<List<InetSocketAddress>> promise) {
                threads.execute(() -> {
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

    /** Sends. The future never fails. */
    CompletableFuture<Answer> post(String url, Map<String, String> headers, byte[] body) {
        CompletableFuture<Answer> answer = new CompletableFuture<>();
        try {
            Request request = client.POST(url)
                    .timeout(timeout.toMillis(), TimeUnit.MILLISECONDS)
                    .headers(fields -> headers.forEach(fields::put))
                    .body(new BytesRequestContent("application/json", body));
            request.send(result -> {
                if (result.getResponse() != null && result.getResponse().getStatus() > 0) {
                    answer.complete(new Answer(
                            result.getResponse().getStatus(),
                            seconds(result.getResponse().getHeaders().get("Retry-After")),
                            ""));
                } else {
                    answer.complete(new Answer(0, 0, String.valueOf(result.getFailure())));
                }
            });
        } catch (RuntimeException e) {
            answer.complete(new Answer(0, 0, e.toString()));
        }
        return answer;
    }

    private static long seconds(@org.jspecify.annotations.Nullable String retryAfter) {
        return retryAfter != null && retryAfter.matches("\\d{1,6}") ? Long.parseLong(retryAfter) : 0;
    }

    @Override
    public void close() {
        try {
            client.stop();
        } catch (Exception e) {
            throw new IllegalStateException("the HTTP client does not stop", e);
        }
    }
}
