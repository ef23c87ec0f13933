package dev.taskpool.process;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntFunction;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks for the processes with some mark in the whole of /proc, and knows when the answer "none" can be relied on. One look proves nothing: a
 * process in the middle of an exec has no environment, and a process that forks and ends between the listing and the look
 * has a child that is not in the list. So "none" takes two looks in a row that found none and met nothing of the kind. Confined to one thread.
 */
final class Census {
    /** What a look at one process tells. */
    enum Sight {
        MARKED,
        OTHER,
        /** It is gone, or in the middle of an exec. */
        UNCLEAR
    }

    private static final Logger LOG = LoggerFactory.getLogger(Census.class);
    private static final long GIVE_UP_NANOS = TimeUnit.SECONDS.toNanos(5);
    private static final long LONGEST_END_NANOS = TimeUnit.MILLISECONDS.toNanos(200);
    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

    /** A machine where others come and go all the time never has two quiet looks. */
    private static final int MOST_DOUBTS = 20;

    private final IntFunction<Sight> look;
    private final long sinceTicks;

    /** Zombies that were looked at, by pid and start: the first time, one may have forked since the listing. */
    private final Set<Long> dead = new HashSet<>();

    private boolean quiet;

    /** @param sinceTicks processes that started earlier are not looked at; 0 for all */
    Census(IntFunction<Sight> look, long sinceTicks) {
        this.look = look;
        this.sinceTicks = sinceTicks;
    }

    /** Returns some that are there and are no zombies; none only where that is certain, or could not be made certain in 20 looks. */
    List<ProcessHandle> find() {
        int row = 0;
        int doubts = 0;
        while (true) {
            List<ProcessHandle> found = scan();
            if (!found.isEmpty()) {
                return found;
            }
            if (quiet) {
                row++;
            } else {
                row = 0;
                doubts++;
                LockSupport.parkNanos(PAUSE_NANOS);
            }
            if (row == 2 || doubts == MOST_DOUBTS) {
                return found;
            }
        }
    }

    /**
     * Kills all that is found until nothing is, for five seconds at most.
     *
     * @param killed gets those that were killed
     * @return how many are left
     */
    int kill(Set<ProcessHandle> killed) throws InterruptedException {
        long end = System.nanoTime() + GIVE_UP_NANOS;
        List<ProcessHandle> found = find();
        while (!found.isEmpty() && System.nanoTime() - end < 0) {
            killed.addAll(found);
            CompletableFuture<?>[] exits = found.stream()
                    .filter(ProcessHandle::destroyForcibly)
                    .map(ProcessHandle::onExit)
                    .toArray(CompletableFuture<?>[]::new);
            try {
                CompletableFuture.allOf(exits).get(LONGEST_END_NANOS, TimeUnit.NANOSECONDS);
            } catch (ExecutionException | TimeoutException e) {
                LOG.debug("some of {} processes take their time to die", found.size());
            }
            found = find();
        }
        return found.size();
    }

    private List<ProcessHandle> scan() {
        List<ProcessHandle> found = new ArrayList<>();
        quiet = true;
        long own = ProcessHandle.current().pid();
        for (int pid : ProcFs.pids()) {
            if (pid != own) {
                scan(pid, found);
            }
        }
        return found;
    }

    private void scan(int pid, List<ProcessHandle> found) {
        ProcFs.Stat stat = ProcFs.stat(pid);
        if (stat == null) {
            quiet = false;
        } else if (stat.isKernelThread() || stat.startTicks() < sinceTicks) {
            return;
        } else if (stat.isZombie()) {
            // Pids stay below 2^22.
            quiet &= !dead.add(stat.startTicks() << 22 | pid);
        } else {
            switch (look.apply(pid)) {
                case OTHER -> {}
                case UNCLEAR -> quiet = false;
                // A handle takes the start time when it is made, and signals nobody else by it. Made before the mark is
                // read
                // again, it stands for the process whose mark was read, or for one that is gone.
                case MARKED ->
                    ProcessHandle.of(pid)
                            .filter(_ -> look.apply(pid) == Sight.MARKED)
                            .ifPresentOrElse(found::add, () -> quiet = false);
            }
        }
    }
}
