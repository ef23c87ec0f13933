package dev.taskpool.journal;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A directory in memory that behaves as badly as a disk may. It keeps what the page cache holds and what the disk holds apart, in
 * sectors of 512 bytes; only a force makes them the same. For one thread.
 *
 * <ul>
 *   <li>{@link #kill()}: the process is gone, the page cache stays.
 *   <li>{@link #cutPower()}: of the sectors and directory entries that were not forced, none, all, or any reach the disk.
 *   <li>{@link #faults(Faults)}: every single access can fail before, in the middle of, or after its work, or be the last.
 *   <li>{@link #capacity(long)}: a disk that gets full.
 * </ul>
 *
 * A force that fails marks the sectors as clean although some of them did not reach the disk, as Linux does: the next force
 * succeeds without writing them ("fsyncgate").
 */
public final class SimulatedDisk implements JournalFiles {
    private static final int SECTOR = 512;

    /** What an access may be. */
    public enum Access {
        LIST,
        CREATE,
        OPEN,
        READ,
        WRITE,
        FORCE,
        TRUNCATE,
        RENAME,
        DELETE,
        FORCE_DIRECTORY,
        SPACE
    }

    /** What may go wrong with it. */
    public enum Fault {
        NONE,
        /** It throws before any effect (a force: after some). */
        REFUSE,
        /** It throws after a part of its effect. */
        PARTIAL,
        /** It throws after its whole effect. */
        AFTER,
        /** A write takes only a part, and says so. */
        SHORT,
        /** It has a part of its effect, and then nothing works until {@link #kill()} or {@link #cutPower()}. */
        CRASH
    }

    /** Decides over each access, which are counted from 1. */
    @FunctionalInterface
    public interface Faults {
        Fault at(long number, Access access);
    }

    /** What all accesses throw between a crash and the next start. */
    public static final class Crashed extends IOException {
        private static final long serialVersionUID = 1L;
    }

    private static final class Inode {
        byte[] cache = new byte[0];
        byte[] disk = new byte[0];
        final BitSet dirty = new BitSet();
        boolean dirtySize;
    }

    private final Random random;
    private Map<String, Inode> names = new TreeMap<>();
    private Map<String, Inode> durableNames = new TreeMap<>();
    private final List<Consumer<Map<String, Inode>>> unforcedNames = new ArrayList<>();
    private Faults faults = (number, access) -> Fault.NONE;
    private long capacity = Long.MAX_VALUE;
    private long accesses;
    private boolean crashed;

    public SimulatedDisk(long seed) {
        this.random = new Random(seed);
    }

    /** Sets what goes wrong from now on, and counts accesses from 1 again. */
    public void faults(Faults next) {
        faults = next;
        accesses = 0;
    }

    public void capacity(long bytes) {
        capacity = bytes;
    }

    public long accesses() {
        return accesses;
    }

    public boolean crashed() {
        return crashed;
    }

    /** {@return a file as the page cache has it; changes to it are changes to the file, unless its length changes} */
    public byte[] content(String name) {
        return inode(name).cache;
    }

    public void content(String name, byte[] bytes) {
        Inode inode = inode(name);
        inode.cache = bytes.clone();
        inode.disk = bytes.clone();
    }

    /** The process ends, now or in the crash before. */
    public void kill() {
        crashed = false;
    }

    /** The power goes off and on again. */
    public void cutPower() {
        crashed = false;
        int luck = random.nextInt(4);
        for (Consumer<Map<String, Inode>> change : unforcedNames) {
            if (luck == 0 || (luck > 1 && random.nextBoolean())) {
                change.accept(durableNames);
            } else if (luck == 2) {
                break; // a journaling file system: in order
            }
        }
        unforcedNames.clear();
        names = new TreeMap<>(durableNames);
        for (Inode inode : names.values()) {
            int sectorLuck = random.nextInt(3);
            writeBack(inode, sector -> sectorLuck == 0 || (sectorLuck == 1 && random.nextBoolean()));
            inode.cache = inode.disk.clone();
        }
    }

    @Override
    public List<String> list() throws IOException {
        check(Access.LIST);
        return List.copyOf(names.keySet());
    }

    @Override
    public JournalFile create(String name) throws IOException {
        if (names.containsKey(name)) {
            throw new FileAlreadyExistsException(name);
        }
        Inode inode = new Inode();
        change(Access.CREATE, directory -> directory.put(name, inode));
        return new OpenFile(inode);
    }

    @Override
    public JournalFile open(String name) throws IOException {
        check(Access.OPEN);
        @Nullable Inode inode = names.get(name);
        if (inode == null) {
            throw new NoSuchFileException(name);
        }
        return new OpenFile(inode);
    }

    @Override
    public void rename(String from, String to) throws IOException {
        if (!names.containsKey(from)) {
            check(Access.RENAME);
            throw new NoSuchFileException(from);
        }
        change(Access.RENAME, directory -> {
            @Nullable Inode inode = directory.remove(from);
            if (inode != null) {
                directory.put(to, inode);
            }
        });
    }

    @Override
    public void delete(String name) throws IOException {
        change(Access.DELETE, directory -> directory.remove(name));
    }

    @Override
    public void forceDirectory() throws IOException {
        Fault fault = fault(Access.FORCE_DIRECTORY);
        int count = isWhole(fault) ? unforcedNames.size() : random.nextInt(unforcedNames.size() + 1);
        unforcedNames.subList(0, count).forEach(change -> change.accept(durableNames));
        unforcedNames.subList(0, count).clear();
        raise(fault);
    }

    @Override
    public long usableSpace() throws IOException {
        check(Access.SPACE);
        return capacity - used();
    }

    private long used() {
        return names.values().stream().mapToLong(inode -> inode.cache.length).sum();
    }

    private Inode inode(String name) {
        @Nullable Inode inode = names.get(name);
        if (inode == null) {
            throw new IllegalArgumentException(name);
        }
        return inode;
    }

    private Fault fault(Access access) throws IOException {
        if (crashed) {
            throw new Crashed();
        }
        accesses++;
        Fault fault = faults.at(accesses, access);
        if (fault == Fault.CRASH) {
            crashed = true;
        }
        return fault;
    }

    private void check(Access access) throws IOException {
        raise(fault(access));
    }

    private static void raise(Fault fault) throws IOException {
        switch (fault) {
            case NONE, SHORT -> {}
            case REFUSE, PARTIAL, AFTER -> throw new IOException("injected: " + fault);
            case CRASH -> throw new Crashed();
        }
    }

    private static boolean isWhole(Fault fault) {
        return switch (fault) {
            case NONE, SHORT, AFTER -> true;
            case REFUSE, PARTIAL, CRASH -> false;
        };
    }

    private boolean takesEffect(Fault fault) {
        return isWhole(fault) || (fault != Fault.REFUSE && random.nextBoolean());
    }

    private void change(Access access, Consumer<Map<String, Inode>> change) throws IOException {
        Fault fault = fault(access);
        if (takesEffect(fault)) {
            change.accept(names);
            unforcedNames.add(change);
        }
        raise(fault);
    }

    private interface Choice {
        boolean reachesDisk(int sector);
    }

    /** Writes some dirty sectors back; all are clean afterwards. */
    private void writeBack(Inode inode, Choice choice) {
        if (inode.dirtySize && choice.reachesDisk(-1)) {
            inode.disk = Arrays.copyOf(inode.disk, inode.cache.length);
        }
        inode.dirty.stream().filter(choice::reachesDisk).forEach(sector -> {
            int from = sector * SECTOR;
            int length = Math.min(SECTOR, Math.min(inode.cache.length, inode.disk.length) - from);
            if (length > 0) {
                System.arraycopy(inode.cache, from, inode.disk, from, length);
            }
        });
        inode.dirty.clear();
        inode.dirtySize = false;
    }

    private final class OpenFile implements JournalFile {
        private final Inode inode;
        private boolean closed;

        OpenFile(Inode inode) {
            this.inode = inode;
        }

        @Override
        public int write(ByteBuffer source, long position) throws IOException {
            checkOpen();
            Fault fault = fault(Access.WRITE);
            int all = source.remaining();
            int count = switch (fault) {
                case NONE, AFTER -> all;
                case REFUSE -> 0;
                case PARTIAL, CRASH -> random.nextInt(all + 1);
                case SHORT -> 1 + random.nextInt(all);
            };
            long room = capacity - used() + inode.cache.length - position;
            int fits = (int) Math.max(0, Math.min(count, room));
            put(source, fits, (int) position);
            raise(fault);
            if (fits == 0) {
                throw new IOException("No space left on device");
            }
            return fits;
        }

        private void put(ByteBuffer source, int count, int position) {
            if (count == 0) {
                return;
            }
            if (position + count > inode.cache.length) {
                inode.cache = Arrays.copyOf(inode.cache, position + count);
                inode.dirtySize = true;
            }
            source.get(inode.cache, position, count);
            inode.dirty.set(position / SECTOR, (position + count - 1) / SECTOR + 1);
        }

        @Override
        public int read(ByteBuffer target, long position) throws IOException {
            checkOpen();
            check(Access.READ);
            int count = (int) Math.min(target.remaining(), inode.cache.length - position);
            if (count <= 0) {
                return -1;
            }
            target.put(inode.cache, (int) position, count);
            return count;
        }

        @Override
        public void force() throws IOException {
            checkOpen();
            Fault fault = fault(Access.FORCE);
            writeBack(inode, sector -> isWhole(fault) || random.nextBoolean());
            raise(fault);
        }

        @Override
        public void truncate(long size) throws IOException {
            checkOpen();
            Fault fault = fault(Access.TRUNCATE);
            if (takesEffect(fault) && size < inode.cache.length) {
                inode.cache = Arrays.copyOf(inode.cache, (int) size);
                inode.dirtySize = true;
            }
            raise(fault);
        }

        @Override
        public long size() throws IOException {
            checkOpen();
            return inode.cache.length;
        }

        @Override
        public void close() {
            closed = true;
        }

        private void checkOpen() throws IOException {
            if (closed) {
                throw new IOException("the file is closed");
            }
        }
    }
}
