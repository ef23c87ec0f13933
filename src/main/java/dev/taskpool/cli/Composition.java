package dev.taskpool.cli;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.callable.BuiltIns;
import dev.taskpool.callable.CallableSpec;
import dev.taskpool.callable.JsonValues;
import dev.taskpool.callable.Registered;
import dev.taskpool.callable.Registry;
import dev.taskpool.config.Settings;
import dev.taskpool.http.Caller;
import dev.taskpool.http.HttpOptions;
import dev.taskpool.http.Scope;
import dev.taskpool.http.Tokens;
import dev.taskpool.journal.Durability;
import dev.taskpool.journal.Repair;
import dev.taskpool.model.Json;
import dev.taskpool.model.Limits;
import dev.taskpool.model.PoolKind;
import dev.taskpool.model.PoolSettings;
import dev.taskpool.model.WorkerPolicy;
import dev.taskpool.pool.CommandTemplate;
import dev.taskpool.pool.Scratch;
import dev.taskpool.process.Programs;
import dev.taskpool.process.ResourceLimits;
import dev.taskpool.process.RunAs;
import dev.taskpool.process.Spawner;
import dev.taskpool.store.Store;
import dev.taskpool.worker.WorkerType;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** From settings to what the rooms are made of. */
final class Composition {
    private static final long WORKER_HEAP_BYTES = 256L << 20;

    private Composition() {}

    /** Makes what can be wrong beyond the form of the settings. */
    static void check(Settings settings) {
        registry(settings, Map.of());
        workerTypes(settings).forEach((name, type) -> {
            try {
                Programs.problem(type.spec(Path.of("/"), "")).ifPresent(problem -> {
                    throw new CannotStartException("workers." + name + ": " + problem, null);
                });
            } catch (IllegalArgumentException e) {
                throw new CannotStartException("workers." + name + ": " + e.getMessage(), e);
            }
        });
        checkLimits(settings, unenforceable());
        checkUsers(settings);
    }

    static Store.Options store(Settings settings) {
        Settings.Storage store = settings.store();
        return new Store.Options(
                store.directory(),
                store.fsync() ? Durability.FSYNC : Durability.PROCESS,
                store.applyInterval(),
                store.journalSegmentBytes(),
                store.truncateDamaged() ? Repair.TRUNCATE : Repair.REFUSE,
                store.minFreeBytes(),
                settings.tasks().priorityAgeing());
    }

    /**
     * All callables: built in, from plugins, from the configuration, from workers.
     *
     * @param offered what workers of each type can run
     */
    static Registry registry(Settings settings, Map<String, List<CallableSpec>> offered) {
        List<Registered> all = new ArrayList<>(Registry.of(new BuiltIns()));
        try {
            all.addAll(Registry.plugins(settings.plugins()));
        } catch (IOException e) {
            throw new CannotStartException("plugins.directory " + settings.plugins() + " cannot be read: " + e, e);
        }
        Map<String, CommandTemplate> templates = templates(settings);
        for (Map.Entry<String, Settings.Command> command :
                settings.allCommands().entrySet()) {
            CommandTemplate template = templates.get(command.getKey());
            all.add(Registered.command(
                    spec(command.getKey(), command.getValue(), template),
                    template == null ? null : template::problem,
                    command.getValue().files()));
        }
        Map<String, String> owners = new HashMap<>();
        all.forEach(each -> owners.put(each.spec().name(), "is there without it"));
        offered.forEach((type, specs) -> specs.forEach(spec -> {
            String owner = owners.put(spec.name(), "is also offered by workers." + type);
            if (owner != null) {
                throw new CannotStartException(
                        "workers." + type + " offers the callable " + spec.name() + ", which " + owner
                                + ": each name stands for one callable",
                        null);
            }
            all.add(Registered.of(type, spec));
        }));
        Registry registry;
        try {
            registry = new Registry(all);
        } catch (IllegalArgumentException e) {
            throw new CannotStartException(String.valueOf(e.getMessage()), e);
        }
        settings.pools().forEach((name, pool) -> checkInitializer(name, pool, registry, offered.keySet()));
        return registry;
    }

    /** Refuses an initializer that workers of its pool do not have, where it is known what they have. */
    private static void checkInitializer(String name, PoolSettings pool, Registry registry, Set<String> asked) {
        WorkerPolicy.Initializer initializer = pool.worker().initializer();
        if (initializer == null
                || !(pool.workerType().equals(PoolSettings.JAVA_WORKER) || asked.contains(pool.workerType()))) {
            return;
        }
        Registered callable = registry.find(initializer.callable());
        if (callable == null || !callable.runsOn(pool)) {
            throw new CannotStartException(
                    "pools." + name + ".initializer: there is no callable " + initializer.callable()
                            + " for workers of type " + pool.workerType(),
                    null);
        }
    }

    /** The commands of the configuration, by the name of their callable. */
    static Map<String, CommandTemplate> templates(Settings settings) {
        Map<String, CommandTemplate> all = new LinkedHashMap<>();
        settings.allCommands().forEach((name, command) -> {
            try {
                CommandTemplate template = name.equals(Settings.EXEC) && command.equals(settings.exec())
                        ? CommandTemplate.free(command.env(), command.inheritEnv())
                                .with(command.files())
                        : template(command);
                all.put(name, template.as(command.user()));
            } catch (IllegalArgumentException e) {
                throw new CannotStartException("commands." + name + ": " + e.getMessage(), e);
            }
        });
        return all;
    }

    private static CommandTemplate template(Settings.Command command) {
        return CommandTemplate.of(
                        command.argv(),
                        command.allowLeadingDash(),
                        command.stdin(),
                        command.result(),
                        command.env(),
                        command.inheritEnv(),
                        command.successExitCodes())
                .with(command.files())
                .snoozing(command.snoozeExitCodes());
    }

    /** Returns what is wrong with a command. */
    static Optional<String> problem(Settings.Command command) {
        try {
            template(command);
            return Optional.empty();
        } catch (IllegalArgumentException e) {
            return Optional.of(String.valueOf(e.getMessage()));
        }
    }

    /** What PROCESS pools may start, by name. */
    static Map<String, WorkerType> workerTypes(Settings settings) {
        String java = PoolSettings.JAVA_WORKER;
        Map<String, WorkerType> all = new LinkedHashMap<>();
        all.put(java, WorkerType.java(java, settings.plugins(), WORKER_HEAP_BYTES, Map.of()));
        settings.workers().forEach((name, worker) -> all.put(name, workerType(name, worker)));
        return all;
    }

    private static WorkerType workerType(String name, Settings.Worker worker) {
        String home = home().toString();
        Map<String, String> env = new HashMap<>();
        for (String variable : worker.inheritEnv()) {
            String value = System.getenv(variable);
            if (value != null) {
                env.put(variable, value);
            }
        }
        env.putAll(worker.env());
        return new WorkerType(
                name,
                worker.command().stream()
                        .map(word -> word.replace("{home}", home))
                        .toList(),
                env,
                Path.of(worker.directory() == null ? "" : worker.directory().replace("{home}", home))
                        .toAbsolutePath(),
                ResourceLimits.NO_CORE,
                worker.startTimeout());
    }

    /** Where this is installed: the launcher says so. */
    private static Path home() {
        String home = System.getenv("TASKPOOL_HOME");
        return Path.of(home == null ? "" : home).toAbsolutePath();
    }

    private static CallableSpec spec(String name, Settings.Command command, @Nullable CommandTemplate template) {
        String schema = command.argumentsSchema();
        JsonNode ofPlaceholders = template == null ? null : template.schema();
        return new CallableSpec(
                name,
                command.description(),
                Set.of(PoolKind.COMMAND),
                command.onLost(),
                command.maxAttempts(),
                command.retry(),
                command.timeout(),
                schema == null
                        ? ofPlaceholders
                        : JsonValues.tree(Json.ofValid(schema.getBytes(StandardCharsets.UTF_8))),
                command.limits());
    }

    /** Refuses limits that this machine cannot keep: an operator who set one relies on it. */
    static void checkLimits(Settings settings, Map<String, String> unenforceable) {
        settings.pools().forEach((name, pool) -> {
            checkLimits("pools." + name + ".limits", pool.limits().defaults(), unenforceable);
            checkLimits("pools." + name + ".max_limits", pool.limits().maximum(), unenforceable);
        });
        settings.allCommands()
                .forEach((name, command) ->
                        checkLimits("commands." + name + ".limits", command.limits(), unenforceable));
    }

    private static void checkLimits(String key, Limits limits, Map<String, String> unenforceable) {
        for (String name : limits.byName().keySet()) {
            String reason = unenforceable.get(name);
            if (reason != null) {
                throw new CannotStartException(key + " sets " + name + ": " + reason, null);
            }
        }
    }

    /** Returns what an operator should know of limits that are kept, but not to the letter; nothing where none is set. */
    static List<String> notes(Settings settings) {
        List<String> where = new ArrayList<>();
        settings.pools().forEach((name, pool) -> {
            noteScratch(where, "pools." + name + ".limits", pool.limits().defaults());
            noteScratch(where, "pools." + name + ".max_limits", pool.limits().maximum());
        });
        settings.allCommands()
                .forEach((name, command) -> noteScratch(where, "commands." + name + ".limits", command.limits()));
        return where.isEmpty()
                ? List.of()
                : List.of(String.join(", ", where)
                        + " is kept by looking into the folder four times a second, less often where that takes long: a program can write more"
                        + " between two looks, files that are deleted and still open are not seen, nor is what it writes elsewhere."
                        + " limits.file_size bounds each file at once.");
    }

    private static void noteScratch(List<String> where, String key, Limits limits) {
        if (limits.scratchBytes() != null) {
            where.add(key + ".scratch");
        }
    }

    private static void checkUsers(Settings settings) {
        settings.allCommands().forEach((name, command) -> {
            if (command.user() != null) {
                try {
                    RunAs.of(command.user());
                } catch (IllegalArgumentException e) {
                    throw new CannotStartException("commands." + name + ".user: " + e.getMessage(), e);
                }
                RunAs.problem().ifPresent(problem -> {
                    throw new CannotStartException("commands." + name + ".user: " + problem, null);
                });
            }
        });
    }

    /** Limits that this machine cannot keep, by their names in JSON, with the reason. */
    static Map<String, String> unenforceable() {
        Map<String, String> byName = new LinkedHashMap<>();
        Spawner.unenforceable()
                .forEach((kind, reason) -> byName.put(
                        switch (kind) {
                            case MEMORY -> "memory_bytes";
                            case CPU -> "cpu_ms";
                            case OPEN_FILES -> "open_files";
                            case PROCESSES -> "processes";
                            case FILE_SIZE -> "file_size_bytes";
                        },
                        reason));
        Scratch.problem().ifPresent(problem -> byName.put("scratch_bytes", problem));
        return byName;
    }

    static Tokens tokens(Settings settings) {
        return new Tokens(settings.tokens().stream()
                .map(token -> {
                    Set<Scope> scopes = EnumSet.noneOf(Scope.class);
                    token.scopes().forEach(s -> scopes.add(Scope.valueOf(s.toUpperCase(Locale.ROOT))));
                    return new Tokens.Token(
                            token.sha256(), new Caller(token.name(), scopes, token.pools(), token.callables()));
                })
                .toList());
    }

    static HttpOptions http(Settings settings, String version) {
        Settings.Server server = settings.server();
        Settings.Tasks tasks = settings.tasks();
        return new HttpOptions(
                server.host(),
                server.port(),
                server.allowUnauthenticated(),
                server.maxRequestBytes(),
                server.maxHeaderBytes(),
                server.maxJsonDepth(),
                server.maxWait(),
                server.maxOpenWaits(),
                server.idleTimeout(),
                server.requestThreads(),
                tasks.maxBatchSize(),
                tasks.maxResultBytes(),
                tasks.maxOutputBytes(),
                settings.docs(),
                settings.metrics(),
                version);
    }
}
