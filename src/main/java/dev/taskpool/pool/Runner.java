package dev.taskpool.pool;

import dev.taskpool.model.PoolSettings;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * Runs what a pool starts. Called by the engine's thread only, and never blocks it, but for what says otherwise. The engine
 * never has more runs under way than the settings allow.
 */
public interface Runner {
    /** Starts a run. Its end is told to the run's listener, whatever happens. */
    void start(Run run);

    /**
     * Asks a run to stop, and makes it where that is possible. Nothing happens where it has ended. A second call hurries.
     *
     * @param graceMillis from asking to making
     */
    void stop(Run run, long graceMillis);

    /** Takes new settings; the kind is the same. Running tasks and their workers stay. */
    void configure(PoolSettings settings);

    /**
     * Returns the workers that there are, in the order of their start; not those that only come to their end and run nothing. Safe
     * for all threads; looks at each process, which takes some tens of microseconds.
     */
    List<WorkerView> workers();

    /** Returns how it fares. Safe for all threads. */
    RunnerStatus status();

    /** What became of a signal. */
    enum Signalled {
        SENT,
        NO_SUCH_WORKER,
        /** It is a thread, or its process is not there yet. */
        NO_PROCESS
    }

    /**
     * Sends a signal to the process of one worker. What it does of it is the worker's: one that ends fails its task.
     *
     * @param signal such as {@code SIGTERM}
     */
    Signalled signal(String workerId, String signal);

    /**
     * Ends all workers with what they run: processes get TERM, then KILL; threads are interrupted. Their runs end as those of
     * workers that died. That is no loss to the pool; runs that have no worker yet get one.
     *
     * @param graceMillis from TERM to KILL; 0 kills at once
     */
    void terminate(long graceMillis);

    /** Lets the workers go; no run is under way and none will come. Completes when the last worker has ended. */
    CompletableFuture<Void> close();
}
