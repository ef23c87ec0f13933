package dev.taskpool.acceptance;

import dev.taskpool.cli.Service;
import dev.taskpool.config.ConfigException;
import dev.taskpool.config.SettingsLoader;
import dev.taskpool.log.Logging;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** A service in this JVM, on a free port, with its store in a folder of the test. */
public final class Started implements AutoCloseable {
    private final Service service;
    private final Path data;
    public final Api api;

    /** @param settings pairs of variable (without TASKPOOL_) and value */
    public Started(Path data, String... settings) {
        Logging.configure(false, "warn");
        this.data = data;
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

    /**
     * What runs of commands left in the scratch folder. Empty folders that wait for the next run are nothing of a run, as long as they are
     * not more than the two commands of our tests that run at once.
     */
    public List<Path> leftInScratch() throws IOException {
        Path scratch = data.resolve("scratch");
        if (!Files.exists(scratch)) {
            return List.of();
        }
        List<Path> left = new ArrayList<>();
        int spares = 0;
        try (Stream<Path> all = Files.list(scratch)) {
            for (Path each : all.toList()) {
                if (!Files.isDirectory(each) || isFilled(each) || ++spares > 2) {
                    left.add(each);
                }
            }
        }
        return left;
    }

    private static boolean isFilled(Path folder) throws IOException {
        try (Stream<Path> inside = Files.list(folder)) {
            return inside.findAny().isPresent();
        }
    }

    @Override
    public void close() {
        api.close();
        service.close();
    }
}
