package dev.taskpool.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class TextStreamTest {
    private final List<String> said = new ArrayList<>();
    private final TextStream stream = new TextStream(said::add);

    @Test
    void charactersAreNotCut() throws Exception {
        String text = "aä€😀".repeat(5_000);
        for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
            stream.write(b);
            if (said.size() < 50) {
                stream.flush();
            }
        }
        stream.end();
        assertThat(String.join("", said)).isEqualTo(text);
        assertThat(said).noneMatch(part -> part.indexOf('\uFFFD') >= 0);
    }

    @Test
    void malformedBytesAreReplacedAndForgottenWithTheTask() {
        stream.write(new byte[] {'a', (byte) 0xFF, 'b', (byte) 0xE2, (byte) 0x82}, 0, 5);
        stream.end();
        stream.write(new byte[] {'c'}, 0, 1);
        stream.end();
        assertThat(String.join("|", said)).isEqualTo("a\uFFFDb|\uFFFD|c");
    }
}
