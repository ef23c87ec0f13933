package dev.taskpool.process;

import java.time.Duration;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;

/** A started process with all its descendants. Thread-safe; nothing here blocks. */
public sealed interface ChildProcess permits PosixChild, PlainChild {
    /** How long output is still read after the end of the process and of all its known descendants. */
    Duration LINGER = Duration.ofMillis(500);

    /** The leader's process id; also that of its group and session. Once {@link #exit} is done it may be another's. */
    int pid();

    /**
     * When the leader started, in clock ticks since boot (field 22 of proc_pid_stat(5)): with the pid and the boot of the machine
     * it identifies the process for ever. Empty where the system has no /proc, or if it had ended before anyone asked.
     */
    OptionalLong startTicks();

    /**
     * Completes when the leader ended, its output was read (or {@link #LINGER} passed), its sink was closed, and all descendants,
     * daemons too, were killed and are gone. Never fails. Dependents that are not {@code …Async} run on the thread that reads for
     * all processes: they must be short and must not block. Completing it by hand changes nothing but this future.
     */
    CompletableFuture<Exit> exit();

    /**
     * Completes when what the process had written before this call went to the sink: so that one who learns of a step by other
     * means has all output of it. Best effort for {@link PlainSpawner}. Never fails.
     */
    CompletableFuture<Void> outputSettled();

    /**
     * Sends TERM to the group, and KILL if the leader still runs after {@code grace}. Idempotent: a second call sends no second
     * TERM, and counts if its KILL is due earlier. Does nothing once the leader ended.
     *
     * @param grace zero or negative kills at once
     */
    void terminate(Duration grace);

    /**
     * Sends a signal to one process: the leader, or a descendant that still carries this process's mark. Nothing happens where it
     * is neither, or has ended.
     *
     * @param pid of the one, 0 for the leader
     * @param signal such as {@code SIGUSR1}, by the numbers of Linux
     * @throws IllegalArgumentException where there is no such signal; see {@link Signals#number}
     */
    void signal(int pid, String signal);

    /**
     * Returns the resident set in bytes; see proc_pid_status(5), VmRSS. Empty where that is not known, or the process has ended.
     *
     * @param pid of the leader or of a descendant, 0 for the leader; nobody else is looked at
     */
    default OptionalLong residentBytes(int pid) {
        if (exit().isDone() || (pid != 0 && pid != pid() && !isMember(pid))) {
            return OptionalLong.empty();
        }
        long bytes = ProcFs.residentBytes(pid == 0 ? pid() : pid);
        return bytes < 0 ? OptionalLong.empty() : OptionalLong.of(bytes);
    }

    /** Returns whether a process carries the mark of this one. */
    boolean isMember(int pid);

    /** Sends KILL to the group at once. */
    default void kill() {
        terminate(Duration.ZERO);
    }

    /**
     * Queues bytes for a {@link Stdin.Pipe}. The queue has no bound: a caller that sends much waits for what it sent before.
     *
     * @param bytes not copied, not to be changed until the future is done
     * @return done when the pipe took all of them; fails with an IOException if the input was closed, by whomever
     */
    CompletableFuture<Void> send(byte[] bytes);

    /** Ends a {@link Stdin.Pipe} after what was sent; the process reads end of file then. Idempotent. */
    void closeInput();
}
