package dev.taskpool.config;

import dev.taskpool.model.FileRules;
import dev.taskpool.model.Limits;
import dev.taskpool.model.OnLost;
import dev.taskpool.model.PoolSettings;
import dev.taskpool.model.RetryPolicy;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Everything that can be set. What each means and its default stand in {@code config/taskpool.yaml}; ranges are enforced by
 * {@link SettingsLoader}.
 *
 * @param pools by name, in the order of the file
 * @param workers types of worker besides the Java worker, by name
 * @param commands by the name of their callable
 * @param exec lets tasks name the program themselves; null where that is not allowed
 * @param plugins folder of plugin jars; need not exist
 */
public record Settings(
        Server server,
        List<Token> tokens,
        Storage store,
        Tasks tasks,
        Map<String, PoolSettings> pools,
        Map<String, Worker> workers,
        Map<String, Command> commands,
        @Nullable Command exec,
        Callbacks callbacks,
        Drain drain,
        Path plugins,
        Log log,
        boolean metrics,
        boolean docs) {

    /** The name of the callable that {@code exec.enabled} adds. */
    public static final String EXEC = "exec";

    /** Returns the commands of the operator's templates, and the free one where it is allowed, by the names of their callables. */
    public Map<String, Command> allCommands() {
        if (exec == null) {
            return commands;
        }
        Map<String, Command> all = new LinkedHashMap<>(commands);
        all.put(EXEC, exec);
        return all;
    }

    /** How the service is served. */
    public record Server(
            String host,
            int port,
            boolean allowUnauthenticated,
            int maxRequestBytes,
            int maxHeaderBytes,
            int maxJsonDepth,
            Duration maxWait,
            int maxOpenWaits,
            Duration idleTimeout,
            int requestThreads) {}

    /**
     * Somebody who may ask.
     *
     * @param sha256 of the token's text, in hexadecimal digits
     * @param scopes of submit, read, cancel, admin
     * @param pools that it may name; empty is all
     * @param callables that it may name; empty is all
     */
    public record Token(String name, String sha256, Set<String> scopes, Set<String> pools, Set<String> callables) {}

    /**
     * Where and how state is kept.
     *
     * @param fsync whether an acknowledged task survives the loss of power, not only the death of the process
     * @param truncateDamaged whether a journal that is damaged before its end is cut there, instead of the start refused
     */
    public record Storage(
            Path directory,
            boolean fsync,
            Duration applyInterval,
            int journalSegmentBytes,
            boolean truncateDamaged,
            long minFreeBytes) {}

    /** What holds for all tasks. */
    public record Tasks(
            Duration retention,
            int maxResultBytes,
            int maxOutputBytes,
            int maxBatchSize,
            Duration priorityAgeing,
            int window,
            String defaultPool,
            boolean traces) {}

    /**
     * A program that can be run by name.
     *
     * @param stdin {@code none}, {@code args_json} or one placeholder
     * @param result {@code none}, {@code text} or {@code json}
     * @param timeout null is the pool's
     * @param argumentsSchema JSON text, or null
     * @param limits what it may use where the submission does not say
     * @param user whom it runs as, with its group if that is not the user's own; null is the service's user
     * @param files what it takes along and leaves behind in files
     * @param snoozeExitCodes exit codes by which it asks to be run again, each with the pause before that
     */
    public record Command(
            String description,
            List<String> argv,
            boolean allowLeadingDash,
            String stdin,
            String result,
            Map<String, String> env,
            List<String> inheritEnv,
            @Nullable Duration timeout,
            OnLost onLost,
            int maxAttempts,
            RetryPolicy retry,
            Set<Integer> successExitCodes,
            @Nullable String argumentsSchema,
            Limits limits,
            @Nullable String user,
            FileRules files,
            Map<Integer, Duration> snoozeExitCodes) {}

    /**
     * How workers in another language are started.
     *
     * @param command the program and its arguments, with {@code {home}} for the installation folder
     * @param inheritEnv names of variables of the service that it gets too
     * @param directory working directory; null is the service's
     * @param startTimeout from its start to its hello
     */
    public record Worker(
            List<String> command,
            Map<String, String> env,
            List<String> inheritEnv,
            @Nullable String directory,
            Duration startTimeout) {}

    /**
     * How callbacks are delivered.
     *
     * @param secrets of Standard Webhooks, {@code whsec_…}: each signs; none leaves callbacks unsigned
     * @param timeout of one try
     * @param maxAttempts tries in all
     * @param firstBackoff pause after the first try; four times as long after each
     * @param maxBackoff longest pause
     */
    public record Callbacks(
            List<String> allowedHosts,
            boolean allowPrivateAddresses,
            List<String> secrets,
            Duration timeout,
            int maxAttempts,
            Duration firstBackoff,
            Duration maxBackoff) {}

    /** How the service stops. */
    public record Drain(Duration announce, Duration grace, boolean cancelPending) {}

    /** How the log is written. {@code level} is error, warn, info, debug or trace. */
    public record Log(boolean json, String level) {}
}
