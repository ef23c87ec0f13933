package dev.taskpool.acceptance;

import dev.taskpool.cli.Service;
import dev.taskpool.config.ConfigException;
import dev.taskpool.config.SettingsLoader;
import dev.taskpool.log.Logging;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/** A service in this JVM, on a free port, with its store in a folder of the test. */
public final class Started implements AutoCloseable {
    private final Service service;
    public final Api api;

    /** @param settings pairs of variable (without TASKPOOL_) and value */
    public Started(Path data, String... settings) {
        Logging.configure(false, "warn");
        Map<String, String> env = new HashMap<>();
        env.put("TASKPOOL_SERVER_PORT", "0");
        env.put("TASKPOOL_STORE_DIRECTORY", data.toString());
        env.put("TASKPOOL_STORE_DURABILITY", "process");
        env.put("TASKPOOL_DRAIN_GRACE", "2s");
        env.put("TASKPOOL_SERVER_MAX_WAIT", "60s");
        for (int i = 0; i < settings.length; i += 2) {
            env.put("TASKPOOL_" + settings[i], settings[i + 1]);
        }
        try {
            service = Service.start(SettingsLoader.load(null, env).settings(), "test");
        } catch (ConfigException e) {
            throw new IllegalStateException(e);
        }
        api = new Api(service.port());
    }

    public int port() {
        return service.port();
    }

    /** How many requests wait, as the metrics have it. */
    public int openWaits() {
        return api.raw("GET", "/metrics", null)
                .text()
                .lines()
                .filter(l -> l.startsWith("taskpool_open_waits "))
                .mapToInt(l -> (int) Double.parseDouble(l.substring(l.indexOf(' '))))
                .sum();
    }

    @Override
    public void close() {
        api.close();
        service.close();
    }
}
