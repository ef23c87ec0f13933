package dev.taskpool.http;

import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.locks.ReentrantLock;
import org.eclipse.jetty.ee10.servlet.ServletContextRequest;
import org.eclipse.jetty.io.AbstractEndPoint;
import org.eclipse.jetty.server.internal.HttpConnection;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.thread.Invocable;
import org.jspecify.annotations.Nullable;

/**
 * Notices that the client of a suspended request closed its connection. Jetty reads nothing while a request is suspended,
 * so it would learn of it only when it writes the answer: a wait for a client that is gone would stay for all of its time.
 *
 * <p>While the request is suspended nobody else reads from the connection, so this asks the selector to tell of anything
 * readable. Nothing more to read means that the client is gone. Bytes are the client's next request, sent early: they are
 * handed to the connection, which finds them when this one is answered.
 */
final class ClientWatch implements Callback {
    private static final int EARLY_BYTES = 4096;
    private final HttpConnection connection;
    private final AbstractEndPoint endPoint;
    private final Runnable gone;
    private final ReentrantLock lock = new ReentrantLock();
    /** Guarded by the lock. */
    private boolean ended;

    private ClientWatch(HttpConnection connection, AbstractEndPoint endPoint, Runnable gone) {
        this.connection = connection;
        this.endPoint = endPoint;
        this.gone = gone;
    }

    /** Begins to watch; returns null where the connection is of another kind (TLS, HTTP/2). */
    static @Nullable ClientWatch of(HttpServletRequest request, Runnable gone) {
        var jetty = ServletContextRequest.getServletContextRequest(request);
        if (jetty.getConnectionMetaData() instanceof HttpConnection http
                && http.getEndPoint() instanceof AbstractEndPoint end) {
            ClientWatch watch = new ClientWatch(http, end, gone);
            return end.tryFillInterested(watch) ? watch : null;
        }
        return null;
    }

    /** Returns once this touches the connection no more. */
    void end() {
        // In this order: whoever is looking now may ask to be told once more, and is done when the lock is ours.
        lock.lock();
        try {
            ended = true;
        } finally {
            lock.unlock();
        }
        endPoint.getFillInterest().onFail(new Ended());
    }

    @Override
    public void succeeded() {
        boolean closed = false;
        lock.lock();
        try {
            if (ended) {
                return;
            }
            ByteBuffer early = ByteBuffer.allocate(EARLY_BYTES).limit(0);
            int read = endPoint.fill(early);
            if (read > 0) {
                connection.onUpgradeTo(early);
            } else if (read == 0) {
                endPoint.tryFillInterested(this);
            } else {
                closed = true;
            }
        } catch (IOException e) {
            closed = true;
        } finally {
            lock.unlock();
        }
        if (closed) {
            gone.run();
        }
    }

    @Override
    public void failed(Throwable reason) {
        if (!(reason instanceof Ended) && !(reason instanceof java.util.concurrent.TimeoutException)) {
            gone.run();
        }
    }

    @Override
    public Invocable.InvocationType getInvocationType() {
        return Invocable.InvocationType.NON_BLOCKING;
    }

    /** The answer is being written: nothing went wrong. */
    private static final class Ended extends IOException {
        private static final long serialVersionUID = 1;

        Ended() {
            super("the answer is being written");
        }

        @Override
        public synchronized Throwable fillInStackTrace() {
            return this;
        }
    }
}
