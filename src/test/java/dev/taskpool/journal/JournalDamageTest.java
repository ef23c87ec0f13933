package dev.taskpool.journal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;

/** Bytes that are not what was written: cut at every byte, flipped at every byte, in the middle, in a header, whole files gone. */
final class JournalDamageTest {
    private static final Journal.Options REFUSE = new Journal.Options(Durability.FSYNC, 512, Repair.REFUSE);
    private static final Journal.Options TRUNCATE = new Journal.Options(Durability.FSYNC, 512, Repair.TRUNCATE);

    private final Random random = new Random(3);
    private final List<byte[]> written = new ArrayList<>();

    @Test
    void aJournalCutAtAnyByteDeliversExactlyTheWholeFramesAndGoesOn() throws IOException {
        SimulatedDisk whole = written(3, 60);
        String name = segment(2);
        byte[] bytes = whole.content(name).clone();
        int frame = Frame.bytes(60);
        for (int cut = SegmentHeader.BYTES; cut <= bytes.length; cut++) {
            SimulatedDisk disk = copy(whole);
            disk.content(name, Arrays.copyOf(bytes, cut));
            int frames = Math.min(3, (cut - SegmentHeader.BYTES) / frame);

            assertThat(deliveredThenAppended(disk, REFUSE)).as("cut at %d", cut).isEqualTo(frames);
        }
    }

    @Test
    void aJournalZeroedFromAnyByteDeliversExactlyTheWholeFramesAndGoesOn() throws IOException {
        SimulatedDisk whole = written(3, 60);
        String name = segment(2);
        byte[] bytes = whole.content(name).clone();
        int frame = Frame.bytes(60);
        for (int cut = SegmentHeader.BYTES; cut <= bytes.length; cut++) {
            SimulatedDisk disk = copy(whole);
            byte[] zeroed = bytes.clone();
            Arrays.fill(zeroed, cut, zeroed.length, (byte) 0);
            disk.content(name, zeroed);
            // The last 4 bytes of a frame here are padding and zero anyway.
            int frames = Math.min(3, (cut - SegmentHeader.BYTES + 4) / frame);

            assertThat(deliveredThenAppended(disk, REFUSE))
                    .as("zeros from %d", cut)
                    .isEqualTo(frames);
        }
    }

    @Test
    void noFlippedByteIsEverDelivered() throws IOException {
        SimulatedDisk whole = written(9, 90);
        int torn = 0;
        int corrupt = 0;
        for (String name : whole.list()) {
            for (int at = 0; at < whole.content(name).length; at++) {
                for (int flip : new int[] {0x01, 0x80, 0xFF}) {
                    SimulatedDisk disk = copy(whole);
                    disk.content(name)[at] ^= (byte) flip;
                    try {
                        int delivered = deliveredThenAppended(disk, REFUSE);
                        boolean lastSegment = name.equals(segment(whole.list().size() + 1));
                        assertThat(delivered)
                                .as("%s flipped at %d by %x", name, at, flip)
                                .isBetween(lastSegment ? 8 : 9, 9);
                        torn += 9 - delivered;
                    } catch (JournalCorruptException e) {
                        corrupt++;
                        assertThat(deliveredThenAppended(copyFlipped(whole, name, at, flip), TRUNCATE))
                                .isEqualTo((int) e.lastGoodSequence());
                    }
                }
            }
        }
        // Every bit of the last frame counts as torn, every one of the others and of the headers as corrupt.
        assertThat(torn).isEqualTo(3 * Frame.bytes(90));
        assertThat(corrupt).isEqualTo(3 * (8 * Frame.bytes(90) + 3 * SegmentHeader.BYTES));
    }

    @Test
    void aRefusalNamesThePlaceAndTheWayOut() throws IOException {
        SimulatedDisk disk = written(9, 90);
        disk.content(segment(3))[SegmentHeader.BYTES + Frame.bytes(90) + 30]++;

        JournalCorruptException e =
                catchThrowableOfType(JournalCorruptException.class, () -> delivered(disk, REFUSE, 0));

        assertThat(e.file()).isEqualTo(segment(3));
        assertThat(e.offset()).isEqualTo(SegmentHeader.BYTES + Frame.bytes(90));
        assertThat(e.lastGoodSequence()).isEqualTo(4);
        assertThat(e.followingFrames()).isEqualTo(4);
        assertThat(e)
                .hasMessage(
                        "journal-0000000000000003.log is damaged at offset 184: frame 5 is missing or does not match its "
                                + "checksum. The last good frame is 4; 4 valid frames follow the damage. Nothing was changed. Restore "
                                + "the journal's directory from a copy, or set store.journal_repair: truncate to give up everything "
                                + "after frame 4.");
    }

    @Test
    void aRefusalDeliversAndChangesNothing() throws IOException {
        SimulatedDisk disk = written(9, 90);
        disk.content(segment(3))[200]++;
        SimulatedDisk before = copy(disk);

        assertThatThrownBy(() -> Journal.open(
                        disk,
                        REFUSE,
                        0,
                        (sequence, payload) -> {
                            throw new AssertionError("delivered " + sequence);
                        },
                        random::nextLong))
                .isInstanceOf(JournalCorruptException.class);

        assertThat(disk.list()).isEqualTo(before.list());
        for (String name : before.list()) {
            assertThat(disk.content(name)).isEqualTo(before.content(name));
        }
    }

    @Test
    void truncateSetsLaterSegmentsAsideAndTheNextStartNeedsNoRepair() throws IOException {
        SimulatedDisk disk = written(9, 90);
        disk.content(segment(3))[SegmentHeader.BYTES + Frame.bytes(90) + 30]++;

        assertThat(deliveredThenAppended(disk, TRUNCATE)).isEqualTo(4);

        assertThat(disk.list()).contains("journal-0000000000000004.corrupt").doesNotContain(segment(4));
        disk.cutPower();
        List<byte[]> again = delivered(disk, REFUSE, 0);
        assertThat(again).hasSize(6); // 4, and the 2 that were appended after the repair
        assertThat(again.subList(0, 4)).usingElementComparator(Arrays::compare).isEqualTo(written.subList(0, 4));
    }

    @Test
    void aMissingSegmentIsCorruptUnlessTheDatabaseHasItsFrames() throws IOException {
        SimulatedDisk disk = written(9, 90);
        disk.delete(segment(3)); // frames 4 to 6

        assertThatThrownBy(() -> delivered(disk, REFUSE, 0))
                .isInstanceOf(JournalCorruptException.class)
                .hasMessageContaining("frame 4 is missing")
                .hasMessageContaining("3 valid frames follow");
        assertThatThrownBy(() -> delivered(disk, REFUSE, 5)).isInstanceOf(JournalCorruptException.class);
        assertThat(delivered(copy(disk), REFUSE, 6)).hasSize(3);
        assertThat(delivered(copy(disk), REFUSE, 7)).hasSize(2);
        assertThat(delivered(copy(disk), TRUNCATE, 0)).hasSize(3);
    }

    @Test
    void damageInWhatTheDatabaseHasDoesNotMatter() throws IOException {
        SimulatedDisk disk = written(9, 90);
        disk.content(segment(2))[5]++;
        disk.content(segment(3))[100]++;

        assertThat(delivered(disk, REFUSE, 6)).hasSize(3);
    }

    @Test
    void aDatabaseOlderThanTheJournalIsRefused() throws IOException {
        SimulatedDisk disk = written(9, 90);
        disk.delete(segment(2));

        assertThatThrownBy(() -> delivered(disk, REFUSE, 2))
                .isInstanceOf(JournalCorruptException.class)
                .hasMessageContaining("begins with frame 4, and those after 2 are in no file");
    }

    @Test
    void aLostJournalGoesOnAfterTheDatabase() throws IOException {
        SimulatedDisk disk = new SimulatedDisk(1);

        try (Journal journal = Journal.open(disk, REFUSE, 41, (sequence, payload) -> {}, random::nextLong)) {
            assertThat(journal.append(ByteBuffer.wrap(new byte[8]))).isEqualTo(42);
        }

        assertThat(delivered(disk, REFUSE, 41)).hasSize(1);
    }

    @Test
    void aJournalThatEndsBeforeTheDatabaseGoesOnAfterIt() throws IOException {
        SimulatedDisk disk = written(2, 90);

        try (Journal journal = Journal.open(disk, REFUSE, 5, (sequence, payload) -> {}, random::nextLong)) {
            assertThat(journal.lastSequence()).isEqualTo(5);
            assertThat(journal.append(ByteBuffer.wrap(new byte[8]))).isEqualTo(6);
        }

        assertThat(delivered(disk, REFUSE, 5)).hasSize(1);
    }

    @Test
    void aNewerFormatIsRefusedWhateverTheRepair() throws IOException {
        SimulatedDisk disk = written(2, 90);
        byte[] header = disk.content(segment(2));
        header[11] = 2;
        CRC32C crc = new CRC32C();
        crc.update(header, 0, 60);
        ByteBuffer.wrap(header).putInt(60, (int) crc.getValue());

        for (Journal.Options options : List.of(REFUSE, TRUNCATE)) {
            assertThatThrownBy(() -> delivered(disk, options, 100))
                    .isInstanceOf(JournalVersionException.class)
                    .hasMessageContaining("journal-0000000000000002.log has journal format 2")
                    .hasMessageContaining("newer version");
        }
        assertThat(disk.list()).contains(segment(2));
    }

    @Test
    void framesOutOfSequenceAreRefused() throws IOException {
        SimulatedDisk disk = written(3, 90);
        byte[] bytes = disk.content(segment(2));
        int frame = Frame.bytes(90);
        byte[] first = Arrays.copyOfRange(bytes, SegmentHeader.BYTES, SegmentHeader.BYTES + frame);
        System.arraycopy(bytes, SegmentHeader.BYTES + frame, bytes, SegmentHeader.BYTES, frame);
        System.arraycopy(first, 0, bytes, SegmentHeader.BYTES + frame, frame);

        assertThatThrownBy(() -> delivered(disk, REFUSE, 0))
                .isInstanceOf(JournalCorruptException.class)
                .hasMessageContaining("frame 1 is missing")
                .hasMessageContaining("3 valid frames follow");
    }

    @Test
    void aSegmentUnderAnothersNameIsRefused() throws IOException {
        SimulatedDisk disk = written(2, 90);
        disk.rename(segment(2), segment(9));

        assertThatThrownBy(() -> delivered(disk, REFUSE, 0))
                .isInstanceOf(JournalCorruptException.class)
                .hasMessageContaining("its header is damaged");
    }

    @Test
    void framesWithinAPayloadOrOfAnEarlierUseOfTheFileAreNotTaken() throws IOException {
        SimulatedDisk disk = new SimulatedDisk(1);
        Journal journal = Journal.open(disk, REFUSE, 0, (sequence, payload) -> {}, random::nextLong);
        for (int i = 0; i < 20; i++) {
            journal.append(ByteBuffer.wrap(new byte[90]));
            journal.release(journal.lastSequence());
        }
        // A look-alike of frame 22, but for the nonce, in the payload of frame 21, whose header is then torn off.
        ByteBuffer fake = ByteBuffer.allocate(Frame.bytes(40));
        Frame.encode(fake, new CRC32C(), 0, 22, ByteBuffer.wrap(new byte[40]));
        journal.append(fake);
        String name = disk.list().stream()
                .filter(each -> each.endsWith(".log"))
                .findFirst()
                .orElseThrow();
        byte[] bytes = disk.content(name);
        int at = SegmentHeader.BYTES + 2 * Frame.bytes(90);
        Arrays.fill(bytes, at, at + Frame.HEADER_BYTES, (byte) 0);

        assertThat(delivered(disk, REFUSE, 18)).hasSize(2);
    }

    @Test
    void foreignFilesAreLeftAlone() throws IOException {
        SimulatedDisk disk = written(2, 90);
        for (String foreign : List.of("README", "journal-x.log", "journal-0000000000000001.logs", "journal-1.log")) {
            disk.create(foreign);
        }

        assertThat(delivered(disk, REFUSE, 0)).hasSize(2);

        assertThat(disk.list()).contains("README", "journal-x.log", "journal-0000000000000001.logs", "journal-1.log");
    }

    /** Writes frames into segments of 512 bytes, which hold 3 of 90 bytes or 5 of 60; the first is number 2. */
    private SimulatedDisk written(int frames, int payloadBytes) throws IOException {
        SimulatedDisk disk = new SimulatedDisk(1);
        Journal journal = Journal.open(disk, REFUSE, 0, (sequence, payload) -> {}, random::nextLong);
        for (int i = 0; i < frames; i++) {
            byte[] payload = new byte[payloadBytes];
            random.nextBytes(payload);
            written.add(payload);
            journal.append(ByteBuffer.wrap(payload));
        }
        journal.close();
        // Numbered from 2 on without gaps, as their spares took the numbers in between.
        SimulatedDisk renumbered = new SimulatedDisk(2);
        long id = 2;
        for (String name : disk.list()) {
            byte[] bytes = disk.content(name).clone();
            ByteBuffer.wrap(bytes).putLong(16, id);
            CRC32C crc = new CRC32C();
            crc.update(bytes, 0, 60);
            ByteBuffer.wrap(bytes).putInt(60, (int) crc.getValue());
            renumbered.create(segment(id)).close();
            renumbered.content(segment(id), bytes);
            id++;
        }
        renumbered.forceDirectory();
        return renumbered;
    }

    private int deliveredThenAppended(SimulatedDisk disk, Journal.Options options) throws IOException {
        List<byte[]> delivered = new ArrayList<>();
        List<byte[]> expected = new ArrayList<>();
        try (Journal journal = Journal.open(
                disk, options, 0, (sequence, payload) -> delivered.add(Ledger.bytes(payload)), random::nextLong)) {
            expected.addAll(delivered);
            for (byte[] payload : List.of(new byte[70], new byte[5])) {
                assertThat(journal.append(ByteBuffer.wrap(payload))).isEqualTo(expected.size() + 1);
                expected.add(payload);
            }
        }
        assertThat(delivered).usingElementComparator(Arrays::compare).isEqualTo(written.subList(0, delivered.size()));
        disk.cutPower();
        assertThat(delivered(disk, REFUSE, 0))
                .usingElementComparator(Arrays::compare)
                .isEqualTo(expected);
        return delivered.size();
    }

    private List<byte[]> delivered(SimulatedDisk disk, Journal.Options options, long after) throws IOException {
        List<byte[]> delivered = new ArrayList<>();
        Journal.open(
                        disk,
                        options,
                        after,
                        (sequence, payload) -> {
                            assertThat(sequence).isEqualTo(after + delivered.size() + 1);
                            delivered.add(Ledger.bytes(payload));
                        },
                        random::nextLong)
                .close();
        return delivered;
    }

    private static SimulatedDisk copy(SimulatedDisk disk) throws IOException {
        SimulatedDisk copy = new SimulatedDisk(5);
        for (String name : disk.list()) {
            copy.create(name).close();
            copy.content(name, disk.content(name));
        }
        copy.forceDirectory();
        return copy;
    }

    private static SimulatedDisk copyFlipped(SimulatedDisk disk, String name, int at, int flip) throws IOException {
        SimulatedDisk copy = copy(disk);
        byte[] bytes = copy.content(name).clone();
        bytes[at] ^= (byte) flip;
        copy.content(name, bytes);
        return copy;
    }

    private static String segment(long id) {
        return FileName.of(id, FileName.Kind.SEGMENT);
    }
}
