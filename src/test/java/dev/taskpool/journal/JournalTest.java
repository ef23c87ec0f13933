package dev.taskpool.journal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The journal on real files. */
final class JournalTest {
    private static final int SEGMENT = 4096;

    @TempDir
    @SuppressWarnings("NullAway.Init")
    private Path folder;

    @ParameterizedTest
    @EnumSource(Durability.class)
    void whatWasAppendedIsReplayedInOrderAfterWhatTheDatabaseHas(Durability durability) throws IOException {
        Path directory = folder.resolve("not/there/yet");
        Journal.Options options = new Journal.Options(durability, SEGMENT, Repair.REFUSE);
        try (Journal journal = Journal.open(directory, options, 0, JournalTest::unexpected)) {
            assertThat(journal.lastSequence()).isZero();
            for (int i = 1; i <= 100; i++) {
                assertThat(journal.append(payload(i, 300))).isEqualTo(i);
            }
            assertThat(journal.lastSequence()).isEqualTo(100);
        }

        List<Integer> replayed = new ArrayList<>();
        try (Journal journal = Journal.open(directory, options, 60, (sequence, payload) -> {
            assertThat(payload.isReadOnly()).isTrue();
            assertThat(payload).isEqualTo(payload((int) sequence, 300));
            replayed.add((int) sequence);
        })) {
            assertThat(replayed).hasSize(40).startsWith(61).endsWith(100).isSorted();
            assertThat(journal.append(payload(101, 300))).isEqualTo(101);
        }
    }

    @Test
    void framesOfEverySizeComeBackWhole() throws IOException {
        List<Integer> sizes = new ArrayList<>();
        for (int size = 1; size < 200; size++) {
            sizes.add(size);
        }
        // Around a full segment, larger than one, larger than the buffers, and small again.
        sizes.addAll(List.of(4007, 4008, 4009, 5000, 20_000_000, 3, 1 << 20, 7));
        try (Journal journal = open(0, JournalTest::unexpected)) {
            for (int size : sizes) {
                journal.append(payload(size, size));
            }
        }

        List<Integer> replayed = new ArrayList<>();
        open(0, (sequence, payload) -> {
                    assertThat(payload.equals(payload(payload.remaining(), payload.remaining())))
                            .isTrue();
                    replayed.add(payload.remaining());
                })
                .close();
        assertThat(replayed).isEqualTo(sizes);
    }

    @Test
    void releasedSegmentsAreRecycledAndAtMostTwoSparesAreKept() throws IOException {
        try (Journal journal = open(0, JournalTest::unexpected)) {
            for (int i = 1; i <= 100; i++) {
                journal.append(payload(i, 1000));
            }
            assertThat(files(".log")).hasSize(34); // 3 to a segment
            journal.release(98);
            assertThat(files(".log")).hasSize(2);
            assertThat(files(".spare")).hasSize(2);
            journal.release(100);
            assertThat(files(".log")).as("the one in use stays").hasSize(1);

            for (int i = 101; i <= 1000; i++) {
                journal.append(payload(i, 1000));
                journal.release(i - 1);
            }
            assertThat(files("")).hasSizeLessThanOrEqualTo(4);
        }

        List<Long> replayed = new ArrayList<>();
        open(999, (sequence, payload) -> replayed.add(sequence)).close();
        assertThat(replayed).as("and none of the recycled files' old frames").containsExactly(1000L);
    }

    @Test
    void aSpareIsReadyBeforeItIsNeeded() throws IOException {
        try (Journal journal = open(0, JournalTest::unexpected)) {
            journal.append(payload(1, 1000));
            journal.release(0);
            assertThat(files(".spare")).isEmpty();
            journal.append(payload(2, 1000));
            journal.release(0);
            assertThat(files(".spare")).hasSize(1);
        }
    }

    @Test
    void bytesHeldAreThoseOfTheFramesNotReleased() throws IOException {
        try (Journal journal = open(0, JournalTest::unexpected)) {
            assertThat(journal.bytesHeld()).isZero();
            for (int i = 1; i <= 10; i++) {
                journal.append(payload(i, 1000));
            }
            assertThat(journal.bytesHeld()).isEqualTo(10 * 1024);
            journal.release(5);
            assertThat(journal.bytesHeld()).isEqualTo(5 * 1024);
            journal.release(2);
            assertThat(journal.bytesHeld()).isEqualTo(5 * 1024);
            journal.release(10);
            assertThat(journal.bytesHeld()).isZero();
            journal.append(payload(11, 1));
            assertThat(journal.bytesHeld()).isEqualTo(32);
        }
        try (Journal journal = open(9, (sequence, payload) -> {})) {
            assertThat(journal.bytesHeld()).isBetween(32L, 2 * 1024L);
            journal.release(11);
            assertThat(journal.bytesHeld()).isZero();
        }
    }

    @Test
    void restartsWithoutWorkDoNotPileUpFiles() throws IOException {
        try (Journal journal = open(0, JournalTest::unexpected)) {
            journal.append(payload(1, 1000));
        }
        for (int i = 0; i < 20; i++) {
            List<Long> replayed = new ArrayList<>();
            open(0, (sequence, payload) -> replayed.add(sequence)).close();
            assertThat(replayed).containsExactly(1L);
        }
        assertThat(files("")).hasSizeLessThanOrEqualTo(4);
    }

    @Test
    void sparesOfAnotherLengthAndUnfinishedFilesAreRemoved() throws IOException {
        Files.write(folder.resolve("journal-0000000000000005.spare"), new byte[SEGMENT - 512]);
        Files.write(folder.resolve("journal-0000000000000006.tmp"), new byte[SEGMENT]);

        open(0, JournalTest::unexpected).close();

        assertThat(files("")).singleElement().asString().endsWith("journal-0000000000000008.log");
    }

    @Test
    void anotherThreadMayReleaseWhileFramesAreAppended() throws Exception {
        int frames = 3000;
        AtomicBoolean done = new AtomicBoolean();
        AtomicLong released = new AtomicLong();
        AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
        try (Journal journal = open(0, JournalTest::unexpected)) {
            Thread applier = Thread.ofPlatform().name("applier").start(() -> {
                try {
                    while (!done.get()) {
                        released.set(Math.max(0, journal.lastSequence() - 10));
                        journal.release(released.get());
                        assertThat(journal.bytesHeld()).isNotNegative();
                    }
                } catch (Throwable e) {
                    failure.set(e);
                }
            });
            for (int i = 1; i <= frames; i++) {
                journal.append(payload(i, 1 + i % 1500));
            }
            done.set(true);
            applier.join();
        }

        assertThat(failure.get()).isNull();
        List<Long> replayed = new ArrayList<>();
        open(released.get(), (sequence, payload) -> {
                    int i = (int) sequence;
                    assertThat(payload).isEqualTo(payload(i, 1 + i % 1500));
                    replayed.add(sequence);
                })
                .close();
        assertThat(replayed)
                .isEqualTo(LongStream.rangeClosed(released.get() + 1, frames)
                        .boxed()
                        .toList());
    }

    @Test
    void anInterruptFailsAppendsButLosesNothing() throws IOException {
        try (Journal journal = open(0, JournalTest::unexpected)) {
            journal.append(payload(1, 100));
            Thread.currentThread().interrupt();
            assertThatThrownBy(() -> journal.append(payload(2, 100))).isInstanceOf(ClosedByInterruptException.class);
            assertThatThrownBy(() -> journal.append(payload(2, 100))).isInstanceOf(IOException.class);
            assertThat(journal.failed()).isTrue();
            assertThat(Thread.interrupted()).isTrue();

            assertThat(journal.append(payload(3, 100))).isEqualTo(2);
            assertThat(journal.failed()).isFalse();
        } finally {
            Thread.interrupted();
        }

        List<ByteBuffer> replayed = new ArrayList<>();
        open(0, (sequence, payload) -> replayed.add(ByteBuffer.wrap(Ledger.bytes(payload))))
                .close();
        assertThat(replayed).containsExactly(payload(1, 100), payload(3, 100));
    }

    @Test
    void appendLeavesThePayloadAsItIs() throws IOException {
        try (Journal journal = open(0, JournalTest::unexpected)) {
            ByteBuffer payload = ByteBuffer.wrap(new byte[] {9, 1, 2, 3, 9}, 1, 3);
            journal.append(payload);
            assertThat(payload.remaining()).isEqualTo(3);
            journal.append(payload.asReadOnlyBuffer());
        }
        List<byte[]> replayed = new ArrayList<>();
        open(0, (sequence, payload) -> replayed.add(Ledger.bytes(payload))).close();
        assertThat(replayed).containsExactly(new byte[] {1, 2, 3}, new byte[] {1, 2, 3});
    }

    @Test
    void appendAllocatesNextToNothing() throws IOException {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long me = Thread.currentThread().threadId();
        int frames = 2000;
        try (Journal journal =
                Journal.open(folder, Journal.Options.of(Durability.PROCESS), 0, JournalTest::unexpected)) {
            ByteBuffer payload = payload(1, 1000);
            journal.append(payload);
            long before = threads.getThreadAllocatedBytes(me);
            for (int i = 0; i < frames; i++) {
                journal.append(payload);
            }
            long each = (threads.getThreadAllocatedBytes(me) - before) / frames;

            assertThat(each).as("bytes for each append").isLessThan(100);
        }
    }

    @Test
    void paddingIsZeroAndNotWhatTheBufferHeld() throws IOException {
        try (Journal journal = open(0, JournalTest::unexpected)) {
            ByteBuffer ones = ByteBuffer.allocate(8);
            journal.append(ones.putLong(0, -1));
            journal.append(ones.limit(1));
        }
        byte[] file = Files.readAllBytes(files(".log").getFirst());
        int end = SegmentHeader.BYTES + 2 * Frame.bytes(8);
        assertThat(Arrays.copyOfRange(file, end - 8, end)).containsExactly(-1, 0, 0, 0, 0, 0, 0, 0);
    }

    @Test
    void misuseIsRefused() throws IOException {
        Journal journal = open(0, JournalTest::unexpected);
        assertThatIllegalArgumentException().isThrownBy(() -> journal.append(ByteBuffer.allocate(0)));
        assertThatIllegalArgumentException().isThrownBy(() -> journal.release(1));
        journal.close();
        assertThatCode(journal::close).doesNotThrowAnyException();
        assertThatIllegalStateException().isThrownBy(() -> journal.append(payload(1, 1)));
        assertThatIllegalArgumentException().isThrownBy(() -> open(-1, JournalTest::unexpected));
        for (int bytes : new int[] {0, 511, 513, -512, (1 << 30) + 512}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new Journal.Options(Durability.FSYNC, bytes, Repair.REFUSE));
        }
    }

    @Test
    void whatReplayThrowsEndsTheOpening() throws IOException {
        try (Journal journal = open(0, JournalTest::unexpected)) {
            journal.append(payload(1, 1));
        }
        IOException own = new IOException("the database said no");
        assertThatThrownBy(() -> open(0, (sequence, payload) -> {
                    throw own;
                }))
                .isSameAs(own);
    }

    private Journal open(long after, Journal.Replay replay) throws IOException {
        return Journal.open(folder, new Journal.Options(Durability.PROCESS, SEGMENT, Repair.REFUSE), after, replay);
    }

    private List<Path> files(String suffix) throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.filter(entry -> entry.toString().endsWith(suffix)).toList();
        }
    }

    private static void unexpected(long sequence, ByteBuffer payload) {
        throw new AssertionError("replayed " + sequence);
    }

    private static ByteBuffer payload(int seed, int bytes) {
        byte[] content = new byte[bytes];
        for (int i = 0; i < bytes; i++) {
            content[i] = (byte) (seed * 31 + i * 7 + (i >> 8));
        }
        return ByteBuffer.wrap(content);
    }
}
