package dev.taskpool.process;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** Finds the program that a spec names, and explains why one could not be started. */
public final class Programs {
    private static final String DEFAULT_PATH = "/usr/bin:/bin";

    private Programs() {}

    /** Returns why a program could not be started from here and now, or nothing where it could. Starts nothing. */
    public static Optional<String> problem(ProcessSpec spec) {
        try {
            check(spec, resolve(spec));
            return Optional.empty();
        } catch (SpawnException e) {
            return Optional.of(String.valueOf(e.getMessage()));
        }
    }

    /**
     * As execvp(3) does, but on the PATH of the given environment and not on that of this JVM.
     *
     * @return a path for execve, relative ones relative to the spec's directory
     */
    static String resolve(ProcessSpec spec) throws SpawnException {
        String name = spec.argv().getFirst();
        if (name.indexOf('/') >= 0) {
            return name;
        }
        String path = spec.environment().getOrDefault("PATH", DEFAULT_PATH);
        boolean found = false;
        for (String entry : path.split(File.pathSeparator, -1)) {
            Path candidate = spec.directory().resolve(entry).resolve(name);
            if (Files.isRegularFile(candidate)) {
                if (Files.isExecutable(candidate)) {
                    return candidate.toAbsolutePath().toString();
                }
                found = true;
            }
        }
        throw found
                ? failure(name + " on PATH " + path, "Permission denied", SpawnException.EACCES)
                : failure(name + " on PATH " + path, "No such file or directory", SpawnException.ENOENT);
    }

    /** posix_spawn gives one number for all its steps; this says which of them it was. */
    static SpawnException explain(ProcessSpec spec, String program, int errno, String reason) {
        Path directory = spec.directory();
        boolean ofTheDirectory = switch (errno) {
            case SpawnException.ENOENT, SpawnException.ENOTDIR -> !Files.isDirectory(directory);
            case SpawnException.EACCES -> !Files.isExecutable(directory);
            default -> false;
        };
        if (ofTheDirectory) {
            return failure("in working directory " + directory, reason, errno);
        }
        if (errno == SpawnException.ENOENT && Files.exists(directory.resolve(program))) {
            return failure(program, "its interpreter is missing: " + reason, errno);
        }
        return failure(program, reason, errno);
    }

    /** What posix_spawn would find out, for a spawner that cannot ask it. */
    static void check(ProcessSpec spec, String program) throws SpawnException {
        Path directory = spec.directory();
        if (!Files.isDirectory(directory)) {
            boolean exists = Files.exists(directory);
            throw failure(
                    "in working directory " + directory,
                    exists ? "Not a directory" : "No such file or directory",
                    exists ? SpawnException.ENOTDIR : SpawnException.ENOENT);
        }
        Path file = directory.resolve(program);
        if (!Files.exists(file)) {
            throw failure(program, "No such file or directory", SpawnException.ENOENT);
        }
        if (!Files.isRegularFile(file) || !Files.isExecutable(file)) {
            throw failure(program, "Permission denied", SpawnException.EACCES);
        }
    }

    private static SpawnException failure(String what, String reason, int errno) {
        return new SpawnException("cannot start " + what + ": " + reason, errno);
    }
}
