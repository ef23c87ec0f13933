package dev.taskpool.journal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JournalReadTest {
    @TempDir
    Path directory;

    private Journal open(long keptBytes, long after) throws Exception {
        return Journal.open(
                directory,
                new Journal.Options(Durability.PROCESS, 1024, Repair.REFUSE, keptBytes),
                after,
                (sequence, payload) -> {});
    }

    private static void append(Journal journal, int frames) throws IOException {
        for (int i = 0; i < frames; i++) {
            long next = journal.lastSequence() + 1;
            journal.append(ByteBuffer.allocate(100).putLong(0, next));
        }
    }

    private static List<Long> read(Journal journal, long after) throws IOException {
        List<Long> read = new ArrayList<>();
        journal.read(after, journal.lastSequence(), (sequence, payload) -> {
            assertThat(payload.getLong(0)).isEqualTo(sequence);
            read.add(sequence);
        });
        return read;
    }

    private static List<Long> numbers(long from, long to) {
        return LongStream.rangeClosed(from, to).boxed().toList();
    }

    @Test
    void readsAgainWhatIsHeldAndWhatIsOnlyKept() throws Exception {
        try (Journal journal = open(1 << 20, 0)) {
            append(journal, 40);
            assertThat(journal.oldest()).isEqualTo(1);
            assertThat(read(journal, 0)).isEqualTo(numbers(1, 40));
            assertThat(read(journal, 23)).isEqualTo(numbers(24, 40));
            assertThat(read(journal, 40)).isEmpty();
            journal.release(40, 0);
            append(journal, 2);
            assertThat(read(journal, 0)).isEqualTo(numbers(1, 42));
        }
        try (Journal journal = open(1 << 20, 42)) {
            append(journal, 1);
            assertThat(journal.oldest()).isEqualTo(1);
            assertThat(read(journal, 0)).isEqualTo(numbers(1, 43));
        }
    }

    @Test
    void saysWhatIsGone() throws Exception {
        try (Journal journal = open(4 << 10, 0)) {
            append(journal, 100);
            journal.release(100, 0);
            long oldest = journal.oldest();
            assertThat(oldest).isGreaterThan(1);
            assertThat(read(journal, oldest - 1)).isEqualTo(numbers(oldest, 100));
            assertThatThrownBy(() -> read(journal, oldest - 2)).isInstanceOf(FramesGoneException.class);
        }
    }
}
