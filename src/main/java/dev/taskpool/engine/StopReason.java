package dev.taskpool.engine;

import dev.taskpool.model.ProcessExit;
import dev.taskpool.pool.Ending;
import org.jspecify.annotations.Nullable;

/** Why a run was asked to stop. The first reason stands. */
enum StopReason {
    /** A client cancelled it. */
    CANCEL(ProcessExit.CANCELLED),
    /** Its time is over. */
    TIMEOUT(ProcessExit.TIMEOUT),
    /** It was to be done by now. */
    DEADLINE(ProcessExit.DEADLINE),
    /** The service stops. */
    DRAIN(ProcessExit.DRAIN),
    /** Its pool broke. */
    BROKEN(ProcessExit.POOL_BROKEN);

    private final String cause;

    StopReason(String cause) {
        this.cause = cause;
    }

    /** Returns an ending with the reason in the record of its process; one that was as quick as the stop ended by itself. */
    static Ending inRecord(Ending ending, @Nullable StopReason stop) {
        if (stop == null || (stop != TIMEOUT && stop != DEADLINE && ending instanceof Ending.Returned)) {
            return ending;
        }
        return ending.because(stop.cause);
    }
}
