package dev.taskpool.journal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.taskpool.journal.SimulatedDisk.Access;
import dev.taskpool.journal.SimulatedDisk.Fault;
import java.io.IOException;
import java.util.EnumSet;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What happens when the disk throws. The method of the first test is SQLite's: fail the Nth access, for every N. */
final class JournalFaultTest {
    private static final int SEGMENT = 1024;

    private final SimulatedDisk disk = new SimulatedDisk(7);

    @ParameterizedTest
    @EnumSource(Durability.class)
    void whateverAccessFailsNothingAcknowledgedIsLostAndNothingRefusedComesBack(Durability durability)
            throws IOException {
        for (Fault fault : EnumSet.complementOf(EnumSet.of(Fault.NONE))) {
            for (int length : new int[] {1, 2, 3, 5, 10}) {
                int n = 1;
                while (faultIsReached(durability, fault, n, length)) {
                    n++;
                }
                assertThat(n).as("accesses of the script").isGreaterThan(100);
            }
        }
    }

    private static boolean faultIsReached(Durability durability, Fault fault, int from, int length) throws IOException {
        String run = "%s %s at access %d, %d times".formatted(durability, fault, from, length);
        SimulatedDisk disk = new SimulatedDisk(from);
        Ledger ledger = new Ledger(disk, options(durability), new Random(from));
        AtomicBoolean reached = new AtomicBoolean();
        disk.faults((number, access) -> {
            boolean now = number >= from && number < from + length;
            reached.compareAndSet(false, now);
            return now ? fault : Fault.NONE;
        });
        try {
            script(disk, ledger, durability);
            disk.faults((number, access) -> Fault.NONE);
            restart(disk, durability, ledger);
            assertThat(ledger.append(50)).isTrue();
            restart(disk, durability, ledger);
            return reached.get();
        } catch (AssertionError | IOException | RuntimeException e) {
            throw new AssertionError(run, e);
        }
    }

    private static void script(SimulatedDisk disk, Ledger ledger, Durability durability) throws IOException {
        for (int start = 0; start < 3; start++) {
            openWithinSomeAttempts(disk, durability, ledger);
            for (int i = 0; i < 10; i++) {
                ledger.append(i == 4 ? 3000 : 150 + i);
                if (i % 4 == 3) {
                    ledger.apply(Math.max(ledger.applied(), ledger.journal().lastSequence() - 2L * start));
                }
                if (disk.crashed()) {
                    break;
                }
            }
            if (start == 1) {
                ledger.journal().close();
            }
        }
    }

    private static void openWithinSomeAttempts(SimulatedDisk disk, Durability durability, Ledger ledger)
            throws IOException {
        for (int attempt = 0; ; attempt++) {
            if (disk.crashed()) {
                disk.faults((number, access) -> Fault.NONE);
                cut(disk, durability);
            }
            try {
                ledger.open();
                return;
            } catch (IOException e) {
                if (attempt == 12 || e instanceof JournalCorruptException) {
                    throw e;
                }
            }
        }
    }

    private static void restart(SimulatedDisk disk, Durability durability, Ledger ledger) throws IOException {
        cut(disk, durability);
        ledger.open();
    }

    private static void cut(SimulatedDisk disk, Durability durability) {
        if (durability == Durability.FSYNC) {
            disk.cutPower();
        } else {
            disk.kill();
        }
    }

    @Test
    void appendWorksAgainByItselfWhenTheDiskDoes() throws IOException {
        Ledger ledger = opened(Durability.FSYNC);
        ledger.append(100);

        disk.faults((number, access) -> Fault.REFUSE);
        assertThat(ledger.append(100)).isFalse();
        assertThat(ledger.journal().failed()).isTrue();
        assertThat(ledger.append(100)).isFalse();
        disk.faults((number, access) -> Fault.NONE);

        assertThat(ledger.append(100)).isTrue();
        assertThat(ledger.journal().failed()).isFalse();
        disk.cutPower();
        ledger.open();
        assertThat(ledger.journal().lastSequence()).isEqualTo(2);
    }

    @Test
    void aFailedWriteIsTakenBackInPlaceAndItsFileGoesOn() throws IOException {
        Ledger ledger = opened(Durability.FSYNC);
        ledger.append(100);
        disk.faults((number, access) -> number == 1 ? Fault.AFTER : Fault.NONE);

        assertThat(ledger.append(100)).isFalse();

        assertThat(ledger.journal().failed()).isFalse();
        assertThat(ledger.append(100)).isTrue();
        assertThat(disk.list()).containsExactly("journal-0000000000000002.log");
        disk.cutPower();
        ledger.open();
    }

    @Test
    void afterAFailedForceTheFileIsLeftAlone() throws IOException {
        Ledger ledger = opened(Durability.FSYNC);
        ledger.append(100);
        byte[] before = disk.content("journal-0000000000000002.log").clone();
        disk.faults((number, access) -> number == 2 ? Fault.REFUSE : Fault.NONE);

        assertThat(ledger.append(100)).isFalse();
        byte[] cutBack = disk.content("journal-0000000000000002.log").clone();
        assertThat(ledger.append(300)).isTrue();

        assertThat(ledger.journal().failed()).isFalse();
        assertThat(disk.content("journal-0000000000000002.log"))
                .isEqualTo(cutBack)
                .hasSameSizeAs(before);
        assertThat(disk.list()).contains("journal-0000000000000004.log");
    }

    @Test
    void aFrameThatCouldNotBeTakenBackIsVoidOnceALaterOneIsAppended() throws IOException {
        Ledger ledger = opened(Durability.PROCESS);
        ledger.append(100);
        // The write arrives whole and throws, and so does everything after it: the frame lies in the file, sound.
        disk.faults((number, access) -> number == 1 ? Fault.AFTER : Fault.REFUSE);
        assertThat(ledger.append(100)).isFalse();
        assertThat(ledger.journal().failed()).isTrue();

        disk.faults((number, access) -> Fault.NONE);
        assertThat(ledger.append(100)).isTrue();

        disk.kill();
        ledger.open();
        assertThat(ledger.journal().lastSequence()).isEqualTo(2);
    }

    @Test
    void aSegmentOfWhichItIsUnknownWhetherItExistsIsNotAppendedBefore() throws IOException {
        Ledger ledger = opened(Durability.FSYNC);
        ledger.append(600);
        // The next segment gets its name, and then neither that can be forced nor the file removed.
        disk.faults((number, access) ->
                access == Access.FORCE_DIRECTORY || access == Access.DELETE ? Fault.AFTER : Fault.NONE);
        assertThat(ledger.append(600)).isFalse();
        disk.faults((number, access) -> Fault.NONE);

        assertThat(ledger.append(100)).isTrue(); // it would have had room in the first segment

        disk.cutPower();
        ledger.open();
        assertThat(ledger.journal().lastSequence()).isEqualTo(2);
    }

    @Test
    void onAFullDiskSmallFramesStillFitAndLargeOnesAreRefusedUntilThereIsRoom() throws IOException {
        disk.capacity(2 * SEGMENT);
        Ledger ledger = opened(Durability.FSYNC);
        assertThat(ledger.append(500)).isTrue();
        assertThat(ledger.append(800)).isTrue(); // the second segment
        assertThat(ledger.append(500)).isFalse();
        assertThat(ledger.append(100)).isTrue();
        disk.faults((number, access) -> {
            assertThat(access).as("what a refusal costs").isEqualTo(Access.SPACE);
            return Fault.NONE;
        });
        assertThat(ledger.append(100)).isFalse();
        assertThat(ledger.journal().failed()).isFalse();
        disk.faults((number, access) -> Fault.NONE);

        ledger.apply(2);
        assertThat(ledger.append(500)).as("in the recycled first segment").isTrue();

        assertThat(ledger.append(900)).isFalse();
        disk.capacity(3 * SEGMENT);
        assertThat(ledger.append(900)).isTrue();
        disk.cutPower();
        disk.capacity(Long.MAX_VALUE);
        ledger.open();
    }

    @Test
    void aFullDiskDoesNotKeepTheJournalFromOpening() throws IOException {
        disk.capacity(SEGMENT);
        Ledger ledger = opened(Durability.FSYNC);
        ledger.append(500);
        disk.cutPower();

        ledger.open();
        assertThat(ledger.journal().lastSequence()).isEqualTo(1);
        assertThat(ledger.journal().failed()).isTrue();
        assertThat(ledger.append(10)).isFalse();

        ledger.apply(1);
        assertThat(ledger.append(10)).as("in the released segment").isTrue();
    }

    @Test
    void aFullDiskWithNothingToReplayReusesTheFileThatIsThere() throws IOException {
        disk.capacity(SEGMENT);
        Ledger ledger = opened(Durability.FSYNC);
        for (int start = 0; start < 5; start++) {
            ledger.journal().close();
            ledger.open();
            assertThat(ledger.journal().failed()).isFalse();
            assertThat(ledger.append(10)).isTrue();
            ledger.apply(ledger.journal().lastSequence());
        }
    }

    @Test
    void openingThrowsWhatIsNotAFullDisk() {
        disk.faults((number, access) -> access == Access.WRITE ? Fault.REFUSE : Fault.NONE);

        assertThatThrownBy(() -> opened(Durability.PROCESS))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("injected");
    }

    @Test
    void appendsThatFailForLongLeaveNoFilesBehind() throws IOException {
        Ledger ledger = opened(Durability.FSYNC);
        disk.faults((number, access) ->
                access == Access.FORCE || access == Access.FORCE_DIRECTORY ? Fault.REFUSE : Fault.NONE);
        for (int i = 0; i < 20; i++) {
            assertThat(ledger.append(100)).isFalse();
        }
        disk.faults((number, access) -> Fault.NONE);
        assertThat(disk.list()).hasSizeLessThanOrEqualTo(2);

        disk.faults((number, access) -> access == Access.FORCE_DIRECTORY ? Fault.REFUSE : Fault.NONE);
        for (int i = 0; i < 20; i++) {
            assertThat(ledger.append(100)).isFalse();
        }
        disk.faults((number, access) -> Fault.NONE);
        assertThat(disk.list()).hasSizeLessThanOrEqualTo(2);
        assertThat(ledger.append(100)).isTrue();
    }

    @Test
    void aFailedReleaseIsMadeUpForByTheNext() throws IOException {
        Ledger ledger = opened(Durability.FSYNC);
        for (int i = 0; i < 10; i++) {
            ledger.append(500);
        }
        disk.faults((number, access) -> Fault.REFUSE);
        ledger.apply(10);
        assertThat(ledger.journal().bytesHeld()).isZero();
        disk.faults((number, access) -> Fault.NONE);

        ledger.apply(10);

        assertThat(disk.list().stream().filter(name -> name.endsWith(".log"))).hasSize(1);
        assertThat(ledger.append(500)).isTrue();
    }

    private Ledger opened(Durability durability) throws IOException {
        Ledger ledger = new Ledger(disk, options(durability), new Random(1));
        ledger.open();
        return ledger;
    }

    private static Journal.Options options(Durability durability) {
        return new Journal.Options(durability, SEGMENT, Repair.REFUSE);
    }
}
