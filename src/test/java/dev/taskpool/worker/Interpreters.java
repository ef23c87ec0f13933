package dev.taskpool.worker;

import dev.taskpool.process.ResourceLimits;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;

/** The bundled workers of other languages, for tests; those that need an interpreter which is not here are skipped. */
public final class Interpreters {
    private static final List<String> FOLDERS = List.of("/usr/local/bin", "/usr/bin", "/bin");

    private Interpreters() {}

    /** Skips the test where a program is not on the PATH that workers have. */
    public static void assumeThere(String program) {
        Assumptions.assumeTrue(
                FOLDERS.stream().anyMatch(folder -> Files.isExecutable(Path.of(folder, program))),
                program + " is not installed");
    }

    /** The Python worker; its modules are looked for in a folder. */
    public static WorkerType python(Path directory, String... options) {
        return type("python3", "workers/python/taskpool_worker.py", directory, options);
    }

    /** The Node worker. */
    public static WorkerType node(Path directory, String... options) {
        return type("node", "workers/node/taskpool-worker.js", directory, options);
    }

    private static WorkerType type(String program, String file, Path directory, String... options) {
        assumeThere(program);
        List<String> argv =
                new ArrayList<>(List.of(program, Path.of(file).toAbsolutePath().toString()));
        argv.addAll(List.of(options));
        return new WorkerType(program, argv, Map.of(), directory.toAbsolutePath(), ResourceLimits.NO_CORE);
    }
}
