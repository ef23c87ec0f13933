package dev.taskpool.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.taskpool.callable.CallableSpec;
import dev.taskpool.model.Failure;
import dev.taskpool.model.Json;
import dev.taskpool.model.OnLost;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class MessageTest {
    @TempDir
    Path folder;

    private static byte[] bytes(Frame frame) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        frame.parts().forEach(out::writeBytes);
        assertThat(out.size()).isEqualTo(frame.length());
        return out.toByteArray();
    }

    @Test
    void everyMessageComesBackAsItWent() throws IOException {
        Json any = Json.ofValid("{\"ä\": [1.0e0, 99999999999999999999999]}");
        for (Message.FromWorker message : List.<Message.FromWorker>of(
                new Message.FromWorker.Hello(1, "t", "java", "1.0", true),
                new Message.FromWorker.Hello(1, "t", "java", "1.0", false),
                new Message.FromWorker.Hello(1, "t", "python", "1", true, 77, 1500, "SIGUSR2", Json.ofValid("[{}]")),
                new Message.FromWorker.Result("t_1", any),
                new Message.FromWorker.Failed("t_1", "c", "E", "m \"\n\u0000 😀", "trace", any),
                new Message.FromWorker.Failed("t_1", null, null, "", null, null),
                new Message.FromWorker.Failed(
                        "t_1",
                        null,
                        "E",
                        "m",
                        null,
                        null,
                        List.of(new Failure.Cause("C", "c \u20ac", "trace"), new Failure.Cause(null, "", null))),
                new Message.FromWorker.Settle("t_1"),
                new Message.FromWorker.Heartbeat(),
                new Message.FromWorker.Progress("t_1", 0.25, "quarter"),
                new Message.FromWorker.Output("t_1", true, "ä\u2028\n"),
                new Message.FromWorker.Goodbye(),
                new Message.Unknown("later"))) {
            assertThat(Message.fromWorker(bytes(message.frame()))).isEqualTo(message);
        }
        for (Message.ToWorker message : List.<Message.ToWorker>of(
                new Message.ToWorker.Run("t_1", 3, "call.me", any, any, 123),
                new Message.ToWorker.Cancel("t_1"),
                new Message.ToWorker.Drain(),
                new Message.ToWorker.Stop())) {
            assertThat(Message.toWorker(bytes(message.frame()))).isEqualTo(message);
        }
    }

    @Test
    void valuesKeepEachByte() throws IOException {
        Random random = new Random(42);
        for (int i = 0; i < 5_000; i++) {
            StringBuilder text = new StringBuilder();
            value(random, text, 0);
            Json value = Json.ofValid(text.toString());
            Message.ToWorker.Run run = new Message.ToWorker.Run("t", 1, "c", value, Json.ofValid("{}"), 0);
            assertThat(Message.toWorker(bytes(run.frame()))).isEqualTo(run);
            // White space and other orders are a worker's right.
            String other = "{ \"x\":[{}] ,\"result\" : " + text + " ,\"task\":\"t\",\n\"type\" :\"result\" } ";
            assertThat(Message.fromWorker(other.getBytes(StandardCharsets.UTF_8)))
                    .isEqualTo(new Message.FromWorker.Result("t", value));
        }
    }

    private static void value(Random random, StringBuilder out, int depth) {
        switch (random.nextInt(depth > 4 ? 5 : 7)) {
            case 0 -> out.append(random.nextLong()).append(random.nextInt(1_000_000));
            case 1 -> out.append("-0.10E+").append(random.nextInt(400));
            case 2 -> out.append(List.of("true", "false", "null").get(random.nextInt(3)));
            case 3 ->
                out.append("\"\\u00e4\\ud800 €😀\\\"\\\\")
                        .append("y".repeat(random.nextInt(50)))
                        .append('"');
            case 4 -> out.append("\"\"");
            case 5 -> {
                out.append("[ ");
                for (int i = random.nextInt(4); i >= 0; i--) {
                    value(random, out, depth + 1);
                    out.append(i == 0 ? " " : " ,");
                }
                out.append(']');
            }
            default -> {
                out.append("{");
                for (int i = random.nextInt(4); i >= 0; i--) {
                    out.append("\"ä").append(i).append("\" :");
                    value(random, out, depth + 1);
                    out.append(i == 0 ? "\n" : ",");
                }
                out.append('}');
            }
        }
    }

    @Test
    void whatIsNoMessageIsRefused() {
        for (String bad : List.of(
                "",
                "{",
                "[]",
                "null",
                "{}",
                "{\"type\":1}",
                "{\"type\":\"hello\"}",
                "{\"type\":\"stop\"} x",
                "{\"type\":\"result\",\"result\":1}",
                "{\"type\":\"output\",\"task\":\"t\"}",
                "{\"type\":\"hello\",\"token\":\"t\",\"cancel_signal\":\"SIGNOSUCH\"}",
                " {\"type\":\"stop\"}")) {
            assertThat(catchThrowable(() -> Message.fromWorker(bad.getBytes(StandardCharsets.UTF_8))))
                    .as(bad)
                    .isInstanceOf(IOException.class);
        }
    }

    @Test
    void whatAWorkerOffersIsReadStrictly() throws IOException {
        Json offers = Json.ofValid("""
                [{"name":"a:b","description":null,"later":1},
                 {"name":"c","description":"d","schema":{"x":1.0},"on_lost":"retry","max_attempts":3,"timeout_ms":1500}]""");
        List<CallableSpec> specs = Offers.read(offers);
        assertThat(specs).extracting(CallableSpec::name).containsExactly("a:b", "c");
        assertThat(specs.get(0).onLost()).isEqualTo(OnLost.FAIL);
        assertThat(specs.get(1).maxAttempts()).isEqualTo(3);
        assertThat(Offers.read(Offers.write(specs))).isEqualTo(specs);
        assertThat(Offers.read(null)).isEmpty();
        for (String bad : List.of(
                "{}",
                "[{}]",
                "[{\"name\":\"no blanks\"}]",
                "[{\"name\":\"a\",\"on_lost\":\"maybe\"}]",
                "[{\"name\":\"a\",\"schema\":[]}]",
                "[{\"name\":\"a\",\"timeout_ms\":0}]",
                "[{\"name\":\"a\",\"max_attempts\":1000}]")) {
            assertThatThrownBy(() -> Offers.read(Json.ofValid(bad)))
                    .as(bad)
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("callables");
        }
    }

    @Test
    void framesOfAllSizesPassHoweverTheyAreCut() throws Exception {
        UnixDomainSocketAddress address = UnixDomainSocketAddress.of(folder.resolve("s"));
        try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            server.bind(address);
            try (SocketChannel raw = SocketChannel.open(address);
                    FrameChannel reader = new FrameChannel(server.accept())) {
                Random random = new Random(7);
                int[] sizes = {0, 1, 100, 65_000, 65_450, 65_472, 65_473, 65_474, 65_475, 65_536, 131_072, 1_000_000};
                Thread writer = Thread.ofPlatform().name("test-writer").start(() -> {
                    try {
                        FrameChannel frames = new FrameChannel(raw);
                        for (int size : sizes) {
                            frames.write(new Message.FromWorker.Output("t", false, "x".repeat(size)).frame());
                        }
                        byte[] body = bytes(new Message.FromWorker.Output("t", false, "y".repeat(5000)).frame());
                        ByteBuffer cut = ByteBuffer.allocate(body.length + 4)
                                .putInt(body.length)
                                .put(body)
                                .flip();
                        for (int end = 1;
                                end <= cut.capacity();
                                end = Math.min(cut.capacity(), end + 1 + random.nextInt(9))) {
                            cut.limit(end);
                            raw.write(cut);
                            if (end == cut.capacity()) {
                                break;
                            }
                        }
                        raw.write(ByteBuffer.wrap(new byte[] {0, 0, 1, 0, '{'}));
                    } catch (IOException e) {
                        throw new IllegalStateException(e);
                    }
                });
                for (int size : sizes) {
                    assertThat(Message.fromWorker(Objects.requireNonNull(reader.read())))
                            .isEqualTo(new Message.FromWorker.Output("t", false, "x".repeat(size)));
                }
                assertThat(Message.fromWorker(Objects.requireNonNull(reader.read())))
                        .isEqualTo(new Message.FromWorker.Output("t", false, "y".repeat(5000)));
                writer.join();
                raw.shutdownOutput();
                assertThatThrownBy(reader::read).isInstanceOf(IOException.class);
            }
        }
    }
}
