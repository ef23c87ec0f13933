package dev.taskpool.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.taskpool.model.Json;
import dev.taskpool.process.ChildProcess;
import dev.taskpool.process.Exit;
import dev.taskpool.process.OutputSink;
import dev.taskpool.process.Spawner;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class JavaWorkerTest {
    @TempDir
    Path folder;

    @Test
    void endsWithItsServiceInTheMiddleOfATask() throws Exception {
        Path socket = folder.resolve("s");
        try (Spawner spawner = Spawner.best();
                ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            server.bind(UnixDomainSocketAddress.of(socket));
            ChildProcess worker = spawner.start(
                    WorkerType.java("java", folder, 64 << 20, Map.of()).spec(socket, "secret"), OutputSink.DISCARD);
            try (FrameChannel service = new FrameChannel(server.accept())) {
                Message hello = Message.fromWorker(Objects.requireNonNull(service.read()));
                assertThat(hello).isInstanceOfSatisfying(Message.FromWorker.Hello.class, said -> {
                    assertThat(said.token()).isEqualTo("secret");
                    assertThat(said.protocol()).isEqualTo(1);
                });
                Json args = Json.ofValid("[\"hello\"]");
                Json kwargs = Json.ofValid("{\"seconds\":1000}");
                service.write(new Message.ToWorker.Run("t", 1, "demo.print_sleep", args, kwargs, 0).frame());
                assertThat(Message.fromWorker(Objects.requireNonNull(service.read())))
                        .isEqualTo(new Message.FromWorker.Output("t", false, "hello\n"));
                assertThat(worker.exit()).isNotDone();
            }
            Exit exit = worker.exit().get(20, TimeUnit.SECONDS);
            assertThat(exit.status()).isEqualTo(new Exit.Status.Exited(JavaWorker.EXIT_CONNECTION_LOST));
        }
    }
}
