package dev.taskpool.journal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.taskpool.journal.SimulatedDisk.Fault;
import java.io.IOException;
import java.util.Random;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Many lives of a journal, each ended at any access by a kill or a power cut, some on a disk with errors. Seeds are fixed. */
@Execution(ExecutionMode.CONCURRENT)
final class JournalPowerCutTest {
    private static final int SEEDS = 400;
    private static final int LIVES = 8;
    private static final Fault[] ERRORS = {Fault.REFUSE, Fault.PARTIAL, Fault.AFTER, Fault.SHORT};

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void fsyncedFramesSurvivePowerCutsAtAnyAccess(long thousand) {
        for (long seed = thousand * 1000; seed < thousand * 1000 + SEEDS; seed++) {
            live(seed, Durability.FSYNC);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {11, 12})
    void writtenFramesSurviveKillsAtAnyAccess(long thousand) {
        for (long seed = thousand * 1000; seed < thousand * 1000 + SEEDS; seed++) {
            live(seed, Durability.PROCESS);
        }
    }

    private static void live(long seed, Durability durability) {
        Random random = new Random(seed);
        SimulatedDisk disk = new SimulatedDisk(random.nextLong());
        int segmentBytes = 512 << random.nextInt(4);
        boolean keeps = random.nextBoolean();
        Ledger ledger = new Ledger(
                disk, new Journal.Options(durability, segmentBytes, Repair.REFUSE, keeps ? 1 << 30 : 0), random);
        try {
            for (int life = 0; life < LIVES; life++) {
                if (keeps && random.nextInt(3) == 0) {
                    ledger.fallBack();
                }
                if (!keeps && random.nextInt(8) == 0) {
                    disk.capacity(segmentBytes * (1L + random.nextInt(6)));
                }
                disk.faults(faults(random));
                if (open(disk, ledger, durability, random)) {
                    use(disk, ledger, random);
                }
                disk.faults((number, access) -> Fault.NONE);
                disk.capacity(Long.MAX_VALUE);
                end(disk, durability, random);
            }
            ledger.open();
            assertThat(ledger.append(100)).isTrue();
        } catch (AssertionError | IOException | RuntimeException e) {
            throw new AssertionError("seed " + seed, e);
        }
    }

    private static SimulatedDisk.Faults faults(Random random) {
        int errorPercent = random.nextInt(3) == 0 ? 1 + random.nextInt(40) : 0;
        int burst = 1 + random.nextInt(5);
        long crashAt = random.nextInt(4) == 0 ? Long.MAX_VALUE : 1 + random.nextInt(150);
        long[] failUntil = {0};
        return (number, access) -> {
            if (number == crashAt) {
                return Fault.CRASH;
            }
            if (errorPercent > 0 && random.nextInt(100 * burst) < errorPercent) {
                failUntil[0] = number + random.nextInt(2 * burst);
            }
            return number <= failUntil[0] ? ERRORS[random.nextInt(ERRORS.length)] : Fault.NONE;
        };
    }

    /** Starts until a start succeeds or the life is over; a corrupt verdict is never right here. */
    private static boolean open(SimulatedDisk disk, Ledger ledger, Durability durability, Random random)
            throws IOException {
        for (int attempt = 0; attempt < 20; attempt++) {
            try {
                ledger.open();
                return true;
            } catch (JournalCorruptException e) {
                throw e;
            } catch (IOException e) {
                if (disk.crashed()) {
                    return false;
                }
                if (random.nextBoolean()) {
                    end(disk, durability, random);
                }
            }
        }
        return false;
    }

    private static void use(SimulatedDisk disk, Ledger ledger, Random random) {
        int largest = 1 << (4 + random.nextInt(8));
        for (int step = random.nextInt(40); step > 0 && !disk.crashed(); step--) {
            if (random.nextInt(5) > 0) {
                ledger.append(8 + random.nextInt(largest));
            } else if (random.nextInt(20) > 0) {
                long last = ledger.journal().lastSequence();
                ledger.apply(random.nextBoolean() ? last : random.nextLong(ledger.applied(), last + 1));
            } else {
                ledger.journal().close();
                return;
            }
        }
    }

    private static void end(SimulatedDisk disk, Durability durability, Random random) {
        if (durability == Durability.FSYNC && random.nextInt(3) > 0) {
            disk.cutPower();
        } else {
            disk.kill();
        }
    }
}
