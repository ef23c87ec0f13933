package dev.taskpool.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.taskpool.callable.BuiltIns;
import dev.taskpool.callable.Registry;
import dev.taskpool.engine.Engine;
import dev.taskpool.engine.EngineOptions;
import dev.taskpool.engine.Observer;
import dev.taskpool.journal.Durability;
import dev.taskpool.journal.Repair;
import dev.taskpool.model.Ticker;
import dev.taskpool.output.OutputFiles;
import dev.taskpool.pool.CallableInvoker;
import dev.taskpool.pool.ThreadRunner;
import dev.taskpool.store.Store;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;

@org.jspecify.annotations.NullUnmarked
class RoutesMatchContractTest {
    /** Operation ids with method, path and query parameters, of the contract. */
    @SuppressWarnings("unchecked")
    private static Map<String, String> contract() throws Exception {
        Map<String, Object> file = (Map<String, Object>)
                new Load(LoadSettings.builder().build()).loadFromString(Files.readString(Path.of("openapi.yaml")));
        Map<String, Object> shared =
                (Map<String, Object>) ((Map<String, Object>) file.get("components")).get("parameters");
        Map<String, String> all = new TreeMap<>();
        ((Map<String, Map<String, Object>>) file.get("paths"))
                .forEach((path, item) -> item.forEach((method, body) -> {
                    if (method.equals("parameters")) {
                        return;
                    }
                    Map<String, Object> operation = (Map<String, Object>) body;
                    TreeSet<String> query = new TreeSet<>();
                    for (Map<String, Object> parameter :
                            (List<Map<String, Object>>) operation.getOrDefault("parameters", List.of())) {
                        Object ref = parameter.get("$ref");
                        Map<String, Object> full = ref == null
                                ? parameter
                                : (Map<String, Object>)
                                        shared.get(ref.toString().replaceAll(".*/", ""));
                        if ("query".equals(full.get("in"))) {
                            query.add(full.get("name").toString());
                        }
                    }
                    all.put(
                            operation.get("operationId").toString(),
                            method.toUpperCase(Locale.ROOT) + " " + path + " " + query);
                }));
        return all;
    }

    @Test
    void routesAndContractAreTheSame(@TempDir Path data) throws Exception {
        Registry registry = new Registry(Registry.of(new BuiltIns()));
        OutputFiles outputs = new OutputFiles(data.resolve("output"), 1 << 20, false, Ticker.SYSTEM);
        Store.Options options = new Store.Options(
                data, Durability.PROCESS, Duration.ofMillis(200), 1 << 20, Repair.REFUSE, 0, Duration.ofSeconds(10));
        try (Store store = Store.open(options, Ticker.SYSTEM);
                Engine engine = new Engine(
                        new EngineOptions("default", Duration.ofHours(1), Duration.ofSeconds(10), 100),
                        store,
                        registry,
                        outputs,
                        (name, settings, broken) ->
                                new ThreadRunner(name, settings, new CallableInvoker(1 << 20, true)),
                        Observer.NONE,
                        Ticker.SYSTEM,
                        new Random(),
                        () -> {})) {
            engine.start(Map.of());
            HttpServer server = new HttpServer(
                    new HttpOptions(
                            "127.0.0.1",
                            0,
                            false,
                            1 << 20,
                            8192,
                            64,
                            Duration.ofSeconds(25),
                            100,
                            Duration.ofSeconds(60),
                            8,
                            1000,
                            1 << 20,
                            1 << 20,
                            true,
                            true,
                            "test"),
                    engine,
                    registry,
                    outputs,
                    new Tokens(List.of()),
                    Set.of("java"),
                    (url, pointer) -> {},
                    new Random(),
                    () -> new byte[0]);
            Map<String, String> routes = new TreeMap<>();
            for (Route route : server.routes()) {
                if (!route.operation().isEmpty()) {
                    routes.put(
                            route.operation(),
                            route.method() + " " + route.path() + " " + new TreeSet<>(route.query()));
                }
            }
            assertThat(routes).isEqualTo(contract());
        }
    }
}
