package dev.taskpool.worker;

import dev.taskpool.process.ProcessSpec;
import dev.taskpool.process.ResourceLimits;
import dev.taskpool.process.Stdin;
import java.io.File;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A kind of worker: how one is started.
 *
 * @param name as settings of pools name it
 * @param argv the program and its arguments
 * @param env all of its environment, but for {@code TASKPOOL_SOCKET} and {@code TASKPOOL_TOKEN}, which are added, and {@code PATH} and
 *     {@code LANG}, which have a default
 * @param directory its working directory
 * @param limits kernel limits of each worker
 * @param startTimeout from its start to its hello
 */
public record WorkerType(
        String name,
        List<String> argv,
        Map<String, String> env,
        Path directory,
        ResourceLimits limits,
        Duration startTimeout) {
    /** Enough for a worker that loads a lot. */
    public static final Duration USUAL_START_TIMEOUT = Duration.ofSeconds(30);

    /** Where a worker connects to. */
    public static final String SOCKET_VARIABLE = "TASKPOOL_SOCKET";

    /** What it shows there. */
    public static final String TOKEN_VARIABLE = "TASKPOOL_TOKEN";

    static final String PLUGINS_VARIABLE = "TASKPOOL_PLUGINS";

    private static final String DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin";

    public WorkerType {
        argv = List.copyOf(argv);
        Map<String, String> all = new HashMap<>(env);
        all.putIfAbsent("PATH", DEFAULT_PATH);
        all.putIfAbsent("LANG", "C.UTF-8"); // else Java and Python cannot name a file that has an umlaut
        env = Map.copyOf(all);
    }

    /** One with the usual time to start. */
    public WorkerType(String name, List<String> argv, Map<String, String> env, Path directory, ResourceLimits limits) {
        this(name, argv, env, directory, limits, USUAL_START_TIMEOUT);
    }

    /**
     * The Java worker: the same callables as on threads, in JVMs of their own.
     *
     * @param plugins folder of jars; need not be there
     * @param maxHeapBytes of each worker
     * @param env more variables for it
     */
    public static WorkerType java(String name, Path plugins, long maxHeapBytes, Map<String, String> env) {
        // Absolute, whatever becomes of the working directory; it is the service's, as it is for tasks on threads.
        String classPath = Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(entry -> !entry.isEmpty())
                .map(entry -> Path.of(entry).toAbsolutePath().toString())
                .collect(Collectors.joining(File.pathSeparator));
        List<String> argv = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                // Small, and quick to start: a worker has one task at a time.
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-XX:-UsePerfData",
                "-Xshare:auto",
                "-Xmx" + Math.max(16L << 20, maxHeapBytes),
                "-cp",
                classPath,
                JavaWorker.class.getName()));
        Map<String, String> all = new HashMap<>(env);
        all.put(PLUGINS_VARIABLE, plugins.toAbsolutePath().toString());
        return new WorkerType(name, argv, all, Path.of("").toAbsolutePath(), ResourceLimits.NO_CORE);
    }

    /** Returns what to start for one worker. */
    public ProcessSpec spec(Path socket, String token) {
        Map<String, String> all = new HashMap<>(env);
        all.put(SOCKET_VARIABLE, socket.toString());
        all.put(TOKEN_VARIABLE, token);
        return new ProcessSpec(argv, all, directory, Stdin.NONE, true, true, limits);
    }
}
