package dev.taskpool.http;

import java.time.Duration;

/**
 * How the service is served.
 *
 * @param host address to bind
 * @param port 0 is any free one
 * @param allowUnauthenticated whether the operator wants others to use it without tokens
 * @param maxRequestBytes a larger body is refused
 * @param maxHeaderBytes a larger head is refused
 * @param maxJsonDepth deeper JSON is refused
 * @param maxWait a longer wait is shortened to this
 * @param maxOpenWaits more are answered at once
 * @param idleTimeout a connection that says nothing for so long is closed
 * @param requestThreads platform threads for requests at most
 * @param maxBatchSize items of one batch at most
 * @param maxResultBytes told to clients
 * @param maxOutputBytes told to clients
 * @param docs whether /docs is served
 * @param metrics whether /metrics is served
 * @param version of the service
 */
public record HttpOptions(
        String host,
        int port,
        boolean allowUnauthenticated,
        int maxRequestBytes,
        int maxHeaderBytes,
        int maxJsonDepth,
        Duration maxWait,
        int maxOpenWaits,
        Duration idleTimeout,
        int requestThreads,
        int maxBatchSize,
        long maxResultBytes,
        long maxOutputBytes,
        boolean docs,
        boolean metrics,
        String version) {}
