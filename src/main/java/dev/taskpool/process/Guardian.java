package dev.taskpool.process;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A shell that outlives this JVM by a moment. Its standard input is a pipe that only this JVM holds: when the JVM ends, by kill -9 too, it
 * reads end of file, kills every process with the mark of this boot, and ends. It carries no mark itself, and has a
 * session of its own, so that a Ctrl-C at the service's terminal does not reach it. On a normal close its input is closed as
 * well: then it is the second pair of eyes, and finds nothing.
 */
final class Guardian {
    private static final Logger LOG = LoggerFactory.getLogger(Guardian.class);

    /**
     * First what is in this boot's cgroups, whatever it did to its marks. Then both places of the mark; zombies do not count, because they cannot be killed and may have nobody to reap them. Looks until a
     * round finds nothing, since a process may fork between the listing and its death.
     */
    private static final String SCRIPT = """
            trap '' HUP INT TERM QUIT PIPE
            boot=$1
            shift
            while read -r _; do :; done
            round=0
            while [ "$round" -lt 60 ]; do
              left=
              for groups in "$@"; do
                for group in "$groups"/*/; do
                  [ -e "$group/cgroup.kill" ] && { echo 1 >"$group/cgroup.kill"; } 2>/dev/null
                done
              done
              for file in $(grep -lsF "TASKPOOL_BOOT=$boot" /proc/[0-9]*/environ; \\
                            grep -lsE "^Max file locks +$boot[0-9]{9} " /proc/[0-9]*/limits); do
                pid=${file#/proc/}; pid=${pid%%/*}
                [ "$pid" = "$$" ] && continue
                grep -qs "^State:.Z" "/proc/$pid/status" && continue
                kill -s KILL "$pid" 2>/dev/null && left=1
              done
              if [ -z "$left" ]; then
                for groups in "$@"; do rmdir "$groups"/*/ "$groups" 2>/dev/null; done
                exit 0
              fi
              [ "$round" -gt 9 ] && sleep 1
              round=$((round + 1))
            done
            exit 1
            """;

    private final BootId boot;

    /** Held while one is being started: nobody else's process may come before it. */
    private final ReentrantLock lock = new ReentrantLock();

    /** Written under the lock. */
    private volatile @Nullable ChildProcess shell;

    /** Guarded by the lock; a missing shell is told of once. */
    private boolean warned;

    Guardian(BootId boot) {
        this.boot = boot;
    }

    /** Has a guardian in place before the first process, and another where it was killed. */
    void ensure(Spawner spawner) {
        ChildProcess present = shell;
        if (present != null && !present.exit().isDone()) {
            return;
        }
        lock.lock();
        try {
            present = shell;
            if (present == null || present.exit().isDone()) {
                shell = spawner.start(spec(spawner.groups()), OutputSink.DISCARD, false);
            }
        } catch (SpawnException e) {
            if (!warned) {
                warned = true;
                LOG.warn("processes will outlive a kill -9 of this service, until its next start: {}", e.getMessage());
            }
        } finally {
            lock.unlock();
        }
    }

    private ProcessSpec spec(List<Path> groups) {
        List<String> argv = new ArrayList<>(List.of("/bin/sh", "-c", SCRIPT, "taskpool-guardian", boot.toString()));
        groups.forEach(each -> argv.add(each.toString()));
        return new ProcessSpec(
                argv,
                Map.of("PATH", "/usr/local/bin:/usr/bin:/bin"),
                Path.of("/"),
                Stdin.PIPE,
                false,
                false,
                ResourceLimits.NO_CORE);
    }
}
