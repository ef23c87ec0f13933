package dev.taskpool.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

/** {@code taskpool version}. */
@Command(name = "version", description = "Prints what was built.", mixinStandardHelpOptions = true)
final class VersionCommand implements Callable<Integer> {
    @Override
    public Integer call() {
        System.out.println(new Version().getVersion()[0]);
        return 0;
    }
}
