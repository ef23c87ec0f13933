package dev.taskpool.process;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * What to start, and in which surroundings. Nothing is inherited from this JVM but its user, its root and its cgroup.
 *
 * @param argv the program and its arguments, at least one; without a {@code /} the program is looked up on the PATH of
 *     {@code environment} ({@code /usr/bin:/bin} if it has none), with one it is a path, relative to {@code directory}
 * @param environment all of the environment; the spawner adds {@code TASKPOOL_BOOT} and {@code TASKPOOL_PROCESS}, by which it
 *     finds again what has left the session
 * @param directory the working directory
 * @param stdin standard input
 * @param captureStdout whether standard output goes to the sink; otherwise to {@code /dev/null}
 * @param captureStderr the same for standard error
 * @param limits what it may use
 */
public record ProcessSpec(
        List<String> argv,
        Map<String, String> environment,
        Path directory,
        Stdin stdin,
        boolean captureStdout,
        boolean captureStderr,
        ResourceLimits limits) {

    /** @throws IllegalArgumentException if argv is empty, or a string cannot be handed to execve(2) */
    public ProcessSpec {
        argv = List.copyOf(argv);
        environment = Map.copyOf(environment);
        if (argv.isEmpty() || argv.getFirst().isEmpty()) {
            throw new IllegalArgumentException("argv must name a program");
        }
        argv.forEach(ProcessSpec::requireNoNul);
        environment.forEach((name, value) -> {
            if (name.isEmpty() || name.indexOf('=') >= 0) {
                throw new IllegalArgumentException("not a name of an environment variable: '" + name + "'");
            }
            requireNoNul(name);
            requireNoNul(value);
        });
    }

    /** Both outputs captured, no input, limits as inherited. */
    public ProcessSpec(List<String> argv, Map<String, String> environment, Path directory) {
        this(argv, environment, directory, Stdin.NONE, true, true, ResourceLimits.INHERITED);
    }

    /** The same with another input. */
    public ProcessSpec withStdin(Stdin other) {
        return new ProcessSpec(argv, environment, directory, other, captureStdout, captureStderr, limits);
    }

    /** The same with other limits. */
    public ProcessSpec withLimits(ResourceLimits other) {
        return new ProcessSpec(argv, environment, directory, stdin, captureStdout, captureStderr, other);
    }

    /** The same with other outputs captured. */
    public ProcessSpec withCapture(boolean stdout, boolean stderr) {
        return new ProcessSpec(argv, environment, directory, stdin, stdout, stderr, limits);
    }

    private static void requireNoNul(String text) {
        if (text.indexOf('\0') >= 0) {
            throw new IllegalArgumentException("a NUL character cannot be passed to a program");
        }
    }
}
