package dev.taskpool.http;

import dev.taskpool.model.Ticker;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.function.BooleanSupplier;
import org.eclipse.jetty.ee10.servlet.ServletContextRequest;
import org.eclipse.jetty.io.Content;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a client sends that has its answer already. Jetty closes the connection behind such an answer, without a word of it and while the
 * client sends: it is to be told (RFC 9112, 9.6), and a connection that is closed with something unread is reset, so that a client
 * which reads when it has written never sees its answer. Safe for all threads.
 */
final class UnreadBody {
    private static final Logger LOG = LoggerFactory.getLogger(UnreadBody.class);

    /** Pieces that may be here already; they are taken without waiting. */
    private static final int PIECES_HERE = 16;

    /** How much is taken, for how long, and how long the client may pause. */
    private static final long MAX_BYTES = 64L << 20;

    private static final Duration MAX_TIME = Duration.ofSeconds(5);
    private static final Duration MAX_PAUSE = Duration.ofSeconds(1);

    private final Semaphore permits;
    private final Ticker ticker;

    /** @param most bodies that are taken at once; other connections are closed as they are */
    UnreadBody(int most, Ticker ticker) {
        this.permits = new Semaphore(most);
        this.ticker = ticker;
    }

    /**
     * Returns whether more of a request's body is to come. What is here already is read and forgotten: a small body where none is wanted
     * costs no connection.
     */
    static boolean isLeft(HttpServletRequest request) {
        if (request.getContentLengthLong() <= 0 && request.getHeader("Transfer-Encoding") == null) {
            return false;
        }
        Content.Source rest = ServletContextRequest.getServletContextRequest(request);
        for (int i = 0; i < PIECES_HERE; i++) {
            Content.Chunk chunk = rest.read();
            if (chunk == null || Content.Chunk.isFailure(chunk)) {
                return true;
            }
            chunk.release();
            if (chunk.isLast()) {
                return false;
            }
        }
        return true;
    }

    /** Sends the answer, which has been written, and takes and forgets what comes, for some seconds or until there is no time. */
    void take(HttpServletRequest request, OutputStream answer, BooleanSupplier hurry) {
        if (hurry.getAsBoolean() || !permits.tryAcquire()) {
            return;
        }
        try {
            answer.close();
            ServletContextRequest.getServletContextRequest(request)
                    .getConnectionMetaData()
                    .getConnection()
                    .getEndPoint()
                    .setIdleTimeout(MAX_PAUSE.toMillis());
            InputStream in = request.getInputStream();
            byte[] forgotten = new byte[16 << 10];
            long until = ticker.nanos() + MAX_TIME.toNanos();
            int taken = 0;
            for (long left = MAX_BYTES; taken >= 0 && left > 0 && ticker.nanos() < until && !hurry.getAsBoolean(); ) {
                taken = in.read(forgotten);
                left -= taken;
            }
        } catch (IOException | RuntimeException e) {
            LOG.debug("what was sent behind an answer was not read to its end: {}", e.toString());
        } finally {
            permits.release();
        }
    }
}
