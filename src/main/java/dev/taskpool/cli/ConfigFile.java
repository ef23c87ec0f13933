package dev.taskpool.cli;

import dev.taskpool.config.ConfigException;
import dev.taskpool.config.Loaded;
import dev.taskpool.config.SettingsLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Which configuration to take. */
final class ConfigFile {
    private static final Path USUAL = Path.of("config", "taskpool.yaml");

    @Option(
            names = {"-c", "--config"},
            paramLabel = "FILE",
            description = "Configuration; else TASKPOOL_CONFIG, else config/taskpool.yaml here or beside the program.")
    private @Nullable Path file;

    /** Returns the file, or null where there is none and nobody named one. */
    @Nullable
    Path path() {
        if (file != null) {
            return file;
        }
        String named = System.getenv("TASKPOOL_CONFIG");
        if (named != null && !named.isEmpty()) {
            return Path.of(named);
        }
        if (Files.exists(USUAL)) {
            return USUAL;
        }
        String home = System.getenv("TASKPOOL_HOME");
        Path beside = home == null ? USUAL : Path.of(home).resolve(USUAL);
        return Files.exists(beside) ? beside : null;
    }

    Loaded load() throws ConfigException {
        return SettingsLoader.load(path(), System.getenv(), Composition::problem);
    }

    /** Says what is wrong, one line each, and returns the exit code. */
    static int refuse(ConfigException e) {
        e.problems().forEach(System.err::println);
        return Main.INVALID_CONFIGURATION;
    }
}
