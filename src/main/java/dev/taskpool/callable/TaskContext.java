package dev.taskpool.callable;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.PrintStream;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What a running callable knows of its task, and can say of it. For the threads of one run only. */
public interface TaskContext {
    /** Returns the positional arguments, exact: integers of any size, decimals with all their digits. */
    List<JsonNode> args();

    /** Returns the keyword arguments, in the order submitted. */
    Map<String, JsonNode> kwargs();

    /** Returns the id of the task, {@code t_…}. */
    String taskId();

    /** Returns which run this is, from 1. */
    int attempt();

    /** Returns when the run is stopped, if it has a limit. */
    Optional<Instant> deadline();

    /** Returns whether the run was asked to stop: cancelled, out of time, or the service drains and its grace is over. */
    boolean cancelled();

    /** Returns whether the service is about to stop: a good moment to come to an end. */
    boolean draining();

    /** Returns standard output: kept with the task, readable while it runs, capped by truncation. */
    PrintStream stdout();

    /** Returns standard error, as {@link #stdout()}. */
    PrintStream stderr();

    /**
     * Says how far it is. May be called as often as is convenient: followers hear of it ten times a second at most, always
     * of the latest.
     *
     * @param fraction 0 to 1; what lies beyond counts as the nearer of them, and what is no number as 0
     * @param message for people, may be empty; the first 1,000 characters are kept
     */
    void progress(double fraction, String message);

    /**
     * Returns one positional argument.
     *
     * @throws IllegalArgumentException where there are fewer
     */
    default JsonNode arg(int index) {
        List<JsonNode> all = args();
        if (index >= all.size()) {
            throw new IllegalArgumentException("argument " + index + " is missing: there are " + all.size());
        }
        return all.get(index);
    }
}
