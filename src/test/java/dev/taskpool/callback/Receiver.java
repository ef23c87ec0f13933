package dev.taskpool.callback;

import com.fasterxml.jackson.databind.JsonNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.taskpool.callable.JsonValues;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** Gets callbacks in a test, on a port of its own. */
public final class Receiver implements AutoCloseable {
    /** What it answers. */
    public record Reply(int status, Map<String, String> headers) {
        public Reply(int status) {
            this(status, Map.of());
        }
    }

    /** Decides what is answered. */
    @FunctionalInterface
    public interface Answering {
        Reply to(Got got);
    }

    /** One request. */
    public record Got(
            String path, String id, String timestamp, String signature, String contentType, String body, long at) {

        public JsonNode json() {
            try {
                return JsonValues.mapper().readTree(body);
            } catch (IOException e) {
                throw new IllegalStateException(body, e);
            }
        }

        /** Whether one of its signatures was made with a key, as a receiver of Standard Webhooks checks it. */
        public boolean signedWith(byte[] key) {
            try {
                Mac mac = Mac.getInstance("HmacSHA256");
                mac.init(new SecretKeySpec(key, "HmacSHA256"));
                byte[] expected = mac.doFinal((id + "." + timestamp + "." + body).getBytes(StandardCharsets.UTF_8));
                for (String each : signature.split(" ")) {
                    if (each.startsWith("v1,")
                            && MessageDigest.isEqual(Base64.getDecoder().decode(each.substring(3)), expected)) {
                        return true;
                    }
                }
                return false;
            } catch (GeneralSecurityException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    private final HttpServer server;
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();

    /** Begins to answer. What it gets goes to a list and is answered 204, but so many are answered 500 before that. */
    public static Receiver collecting(List<Got> got, AtomicInteger failures) {
        return new Receiver(0, got::add, g -> new Reply(failures.getAndDecrement() > 0 ? 500 : 204));
    }

    /** Begins to answer. */
    public static Receiver answering(List<Got> got, Answering answering) {
        return new Receiver(0, got::add, answering);
    }

    /** @param port 0 is any free one */
    public Receiver(int port, Consumer<Got> got, Answering answering) {
        try {
            server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
        server.setExecutor(threads);
        server.createContext("/", exchange -> answer(exchange, got, answering));
        server.start();
    }

    private static void answer(HttpExchange exchange, Consumer<Got> got, Answering answering) throws IOException {
        try (exchange) {
            String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            var headers = exchange.getRequestHeaders();
            Got one = new Got(
                    exchange.getRequestURI().getPath(),
                    String.valueOf(headers.getFirst("webhook-id")),
                    String.valueOf(headers.getFirst("webhook-timestamp")),
                    String.valueOf(headers.getFirst("webhook-signature")),
                    String.valueOf(headers.getFirst("Content-Type")),
                    body,
                    System.currentTimeMillis());
            got.accept(one);
            Reply reply = answering.to(one);
            reply.headers()
                    .forEach((name, value) -> exchange.getResponseHeaders().set(name, value));
            exchange.sendResponseHeaders(reply.status(), -1);
        }
    }

    public static List<Got> list() {
        return new CopyOnWriteArrayList<>();
    }

    public int port() {
        return server.getAddress().getPort();
    }

    public String url(String path) {
        return "http://127.0.0.1:" + port() + path;
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }
}
