package dev.taskpool.cli;

import dev.taskpool.config.ConfigException;
import dev.taskpool.config.Loaded;
import dev.taskpool.log.Logging;
import java.util.concurrent.Callable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code taskpool serve}. */
@Command(
        name = "serve",
        description = {
            "Runs the service until SIGTERM or SIGINT (Ctrl-C), then drains and exits 0.",
            "A second signal hurries the drain, a third stops at once."
        },
        mixinStandardHelpOptions = true)
final class ServeCommand implements Callable<Integer> {
    @Mixin
    @SuppressWarnings("NullAway.Init") // picocli sets it
    private ConfigFile config;

    @Option(
            names = "--stop-when-ready",
            hidden = true,
            description = "Starts, answers once, drains: for the AOT cache.")
    private boolean stopWhenReady;

    @Override
    public Integer call() {
        Loaded loaded;
        try {
            loaded = config.load();
            Composition.check(loaded.settings());
        } catch (ConfigException e) {
            return ConfigFile.refuse(e);
        }
        Logging.configure(
                loaded.settings().log().json(), loaded.settings().log().level());
        Logger log = LoggerFactory.getLogger("taskpool");
        Shutdown shutdown = new Shutdown();
        shutdown.onSignals();
        try (Service service = Service.start(loaded.settings(), Version.current())) {
            log.info(
                    "taskpool {} answers on http://{}:{} after {} ms; data in {}",
                    Version.current(),
                    loaded.settings().server().host(),
                    service.port(),
                    Service.millisSinceStart(),
                    loaded.settings().store().directory().toAbsolutePath());
            if (stopWhenReady) {
                Warmup.run(service.port());
                shutdown.ask();
            }
            shutdown.await();
            log.info("stopping");
            service.drain(shutdown);
        }
        log.info("stopped");
        return 0;
    }
}
