package dev.taskpool.pool;

import dev.taskpool.model.PoolSettings;
import java.util.concurrent.CompletableFuture;

/**
 * Runs what a pool starts. Called by the engine's thread only, and never blocks it. The engine never has more runs under
 * way than the settings allow.
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

    /** Lets the workers go; no run is under way and none will come. Completes when the last worker has ended. */
    CompletableFuture<Void> close();
}
