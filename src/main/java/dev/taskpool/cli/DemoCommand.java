package dev.taskpool.cli;

import dev.taskpool.config.ConfigException;
import dev.taskpool.config.SettingsLoader;
import dev.taskpool.log.Logging;
import dev.taskpool.pool.Scratch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

/** {@code taskpool demo}. */
@Command(
        name = "demo",
        description =
                "Starts a service on a free port with a store of its own, runs the acceptance programs over HTTP, drains.",
        mixinStandardHelpOptions = true)
final class DemoCommand implements Callable<Integer> {
    @Override
    public Integer call() throws IOException {
        Logging.configure(false, "warn");
        Path data = Files.createTempDirectory("taskpool-demo");
        Shutdown shutdown = new Shutdown();
        shutdown.onSignals();
        try {
            var settings = SettingsLoader.load(
                            null,
                            Map.of(
                                    "TASKPOOL_SERVER_PORT", "0",
                                    "TASKPOOL_STORE_DIRECTORY", data.toString(),
                                    "TASKPOOL_DRAIN_GRACE", "5s"))
                    .settings();
            try (Service service = Service.start(settings, Version.current());
                    DemoClient client = new DemoClient(service.port())) {
                System.out.println("The service answers on port " + service.port() + "; its store is in " + data);
                new Acceptance(client).all();
                System.out.println();
                System.out.println("Draining …");
                service.drain(shutdown);
            }
            System.out.println("All eight hold. Now for real: ./taskpool serve");
            return 0;
        } catch (ConfigException e) {
            return ConfigFile.refuse(e);
        } catch (IllegalStateException e) {
            System.err.println("The demo failed: " + e.getMessage());
            return Main.FAILED;
        } finally {
            Scratch.remove(data);
        }
    }
}
