package dev.taskpool.worker;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Where the workers of one pool connect: a socket in a folder that only this user can enter. */
public final class WorkerSocket implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(WorkerSocket.class);

    /** sun_path of unix(7) has 108 bytes with the NUL. */
    private static final int MAX_PATH_BYTES = 107;

    private static final long RETRY_NANOS = 100_000_000;

    private final Path folder;
    private final Path path;
    private final ServerSocketChannel server;

    /**
     * Listens.
     *
     * @param parent made where it is missing; a short path
     * @param thread name of its threads
     * @param connected is given each connection on a thread of its own, which ends with it
     * @throws IOException where the path is too long, or the socket cannot be made
     */
    public WorkerSocket(Path parent, String thread, Consumer<FrameChannel> connected) throws IOException {
        Files.createDirectories(parent);
        folder = Files.createTempDirectory(
                parent.toAbsolutePath(),
                "w",
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        path = folder.resolve("s");
        server = listen();
        AtomicLong number = new AtomicLong();
        Thread.ofPlatform().daemon().name(thread + "-accept").start(() -> {
            while (server.isOpen()) {
                accept(thread + "-" + number.incrementAndGet(), connected);
            }
        });
    }

    private void accept(String thread, Consumer<FrameChannel> connected) {
        try {
            SocketChannel channel = server.accept();
            // A platform thread: it wakes up faster than a virtual one, and there is a whole process to it anyway.
            Thread.ofPlatform().daemon().name(thread).start(() -> serve(channel, connected));
        } catch (ClosedChannelException e) {
            LOG.debug("{} is closed", path);
        } catch (IOException e) {
            // Descriptors are short, as a rule; a worker waits in the queue of the socket until there is one.
            LOG.warn("a worker cannot connect for now: {}", e.getMessage());
            LockSupport.parkNanos(RETRY_NANOS);
        }
    }

    private ServerSocketChannel listen() throws IOException {
        try {
            int bytes = path.toString().getBytes(StandardCharsets.UTF_8).length;
            if (bytes > MAX_PATH_BYTES) {
                throw new IOException(
                        "the path of a socket has at most " + MAX_PATH_BYTES + " bytes, and " + path + " has " + bytes);
            }
            ServerSocketChannel channel = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
            try {
                return channel.bind(UnixDomainSocketAddress.of(path), 128);
            } catch (IOException e) {
                channel.close();
                throw e;
            }
        } catch (IOException e) {
            Files.deleteIfExists(folder);
            throw e;
        }
    }

    private static void serve(SocketChannel channel, Consumer<FrameChannel> connected) {
        try (FrameChannel frames = new FrameChannel(channel)) {
            connected.accept(frames);
        } catch (IOException e) {
            LOG.debug("a connection could not be closed", e);
        }
    }

    /** Returns the path to connect to. */
    public Path path() {
        return path;
    }

    /** Stops listening and removes the folder. Connections stay. */
    @Override
    public void close() throws IOException {
        server.close();
        Files.deleteIfExists(path);
        Files.deleteIfExists(folder);
    }
}
