package dev.taskpool.cli;

import dev.taskpool.store.StorageException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code taskpool}. */
@Command(
        name = "taskpool",
        description = "Executors and futures for any HTTP client.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        subcommands = {
            ServeCommand.class,
            DemoCommand.class,
            ConfigCommand.class,
            WorkerCommand.class,
            VersionCommand.class,
            HelpCommand.class
        },
        footer = {
            "",
            "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 configuration not valid, 4 cannot start",
            "(data folder in use or damaged, port taken)."
        })
public final class Main implements Runnable {
    static final int FAILED = 1;
    static final int INVALID_CONFIGURATION = 3;
    static final int CANNOT_START = 4;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it
    private CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "Say what to do.");
    }

    public static void main(String[] args) {
        int code = new CommandLine(new Main())
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setExecutionExceptionHandler((error, commandLine, parsed) -> {
                    if (error instanceof StorageException || error instanceof CannotStartException) {
                        System.err.println("taskpool: " + error.getMessage());
                        return CANNOT_START;
                    }
                    throw error;
                })
                .execute(args);
        System.exit(code);
    }
}
