package dev.taskpool.cli;

import dev.taskpool.config.ConfigException;
import dev.taskpool.config.Effective;
import dev.taskpool.config.Loaded;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code taskpool config check} and {@code taskpool config print}. */
@Command(name = "config", description = "Looks at the configuration.", mixinStandardHelpOptions = true)
final class ConfigCommand implements Runnable {
    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it
    private CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "Say check or print.");
    }

    @Command(
            mixinStandardHelpOptions = true,
            description = "Says what is wrong with the configuration, with line and allowed values.")
    int check(@Mixin ConfigFile file) {
        try {
            Loaded loaded = file.load();
            Composition.check(loaded.settings());
            Path path = file.path();
            System.out.println((path == null ? "the defaults" : path) + ": valid");
            Composition.notes(loaded.settings()).forEach(note -> System.out.println("note: " + note));
            return 0;
        } catch (ConfigException e) {
            return ConfigFile.refuse(e);
        } catch (CannotStartException e) {
            System.err.println(e.getMessage());
            return Main.INVALID_CONFIGURATION;
        }
    }

    @Command(
            mixinStandardHelpOptions = true,
            description = "Prints what is in force, and where each value comes from. Secrets are masked.")
    int print(@Mixin ConfigFile file) {
        try {
            Loaded loaded = file.load();
            int path = 0;
            int value = 0;
            for (Effective each : loaded.effective()) {
                path = Math.max(path, each.path().length());
                value = Math.min(50, Math.max(value, each.value().length()));
            }
            String format = "%-" + path + "s = %-" + value + "s  # %s%n";
            loaded.effective().forEach(e -> System.out.printf(format, e.path(), e.value(), e.source()));
            return 0;
        } catch (ConfigException e) {
            return ConfigFile.refuse(e);
        }
    }
}
