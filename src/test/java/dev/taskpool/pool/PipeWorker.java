package dev.taskpool.pool;

import dev.taskpool.model.Json;
import dev.taskpool.worker.FrameChannel;
import dev.taskpool.worker.Message;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;

/** The simplest worker that there can be: its output is what it prints. Echoes its arguments. */
final class PipeWorker {
    private PipeWorker() {}

    public static void main(String[] args) throws IOException {
        FrameChannel channel =
                new FrameChannel(SocketChannel.open(UnixDomainSocketAddress.of(System.getenv("TASKPOOL_SOCKET"))));
        channel.write(new Message.FromWorker.Hello(1, System.getenv("TASKPOOL_TOKEN"), "test", "0", false).frame());
        for (byte[] frame = channel.read(); frame != null; frame = channel.read()) {
            if (Message.toWorker(frame) instanceof Message.ToWorker.Run run) {
                System.out.println("task " + run.task());
                System.err.println("error of " + run.task());
                System.out.flush();
                Json result = switch (run.callable()) {
                    case "surrogate" ->
                        Json.ofValid(new byte[] {'[', '"', (byte) 0xED, (byte) 0xA0, (byte) 0x80, '"', ']'});
                    case "garbage" -> Json.ofValid(new byte[] {'"', (byte) 0xC3, '"'});
                    default -> run.args();
                };
                channel.write(new Message.FromWorker.Result(run.task(), result).frame());
            }
        }
    }
}
