package dev.taskpool.process;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Descendants whose parent ended. This JVM is their subreaper, so the kernel makes each of them, daemons too, a child of this JVM's
 * first thread, and /proc/self/task/PID/children lists them. When a leader has ended, all that is left of it is in trees
 * whose roots are in that list: an empty list (one system call, the normal case) proves that nothing is left, and killing
 * roots until the list has none of its own leaves nothing over. Confined to the loop's thread.
 */
final class Orphans {
    private static final Logger LOG = LoggerFactory.getLogger(Orphans.class);

    /**
     * Children of this JVM that some {@link PosixSpawner} started and has not reaped yet. Of the whole JVM, as children are: another spawner must
     * not take them for orphans. Added to by the starting thread, removed from by the loop that reaps.
     */
    static final Set<Integer> LEADERS = ConcurrentHashMap.newKeySet();

    /**
     * Held from a start to the entry among the leaders, by whichever spawner. Guards this JVM's own RLIMIT_LOCKS as well, which is
     * another for that time: no unmarked process is to inherit it.
     */
    static final ReentrantLock STARTING = new ReentrantLock();

    /** A zombie without our marks may be a child whose status the JDK is about to fetch: it gets this long. */
    private static final long FOREIGN_ZOMBIE_NANOS = TimeUnit.SECONDS.toNanos(2);

    private static final int ROUNDS_AT_A_TIME = 16;

    private final Posix os;
    private final BootId boot;
    private final int childrenFd;
    private final int ownSession;
    private final MemorySegment buffer;
    /** The marked process that an orphan belongs to, so that the daemons of one process cost the exits of others little. */
    private final Map<Integer, Long> owners = new HashMap<>();

    private final Map<Integer, Long> foreignZombiesSince = new HashMap<>();

    /** @param childrenFd /proc/self/task/PID/children of the first thread, owned by the caller */
    Orphans(Posix os, Arena arena, BootId boot, int childrenFd) {
        this.os = os;
        this.boot = boot;
        this.childrenFd = childrenFd;
        ProcFs.Stat own = ProcFs.stat((int) ProcessHandle.current().pid());
        this.ownSession = own == null ? 0 : own.session();
        this.buffer = arena.allocate(32 * 1024);
    }

    /**
     * Kills what is in the cgroup of a process, and remembers whose it was, whatever it did to its marks: it may be an orphan soon.
     *
     * @return how many there were
     */
    int killGathered(PosixChild child, Cgroup cgroup) {
        if (!cgroup.isPopulated()) {
            return 0;
        }
        List<Integer> pids = cgroup.pids();
        pids.stream().filter(pid -> pid != child.pid()).forEach(pid -> owners.put(pid, child.id()));
        cgroup.kill();
        return Math.max(1, pids.size());
    }

    /**
     * Kills and reaps what is left of a process whose leader was reaped.
     *
     * @return how many are still dying (or cannot be killed); 0 if nothing is left
     */
    int sweep(PosixChild child) {
        int left = 0;
        // Bounded, because a fork bomb outside the group can keep us here: the loop comes back in a millisecond.
        for (int round = 0; round < ROUNDS_AT_A_TIME; round++) {
            List<Integer> pids = list();
            if (pids.isEmpty()) {
                return 0;
            }
            left = 0;
            boolean reaped = false;
            for (int pid : pids) {
                if (LEADERS.contains(pid) || belongsToOther(pid, child)) {
                    continue;
                }
                ProcFs.Stat stat = ProcFs.stat(pid);
                if (stat == null || !isOf(child, pid, stat)) {
                    continue;
                }
                if (stat.isZombie()) {
                    reaped |= reap(pid, child);
                } else {
                    end(pid, stat);
                    left++;
                }
            }
            // A reaped parent's children are in the list now: look again at once.
            if (!reaped) {
                return left;
            }
        }
        return Math.max(left, 1);
    }

    /** Roots of what has left the tree of a process that still runs. */
    List<Integer> daemons(PosixChild child) {
        List<Integer> found = new ArrayList<>();
        for (int pid : list()) {
            if (!LEADERS.contains(pid) && !belongsToOther(pid, child)) {
                ProcFs.Stat stat = ProcFs.stat(pid);
                if (stat != null && !stat.isZombie() && isOf(child, pid, stat)) {
                    found.add(pid);
                }
            }
        }
        return found;
    }

    private boolean reap(int pid, PosixChild child) {
        boolean reaped = os.reap(pid) == pid;
        if (reaped) {
            owners.remove(pid);
            if (os.reaped().toStatus() instanceof Exit.Status.Signalled(int signal, boolean _)
                    && signal == Posix.SIGKILL) {
                child.countStray();
            }
        }
        return reaped;
    }

    private void end(int pid, ProcFs.Stat stat) {
        os.kill(pid, Posix.SIGKILL);
        // Its group at once too: against one that forks faster than we list. Groups never span sessions, and it has
        // left ours.
        if (stat.group() > 1 && stat.session() != ownSession) {
            os.killGroup(stat.group(), Posix.SIGKILL);
        }
    }

    private boolean isOf(PosixChild child, int pid, ProcFs.Stat stat) {
        Long owner = owners.get(pid);
        if (owner != null) {
            return owner == child.id();
        }
        if (stat.session() == child.pid()) {
            return true; // a session's number is not given out again while it has members
        }
        if (stat.session() == ownSession) {
            return false; // ours have left this JVM's session for good: this is somebody's ProcessBuilder child
        }
        long mark = ProcFs.mark(pid);
        if (boot.isIn(mark)) {
            owners.put(pid, mark);
            return mark == child.id();
        }
        // Where the hard limit of this JVM forbids marks. A zombie has no environment any more, so this is remembered.
        boolean named = ProcFs.hasVariable(pid, BootId.PROCESS_VARIABLE, Long.toString(child.id()));
        if (named) {
            owners.put(pid, child.id());
        }
        return named;
    }

    private boolean belongsToOther(int pid, PosixChild child) {
        Long owner = owners.get(pid);
        return owner != null && owner != child.id();
    }

    /**
     * Reaps the dead orphans of processes that still run, which would stay zombies until those end, and those of others in this JVM:
     * as a subreaper it has taken the place of init for them.
     */
    void reapDead(long now) {
        if (!STARTING.tryLock()) {
            return; // a leader that is dead already may not be known as one yet; there is another time
        }
        try {
            reapDead(now, list());
        } finally {
            STARTING.unlock();
        }
    }

    private void reapDead(long now, List<Integer> pids) {
        owners.keySet().retainAll(pids);
        foreignZombiesSince.keySet().retainAll(pids);
        for (int pid : pids) {
            if (LEADERS.contains(pid)) {
                continue;
            }
            ProcFs.Stat stat = ProcFs.stat(pid);
            if (stat == null || !stat.isZombie()) {
                continue;
            }
            if (boot.isIn(ProcFs.mark(pid)) && stat.session() != ownSession) {
                os.reap(pid);
                owners.remove(pid);
            } else if (now - foreignZombiesSince.computeIfAbsent(pid, _ -> now) >= FOREIGN_ZOMBIE_NANOS) {
                LOG.debug("reaping the orphan {}", pid);
                os.reap(pid);
            }
        }
    }

    /** Reads until two lists agree: the kernel may skip an entry when another is removed meanwhile. Empty is always exact. */
    private List<Integer> list() {
        List<Integer> before = read();
        for (int i = 0; i < 8 && !before.isEmpty(); i++) {
            List<Integer> again = read();
            if (again.equals(before)) {
                break;
            }
            before = again;
        }
        return before;
    }

    private List<Integer> read() {
        long length = 0;
        while (length < buffer.byteSize()) {
            long n = os.readAt(childrenFd, buffer.asSlice(length), length);
            if (n <= 0) {
                break;
            }
            length += n;
        }
        if (length == 0) {
            return List.of();
        }
        String text = new String(buffer.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.ISO_8859_1);
        // With more children than fit, the last number may be cut off: they come when these are gone.
        boolean cut = length == buffer.byteSize();
        List<Integer> pids = new ArrayList<>();
        for (String word :
                text.substring(0, cut ? text.lastIndexOf(' ') : text.length()).split(" ")) {
            if (!word.isBlank()) {
                pids.add(Integer.parseInt(word.strip()));
            }
        }
        return pids;
    }
}
