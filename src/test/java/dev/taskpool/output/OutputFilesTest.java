package dev.taskpool.output;

import static org.assertj.core.api.Assertions.assertThat;

import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import dev.taskpool.model.Ticker;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@org.jspecify.annotations.NullUnmarked
class OutputFilesTest {
    private static final TaskId TASK = new TaskId(0x1234567890abcdefL, 7);

    @TempDir
    Path folder;

    private OutputFiles files(long max) throws IOException {
        return new OutputFiles(folder, max, false, Ticker.SYSTEM);
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static void write(RunOutput run, boolean stderr, byte[] bytes) {
        run.write(stderr, bytes, 0, bytes.length);
    }

    private static void write(RunOutput run, boolean stderr, String text) {
        write(run, stderr, utf8(text));
    }

    private static List<Entry> entries(OutputFiles files, long position, int most) throws IOException {
        List<Entry> all = new ArrayList<>();
        try (OutputReader reader = files.both(TASK)) {
            reader.seek(position);
            for (Entry next = reader.next(most, true); next != null; next = reader.next(most, true)) {
                all.add(next);
            }
        }
        return all;
    }

    private static String told(List<Entry> entries) {
        return entries.stream()
                .map(e -> switch (e) {
                    case Entry.Chunk c ->
                        (c.stderr() ? "e" : "o") + c.attempt() + ":" + new String(c.bytes(), StandardCharsets.UTF_8);
                    case Entry.Dropped d -> (d.stderr() ? "e" : "o") + " dropped " + d.bytes();
                })
                .collect(Collectors.joining("|"));
    }

    private static byte[] stream(OutputFiles files, boolean stderr, long offset) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        byte[] some = new byte[100];
        try (StreamReader reader = files.stream(TASK, stderr)) {
            reader.upTo(files.extents(TASK).of(stderr));
            reader.seek(offset);
            for (int n = reader.read(some, 0, some.length); n > 0; n = reader.read(some, 0, some.length)) {
                all.write(some, 0, n);
            }
        }
        return all.toByteArray();
    }

    private long onDisk() throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            return all.filter(Files::isRegularFile)
                    .mapToLong(f -> f.toFile().length())
                    .sum();
        }
    }

    @Test
    void whoWritesNothingHasNoFile() throws IOException {
        RunOutput run = files(1000).open(TASK, 1, false);
        assertThat(run.close(null)).isEqualTo(Task.Output.NONE);
        assertThat(onDisk()).isZero();
        assertThat(folder).isEmptyDirectory();
        assertThat(files(1000).extents(TASK).position()).isZero();
        assertThat(entries(files(1000), 0, 100)).isEmpty();
    }

    @Test
    void orderOfTheStreamsIsThatOfWriting() throws IOException {
        OutputFiles files = files(1000);
        RunOutput run = files.open(TASK, 1, false);
        write(run, false, "a");
        write(run, true, "b");
        write(run, false, "c");
        write(run, false, "d");
        write(run, true, "e");
        assertThat(told(entries(files, 0, 100))).isEqualTo("o1:a|e1:b|o1:cd|e1:e");
        assertThat(run.close(null)).isEqualTo(new Task.Output(3, 2, 0, 0, false, null));
        assertThat(told(entries(files(5), 0, 100))).isEqualTo("o1:a|e1:b|o1:cd|e1:e");
        assertThat(told(entries(files, 3, 100))).isEqualTo("o1:d|e1:e");
        assertThat(stream(files, false, 1)).asString().isEqualTo("cd");
    }

    @Test
    void laterAttemptsStandBehindEarlierOnes() throws IOException {
        try (RunOutput first = files(1000).open(TASK, 1, false)) {
            write(first, false, "one");
            write(first, true, "bad");
        }
        RunOutput silent = files(1000).open(TASK, 2, true);
        assertThat(silent.close(null)).isEqualTo(new Task.Output(3, 3, 0, 0, false, null));
        RunOutput third = files(1000).open(TASK, 3, true);
        write(third, false, "two");
        assertThat(third.close(1)).isEqualTo(new Task.Output(6, 3, 0, 0, false, 1));
        assertThat(told(entries(files(1000), 0, 100))).isEqualTo("o1:one|e1:bad|o3:two");
    }

    @Test
    void middleIsDroppedAndCounted() throws IOException {
        OutputFiles files = files(10);
        RunOutput run = files.open(TASK, 1, false);
        write(run, false, "0123456789");
        assertThat(told(entries(files, 0, 100))).isEqualTo("o1:0123456789");
        write(run, true, "x");
        write(run, false, "abcdefghij");
        assertThat(told(entries(files, 0, 100))).isEqualTo("o1:01234|o dropped 10|e1:x|o1:fghij");
        assertThat(run.close(null)).isEqualTo(new Task.Output(10, 1, 10, 0, true, null));
        assertThat(told(entries(files, 0, 100))).isEqualTo("o1:01234|o dropped 10|e1:x|o1:fghij");
        assertThat(told(entries(files, 5, 100))).isEqualTo("o dropped 10|e1:x|o1:fghij");
        assertThat(told(entries(files, 6, 100))).isEqualTo("e1:x|o1:fghij");
        assertThat(told(entries(files, 18, 100))).isEqualTo("o1:hij");
        assertThat(stream(files, false, 0)).asString().isEqualTo("01234fghij");
        assertThat(stream(files, false, 7)).asString().isEqualTo("fghij");
        files.delete(TASK);
        assertThat(folder).isEmptyDirectory();
    }

    /** Against a model that keeps everything: each cap, any writes, every place to begin, while it is written and after. */
    @Test
    void whateverIsWrittenIsReadAsItWas() throws IOException {
        for (int seed = 0; seed < 150; seed++) {
            Random random = new Random(seed);
            int max = 2 + random.nextInt(seed % 3 == 0 ? 12 : 400);
            OutputFiles files = files(max);
            byte[] wrote = new byte[0];
            boolean[] ofStderr = new boolean[4000];
            int attempts = 1 + random.nextInt(3);
            for (int attempt = 1; attempt <= attempts; attempt++) {
                RunOutput run = files.open(TASK, attempt, attempt > 1);
                for (int i = random.nextInt(30); i > 0; i--) {
                    byte[] bytes = new byte[1 + random.nextInt(random.nextInt(8) == 0 ? 100 : 10)];
                    random.nextBytes(bytes);
                    boolean stderr = random.nextInt(3) == 0;
                    write(run, stderr, bytes);
                    int before = wrote.length;
                    wrote = Arrays.copyOf(wrote, before + bytes.length);
                    System.arraycopy(bytes, 0, wrote, before, bytes.length);
                    Arrays.fill(ofStderr, before, wrote.length, stderr);
                    if (random.nextInt(5) == 0) {
                        hold(files, max, wrote, ofStderr, random.nextInt(wrote.length + 1), seed);
                    }
                }
                run.close();
            }
            for (int from = 0; from <= wrote.length; from += 1 + random.nextInt(7)) {
                hold(files, max, wrote, ofStderr, from, seed);
            }
            files.delete(TASK);
            assertThat(onDisk()).isZero();
        }
    }

    private static void hold(OutputFiles files, int max, byte[] wrote, boolean[] ofStderr, int from, int seed)
            throws IOException {
        int[] totals = new int[2];
        for (int i = 0; i < wrote.length; i++) {
            totals[ofStderr[i] ? 1 : 0]++;
        }
        ByteArrayOutputStream wanted = new ByteArrayOutputStream();
        ByteArrayOutputStream[] streams = {new ByteArrayOutputStream(), new ByteArrayOutputStream()};
        int[] offsets = new int[2];
        for (int i = 0; i < wrote.length; i++) {
            int s = ofStderr[i] ? 1 : 0;
            int offset = offsets[s]++;
            boolean kept = offset < max - max / 2 || offset >= totals[s] - max / 2;
            if (kept) {
                streams[s].write(wrote[i]);
                if (i >= from) {
                    wanted.write(wrote[i]);
                }
            }
        }
        ByteArrayOutputStream read = new ByteArrayOutputStream();
        long last = -1;
        for (Entry entry : entries(files, from, 17)) {
            if (entry instanceof Entry.Chunk chunk) {
                read.writeBytes(chunk.bytes());
                assertThat(chunk.position()).isGreaterThanOrEqualTo(Math.max(from, last));
                assertThat(wrote[(int) chunk.position()]).isEqualTo(chunk.bytes()[0]);
                last = chunk.end();
            }
        }
        assertThat(read.toByteArray()).as("seed " + seed + " from " + from).isEqualTo(wanted.toByteArray());
        assertThat(stream(files, false, 0)).as("seed " + seed).isEqualTo(streams[0].toByteArray());
        assertThat(stream(files, true, 0)).as("seed " + seed).isEqualTo(streams[1].toByteArray());
        assertThat(files.extents(TASK).position()).isEqualTo(wrote.length);
    }

    /** A kill may leave any prefix of the file: that is read as far as it goes, and the next attempt goes on behind it. */
    @Test
    void everyPrefixIsReadableAndWrittenBehind() throws IOException {
        try (RunOutput run = files(1000).open(TASK, 1, false)) {
            write(run, false, "first");
            write(run, false, "x".repeat(200));
            write(run, false, "last");
        }
        String all = "first" + "x".repeat(200) + "last";
        Path file = new OutputFiles(folder, 1000, false, Ticker.SYSTEM)
                .stream(TASK.sequence(), false).head();
        byte[] whole = Files.readAllBytes(file);
        int before = 0;
        for (int length = 0; length <= whole.length; length++) {
            try (RandomAccessFile cut = new RandomAccessFile(file.toFile(), "rw")) {
                cut.setLength(0);
                cut.write(whole, 0, length);
            }
            String left = new String(stream(files(1000), false, 0), StandardCharsets.UTF_8);
            assertThat(all).startsWith(left);
            assertThat(left.length()).isBetween(before, before + 1);
            before = left.length();
            RunOutput again = files(1000).open(TASK, 2, true);
            write(again, false, "+");
            write(again, true, "-");
            assertThat(again.close(null)).isEqualTo(new Task.Output(left.length() + 1, 1, 0, 0, false, null));
            assertThat(told(entries(files(1000), 0, 1000)))
                    .isEqualTo((left.isEmpty() ? "" : "o1:" + left + "|") + "o2:+|e2:-");
            Files.delete(files(1000).stream(TASK.sequence(), true).head());
        }
        assertThat(before).isEqualTo(all.length());
    }

    @Test
    void charactersAreNotBroken() throws IOException {
        OutputFiles files = files(100_000);
        RunOutput run = files.open(TASK, 1, false);
        byte[] text = utf8("aä€😀z");
        try (OutputReader reader = files.both(TASK)) {
            StringBuilder read = new StringBuilder();
            for (byte b : text) {
                write(run, false, new byte[] {b});
                for (Entry next = reader.next(8, false); next != null; next = reader.next(8, false)) {
                    read.append(told(List.of(next)));
                }
            }
            assertThat(read).asString().isEqualTo("o1:ao1:äo1:€o1:😀o1:z");
            write(run, false, new byte[] {(byte) 0xe2, (byte) 0x82});
            assertThat(reader.next(8, false)).isNull();
            write(run, true, "!");
            assertThat(((Entry.Chunk) reader.next(8, false)).bytes()).containsExactly(0xe2, 0x82);
            assertThat(told(List.of(reader.next(8, false)))).isEqualTo("e1:!");
            write(run, false, new byte[] {(byte) 0xf0});
            assertThat(reader.next(8, false)).isNull();
            run.close();
            assertThat(((Entry.Chunk) reader.next(8, true)).bytes()).containsExactly(0xf0);
            assertThat(reader.next(8, true)).isNull();
        }
    }

    @Test
    void lastLinesAreThoseOfTail() throws IOException {
        OutputFiles files = files(1 << 22);
        try (RunOutput run = files.open(TASK, 1, false)) {
            for (int i = 0; i < 30_000; i++) {
                write(run, i % 3 == 0, "line " + i + "\n");
            }
        }
        try (OutputReader reader = files.both(TASK);
                StreamReader errors = files.stream(TASK, true)) {
            for (int lines : new int[] {1, 2, 9, 7000, 10_000}) {
                reader.seekLines(lines);
                assertThat(((Entry.Chunk) reader.next(20, true)).bytes())
                        .asString(StandardCharsets.UTF_8)
                        .startsWith("line " + (30_000 - lines) + "\n");
                errors.upTo(files.extents(TASK).stderr());
                errors.seekLines(lines);
                byte[] some = new byte[20];
                int n = errors.read(some, 0, 20);
                assertThat(new String(some, 0, n, StandardCharsets.UTF_8))
                        .startsWith("line " + Math.max(0, 30_000 - 3 * lines) + "\n");
            }
            reader.seekLines(0);
            assertThat(reader.next(20, true)).isNull();
        }
    }

    /** The reader of a stream that is faster than it gets pieces and their gaps, each byte at its place. */
    @Test
    void floodTakesLittleOfTheDiskAndSlowReadersMissOnlyTheMiddle() throws IOException {
        int max = 1 << 20;
        OutputFiles files = files(max);
        RunOutput run = files.open(TASK, 1, false);
        byte[] block = new byte[64 * 1024];
        long blocks = 200L * 1024 * 1024 / block.length;
        long most = 0;
        try (OutputReader reader = files.both(TASK)) {
            long next = 0;
            for (long i = 0; i < blocks; i++) {
                Arrays.fill(block, (byte) i);
                write(run, false, block);
                if (i % 100 == 0) {
                    write(run, true, "at " + i + "\n");
                    most = Math.max(most, onDisk());
                }
                Entry entry = i % 50 == 0 ? reader.next(8192, false) : null;
                if (entry != null && !entry.stderr()) {
                    assertThat(entry.offset()).isEqualTo(next);
                    switch (entry) {
                        case Entry.Chunk c -> {
                            assertThat(c.bytes()[0]).isEqualTo((byte) (c.offset() / block.length));
                            next += c.bytes().length;
                        }
                        case Entry.Dropped d -> next += d.bytes();
                    }
                }
            }
        }
        Task.Output output = run.close(0);
        assertThat(output.stdoutBytes()).isEqualTo(max);
        assertThat(output.stdoutDropped()).isEqualTo(blocks * block.length - max);
        assertThat(output.stderrDropped()).isZero();
        assertThat(most).isLessThan(max * 5L / 4);
        assertThat(onDisk()).isLessThan(max * 5L / 4);
    }
}
