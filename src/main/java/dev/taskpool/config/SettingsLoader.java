package dev.taskpool.config;

import dev.taskpool.model.FailureMatch;
import dev.taskpool.model.FileRules;
import dev.taskpool.model.Json;
import dev.taskpool.model.Limits;
import dev.taskpool.model.OnLost;
import dev.taskpool.model.PoolKind;
import dev.taskpool.model.PoolLimits;
import dev.taskpool.model.PoolSettings;
import dev.taskpool.model.RetryPolicy;
import dev.taskpool.model.WorkerPolicy;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.MalformedInputException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Compose;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.SequenceNode;

/**
 * Reads the settings: the file, over it the environment ({@code server.port} is {@code TASKPOOL_SERVER_PORT}), under it the
 * defaults. This is the one table of all keys, their ranges and defaults; {@code config/taskpool.yaml} documents them.
 */
public final class SettingsLoader {
    static final String PREFIX = "TASKPOOL_";

    /** What the launcher, tasks and clients have in their environment. */
    private static final Set<String> NO_SETTINGS = Set.of(
            "TASKPOOL_ATTEMPT",
            "TASKPOOL_BOOT",
            "TASKPOOL_CONFIG",
            "TASKPOOL_HOME",
            "TASKPOOL_JAVA_HOME",
            "TASKPOOL_JAVA_OPTS",
            "TASKPOOL_PROCESS",
            "TASKPOOL_SOCKET",
            "TASKPOOL_TASK_ID",
            "TASKPOOL_TOKEN",
            "TASKPOOL_URL");

    /** What Kubernetes puts into the environment of a pod for a service that is named taskpool, or taskpool-something. */
    private static final Pattern OF_KUBERNETES = Pattern.compile(
            "TASKPOOL(_\\w+)?_(SERVICE_HOST|SERVICE_PORT(_\\w+)?|PORT_\\d+_(TCP|UDP|SCTP)(_\\w+)?)|TASKPOOL_PORT");

    private static final String NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,62}";

    /** As in the paths of the API: no other name could be asked for. */
    private static final String POOL_NAME = "[a-z0-9][a-z0-9_-]{0,62}";

    /** The longest {@code wait} of the API. */
    private static final String LONGEST_WAIT = "300s";

    private static final Duration LONGEST_SNOOZE = Duration.ofDays(365);

    private static final List<String> SCOPES = List.of("submit", "read", "cancel", "admin");

    private SettingsLoader() {}

    /**
     * Loads.
     *
     * @param file null is none: the defaults and the environment
     * @throws ConfigException with everything that is wrong
     */
    public static Loaded load(@Nullable Path file, Map<String, String> env) throws ConfigException {
        return load(file, env, _ -> Optional.empty());
    }

    /**
     * Loads, and holds each command against what only others know.
     *
     * @param commandCheck returns what is wrong with the command's argv, stdin or env
     */
    public static Loaded load(
            @Nullable Path file, Map<String, String> env, Function<Settings.Command, Optional<String>> commandCheck)
            throws ConfigException {
        Section.Load load = new Section.Load(file == null ? "configuration" : file.toString(), env);
        Node root = file == null ? null : parse(read(file), load.file, load.problems);
        Settings settings = settings(new Section(load, "", root), commandCheck);
        for (String variable : env.keySet()) {
            boolean setting = variable.startsWith(PREFIX)
                    && !NO_SETTINGS.contains(variable)
                    && !OF_KUBERNETES.matcher(variable).matches();
            if (setting && !load.usedEnv.contains(variable)) {
                String near = Nearest.of(
                        variable,
                        load.effective.stream().map(e -> variable(e.path())).toList());
                load.problems.add(
                        variable + ": there is no such setting" + (near == null ? "" : "; did you mean " + near + "?"));
            }
        }
        if (!load.problems.isEmpty()) {
            throw new ConfigException(load.problems);
        }
        return new Loaded(settings, List.copyOf(load.effective));
    }

    /** Returns the environment variable of a setting. */
    static String variable(String path) {
        return PREFIX + path.toUpperCase(Locale.ROOT).replaceAll("[^A-Z0-9]+", "_");
    }

    private static String read(Path file) throws ConfigException {
        try {
            return Files.readString(file);
        } catch (NoSuchFileException e) {
            throw new ConfigException(List.of(file + ": there is no such file"));
        } catch (MalformedInputException e) {
            throw new ConfigException(List.of(file + ": is not UTF-8"));
        } catch (IOException e) {
            throw new ConfigException(List.of(file + ": cannot be read: " + e.getMessage()));
        }
    }

    static @Nullable Node parse(String text, String source, List<String> problems) {
        try {
            return new Compose(LoadSettings.builder()
                            .setLabel(source)
                            .setAllowDuplicateKeys(false)
                            .setParseComments(false)
                            .build())
                    .composeString(text)
                    .orElse(null);
        } catch (MarkedYamlEngineException e) {
            problems.add(e.getProblemMark()
                            .map(m -> source + ":" + (m.getLine() + 1) + ":" + (m.getColumn() + 1))
                            .orElse(source)
                    + ": is not YAML: " + e.getProblem());
        } catch (YamlEngineException e) {
            problems.add(source + ": is not YAML: " + e.getMessage());
        }
        return null;
    }

    private static Settings settings(Section root, Function<Settings.Command, Optional<String>> commandCheck) {
        Section serverSection = root.section("server");
        Settings.Server server = server(serverSection);
        Section auth = root.section("auth");
        List<Settings.Token> tokens =
                auth.listed("tokens").stream().map(SettingsLoader::token).toList();
        auth.close();
        publicBind(serverSection, server, tokens);
        Settings.Storage store = store(root.section("store"));
        Section tasksSection = root.section("tasks");
        Settings.Tasks tasks = tasks(tasksSection);
        Map<String, Settings.Worker> workers = new LinkedHashMap<>();
        root.named("workers", List.of())
                .forEach((name, section) -> workers.put(checkedName(section, name), worker(section, name)));
        Map<String, PoolSettings> pools = new LinkedHashMap<>();
        root.named("pools", List.of("default", "processes", "commands"))
                .forEach((name, section) ->
                        pools.put(checkedPool(section, name), pool(section, name, workers.keySet())));
        if (!pools.containsKey(tasks.defaultPool())) {
            tasksSection.problem(
                    "default_pool",
                    "must be one of the configured pools (" + String.join(", ", pools.keySet()) + "), is '"
                            + tasks.defaultPool() + "'");
        }
        Map<String, Settings.Command> commands = new LinkedHashMap<>();
        root.named("commands", List.of()).forEach((name, section) -> {
            Settings.Command command = command(section);
            commands.put(checkedName(section, name), command);
            if (!command.argv().isEmpty()) {
                commandCheck.apply(command).ifPresent(sentence -> section.problem("", sentence));
            }
        });
        Section execSection = root.section("exec");
        Settings.Command exec = exec(execSection);
        if (exec != null && commands.containsKey(Settings.EXEC)) {
            execSection.problem("enabled", "adds a callable of the name exec, and there is a command of that name");
        }
        Settings.Callbacks callbacks = callbacks(root.section("callbacks"));
        Settings.Drain drain = drain(root.section("drain"));
        Section plugins = root.section("plugins");
        Path pluginFolder = Path.of(plugins.text("directory", "plugins"));
        plugins.close();
        Section log = root.section("log");
        Settings.Log logging = new Settings.Log(
                log.word("format", "human", List.of("human", "json")).equals("json"),
                log.word("level", "info", List.of("error", "warn", "info", "debug", "trace")));
        log.close();
        Section metrics = root.section("metrics");
        boolean metricsEnabled = metrics.bool("enabled", true);
        metrics.close();
        Section docs = root.section("docs");
        boolean docsEnabled = docs.bool("enabled", true);
        docs.close();
        root.close();
        return new Settings(
                server,
                tokens,
                store,
                tasks,
                pools,
                workers,
                commands,
                exec,
                callbacks,
                drain,
                pluginFolder,
                logging,
                metricsEnabled,
                docsEnabled);
    }

    private static String checkedPool(Section section, String name) {
        if (!name.matches(POOL_NAME)) {
            section.problem("", "is not a name of a pool: it must match ^" + POOL_NAME + "$");
        }
        return name;
    }

    private static String checkedName(Section section, String name) {
        if (!name.matches(NAME)) {
            section.problem("", "is not a name: up to 63 letters, digits, '.', '_', '-', first a letter or digit");
        }
        return name;
    }

    private static Settings.Server server(Section s) {
        Settings.Server server = new Settings.Server(
                s.text("host", "127.0.0.1"),
                s.integer("port", 8080, 0, 65_535),
                s.bool("allow_unauthenticated", false),
                (int) s.size("max_request_bytes", "1MiB", "1KiB", "256MiB"),
                (int) s.size("max_header_bytes", "8KiB", "1KiB", "1MiB"),
                s.integer("max_json_depth", 64, 4, 1000),
                s.duration("max_wait", "25s", "0s", LONGEST_WAIT),
                s.integer("max_open_waits", 20_000, 0, 1_000_000),
                s.duration("idle_timeout", "60s", "1s", "1h"),
                s.integer("request_threads", 64, 4, 1024));
        s.close();
        return server;
    }

    private static Settings.Token token(Section s) {
        String name = s.text("name", "");
        String hash = s.text("sha256", "");
        List<String> scopes = s.texts("scopes", SCOPES);
        if (name.isEmpty()) {
            s.problem("name", "is required");
        }
        if (!hash.matches("[0-9a-fA-F]{64}")) {
            s.problem(
                    "sha256", "must be the SHA-256 of the token in 64 hexadecimal digits: printf %s TOKEN | sha256sum");
        }
        for (String scope : scopes) {
            if (!SCOPES.contains(scope)) {
                s.problem("scopes", "may hold " + String.join(", ", SCOPES) + ", not '" + scope + "'");
            }
        }
        Settings.Token token = new Settings.Token(
                name,
                hash,
                Set.copyOf(scopes),
                Set.copyOf(s.texts("pools", List.of())),
                Set.copyOf(s.texts("callables", List.of())));
        s.close();
        return token;
    }

    /** Whoever can reach the port can run programs: that must have been meant. */
    private static void publicBind(Section section, Settings.Server server, List<Settings.Token> tokens) {
        if (!tokens.isEmpty() || server.allowUnauthenticated()) {
            return;
        }
        boolean loopback;
        try {
            loopback = InetAddress.getByName(server.host()).isLoopbackAddress();
        } catch (UnknownHostException e) {
            section.problem("host", "must be an address of this machine, is '" + server.host() + "'");
            return;
        }
        if (!loopback) {
            section.problem(
                    "host",
                    "is " + server.host()
                            + ", which others can reach, and there are no auth.tokens: add tokens (TASKPOOL_AUTH_TOKENS), or"
                            + " bind to 127.0.0.1 (TASKPOOL_SERVER_HOST), or say server.allow_unauthenticated: true"
                            + " (TASKPOOL_SERVER_ALLOW_UNAUTHENTICATED)");
        }
    }

    private static Settings.Storage store(Section s) {
        Settings.Storage store = new Settings.Storage(
                Path.of(s.text("directory", "data")),
                s.word("durability", "fsync", List.of("fsync", "process")).equals("fsync"),
                s.duration("apply_interval", "200ms", "10ms", "10s"),
                (int) s.size("journal_segment", "16MiB", "1MiB", "256MiB"),
                s.word("journal_repair", "refuse", List.of("refuse", "truncate"))
                        .equals("truncate"),
                s.size("min_free", "64MiB", "0B", "1024GiB"));
        s.close();
        return store;
    }

    private static Settings.Tasks tasks(Section s) {
        Settings.Tasks tasks = new Settings.Tasks(
                s.duration("retention", "1h", "1s", "365d"),
                (int) s.size("max_result_bytes", "1MiB", "1KiB", "64MiB"),
                (int) s.size("max_output_bytes", "1MiB", "0B", "1GiB"),
                s.integer("max_batch_size", 1000, 1, 10_000),
                s.duration("priority_ageing", "10s", "1s", "1d"),
                s.integer("window", 10_000, 100, 1_000_000),
                s.text("default_pool", "default"),
                s.bool("traces", true));
        s.close();
        return tasks;
    }

    private static PoolSettings pool(Section s, String name, Set<String> workerTypes) {
        String usual = switch (name) {
            case "processes" -> "process";
            case "commands" -> "command";
            default -> "thread";
        };
        PoolKind kind = PoolKind.valueOf(
                s.word("kind", usual, List.of("thread", "process", "command")).toUpperCase(Locale.ROOT));
        int processors = Runtime.getRuntime().availableProcessors();
        int most = s.integer("max_workers", PoolSettings.defaultWorkers(kind, processors), 1, 1024);
        int least = s.integer("min_workers", 0, 0, 1024);
        if (least > most) {
            s.problem("min_workers", "must be at most max_workers, which is " + most + ", is " + least);
            least = most;
        }
        boolean virtual = kind == PoolKind.THREAD && s.bool("virtual_threads", false);
        String worker =
                kind == PoolKind.PROCESS ? s.text("worker_type", PoolSettings.JAVA_WORKER) : PoolSettings.JAVA_WORKER;
        if (!worker.equals(PoolSettings.JAVA_WORKER) && !workerTypes.contains(worker)) {
            s.problem(
                    "worker_type",
                    "must be java or one of workers (" + String.join(", ", workerTypes) + "), is '" + worker + "'");
        }
        Integer maxTasks =
                kind == PoolKind.PROCESS ? s.optionalInteger("max_tasks_per_worker", null, 1, Integer.MAX_VALUE) : null;
        PoolSettings.OnWorkerLost lost = kind == PoolKind.PROCESS
                ? PoolSettings.OnWorkerLost.valueOf(s.word("on_worker_lost", "heal", List.of("heal", "break"))
                        .toUpperCase(Locale.ROOT))
                : PoolSettings.OnWorkerLost.HEAL;
        PoolSettings pool = new PoolSettings(
                kind,
                most,
                least,
                virtual,
                worker,
                maxTasks,
                millis(s.optionalDuration("idle_timeout", null, "1ms", "365d")),
                lost,
                null,
                s.integer("queue_capacity", 10_000, 0, 1_000_000),
                millis(s.optionalDuration("default_timeout", null, "1ms", "365d")),
                s.duration("grace", "5s", "0s", "1h").toMillis(),
                workerPolicy(s, kind),
                poolLimits(s, kind));
        s.close();
        return pool;
    }

    private static WorkerPolicy workerPolicy(Section s, PoolKind kind) {
        return switch (kind) {
            case THREAD -> new WorkerPolicy(null, null, null, s.optionalInteger("max_stuck_workers", null, 0, 1024));
            case PROCESS ->
                new WorkerPolicy(
                        initializer(s),
                        s.optionalSize("max_worker_memory", null, "1MiB", "1024GiB"),
                        millis(s.optionalDuration("max_worker_age", null, "1ms", "365d")),
                        null);
            case COMMAND -> WorkerPolicy.NONE;
        };
    }

    private static WorkerPolicy.@Nullable Initializer initializer(Section pool) {
        if (!pool.isSet("initializer")) {
            return null;
        }
        Section s = pool.section("initializer");
        String callable = s.text("callable", "");
        if (callable.isEmpty()) {
            s.problem("callable", "is required");
        }
        Node args = s.tree("args");
        Node kwargs = s.tree("kwargs");
        if (args != null && !(args instanceof SequenceNode)) {
            s.problem("args", "must be a list");
        }
        if (kwargs != null && !(kwargs instanceof MappingNode)) {
            s.problem("kwargs", "must be a mapping");
        }
        s.close();
        return new WorkerPolicy.Initializer(callable, json(args), json(kwargs));
    }

    private static @Nullable Json json(@Nullable Node node) {
        return node == null ? null : Json.ofValid(NodeJson.text(node));
    }

    private static PoolLimits poolLimits(Section s, PoolKind kind) {
        boolean processes = kind != PoolKind.THREAD;
        return new PoolLimits(
                processes ? ofPool(s.section("limits"), kind) : Limits.NONE,
                processes ? ofPool(s.section("max_limits"), kind) : Limits.NONE,
                millis(s.optionalDuration("max_timeout", null, "1ms", "365d")),
                millis(s.optionalDuration("queue_timeout", null, "1ms", "365d")),
                millis(s.optionalDuration("max_queue_timeout", null, "1ms", "365d")));
    }

    private static Limits ofPool(Section s, PoolKind kind) {
        if (kind == PoolKind.PROCESS && s.isSet("scratch")) {
            s.problem("scratch", "is for pools of kind command: a worker has no scratch folder");
        }
        return limits(s);
    }

    private static Limits limits(Section s) {
        Integer openFiles = s.optionalInteger("open_files", null, (int) Limits.LEAST_OPEN_FILES, Integer.MAX_VALUE);
        Integer processes = s.optionalInteger("processes", null, 1, Integer.MAX_VALUE);
        Limits limits = new Limits(
                s.optionalSize("memory", null, "1MiB", "1024GiB"),
                millis(s.optionalDuration("cpu", null, "1ms", "365d")),
                openFiles == null ? null : Long.valueOf(openFiles),
                processes == null ? null : Long.valueOf(processes),
                s.optionalSize("file_size", null, "0B", "1024GiB"),
                s.optionalSize("scratch", null, "4KiB", "1024GiB"));
        s.close();
        return limits;
    }

    private static @Nullable Long millis(@Nullable Duration duration) {
        return duration == null ? null : Long.valueOf(duration.toMillis());
    }

    private static Settings.Worker worker(Section s, String name) {
        if (name.equals(PoolSettings.JAVA_WORKER)) {
            s.problem("", "is the Java worker, which is always there; give yours another name");
        }
        List<String> command = s.texts("command", List.of());
        if (command.isEmpty() || command.getFirst().isEmpty()) {
            s.problem("command", "must name the program and its arguments");
        }
        Settings.Worker worker = new Settings.Worker(
                command,
                s.textMap("env"),
                s.texts("inherit_env", List.of()),
                s.optional("directory", null),
                s.duration("start_timeout", "30s", "100ms", "10m"));
        s.close();
        return worker;
    }

    private static Settings.Command command(Section s) {
        List<String> argv = s.texts("argv", List.of());
        if (argv.isEmpty()) {
            s.problem("argv", "must name the program and its arguments");
        }
        Set<Integer> success = new LinkedHashSet<>();
        for (String code : s.texts("success_exit_codes", List.of("0"))) {
            if (code.matches("\\d{1,3}") && Integer.parseInt(code) <= 255) {
                success.add(Integer.valueOf(code));
            } else {
                s.problem("success_exit_codes", "may hold 0 to 255, not '" + code + "'");
            }
        }
        Node schema = s.tree("arguments_schema");
        Settings.Command command = new Settings.Command(
                s.text("description", ""),
                argv,
                s.bool("allow_leading_dash", false),
                s.text("stdin", "none"),
                s.word("result", "text", List.of("none", "text", "json")),
                s.textMap("env"),
                s.texts("inherit_env", List.of()),
                s.optionalDuration("timeout", null, "1ms", "365d"),
                OnLost.valueOf(
                        s.word("on_lost", "fail", List.of("fail", "retry")).toUpperCase(Locale.ROOT)),
                s.integer("max_attempts", 1, 1, 100),
                retry(s.section("retry")),
                success,
                schema == null ? null : NodeJson.text(schema),
                limits(s.section("limits")),
                user(s),
                files(s, 0),
                snoozes(s));
        s.close();
        return command;
    }

    /** @param usualCount input files where nothing is said: what a client puts beside a program may change what that does */
    private static FileRules files(Section s, int usualCount) {
        int maxFiles = s.integer("files_max_count", usualCount, 0, FileRules.MOST_FILES);
        long maxFilesBytes = s.size("files_max_bytes", "1MiB", "0B", "256MiB");
        List<String> patterns = s.texts("artifacts", List.of());
        int maxArtifacts = s.integer("artifacts_max_count", 100, 1, FileRules.MOST_FILES);
        long maxArtifactsBytes = s.size("artifacts_max_bytes", "16MiB", "0B", "1024GiB");
        try {
            return new FileRules(maxFiles, maxFilesBytes, patterns, maxArtifacts, maxArtifactsBytes);
        } catch (IllegalArgumentException e) {
            s.problem("artifacts", String.valueOf(e.getMessage()));
            return FileRules.NONE;
        }
    }

    private static Map<Integer, Duration> snoozes(Section s) {
        Map<Integer, Duration> pauses = new LinkedHashMap<>();
        s.plainMap("snooze_exit_codes").forEach((code, text) -> {
            Duration pause = Units.duration(text);
            if (!code.matches("\\d{1,3}") || Integer.parseInt(code) > 255) {
                s.problem("snooze_exit_codes", "may hold 0 to 255, not '" + code + "'");
            } else if (pause == null || pause.compareTo(LONGEST_SNOOZE) > 0) {
                s.problem(
                        "snooze_exit_codes",
                        "must have a time from 0s to 365d for " + code + ", such as 30s, not '" + text + "'");
            } else {
                pauses.put(Integer.valueOf(code), pause);
            }
        });
        return pauses;
    }

    /** Nothing is nobody in particular. */
    private static @Nullable String user(Section s) {
        String user = s.optional("user", null);
        return user == null || user.isEmpty() ? null : user;
    }

    /** The command that runs whatever it is told to, where the operator wants that. */
    private static Settings.@Nullable Command exec(Section s) {
        boolean enabled = s.bool("enabled", false);
        Settings.Command command = new Settings.Command(
                "Runs the program that args name, with the arguments that follow.",
                List.of("{args...}"),
                true,
                "none",
                "text",
                s.textMap("env"),
                s.texts("inherit_env", List.of()),
                s.optionalDuration("timeout", null, "1ms", "365d"),
                OnLost.FAIL,
                1,
                RetryPolicy.DEFAULT,
                Set.of(0),
                null,
                limits(s.section("limits")),
                user(s),
                files(s, 64),
                Map.of());
        s.close();
        return enabled ? command : null;
    }

    private static RetryPolicy retry(Section s) {
        RetryPolicy usual = RetryPolicy.DEFAULT;
        RetryPolicy policy = new RetryPolicy(
                s.duration("delay", "500ms", "0s", "1d").toMillis(),
                s.decimal("factor", usual.factor(), 1, 10),
                s.duration("max_delay", "1m", "0s", "1d").toMillis(),
                s.decimal("jitter", usual.jitter(), 0, 1),
                matches(s, "on"),
                matches(s, "except"));
        s.close();
        return policy;
    }

    private static List<FailureMatch> matches(Section s, String key) {
        List<FailureMatch> all = new ArrayList<>();
        List<String> words = s.texts(key, List.of());
        if (words.size() > RetryPolicy.MAX_MATCHES) {
            s.problem(key, "may have " + RetryPolicy.MAX_MATCHES + " items, has " + words.size());
            return all;
        }
        for (String word : words) {
            try {
                all.add(FailureMatch.parse(word));
            } catch (IllegalArgumentException e) {
                s.problem(key, String.valueOf(e.getMessage()));
            }
        }
        return all;
    }

    private static Settings.Callbacks callbacks(Section s) {
        List<String> secrets = s.secrets("secrets");
        if (!secrets.stream().allMatch(secret -> secret.matches("whsec_[A-Za-z0-9+/]{32,}={0,2}"))) {
            s.problem(
                    "secrets",
                    "must each be whsec_ and at least 24 random bytes in base64: echo whsec_$(head -c 32 /dev/urandom | base64)");
        }
        Settings.Callbacks callbacks = new Settings.Callbacks(
                new ArrayList<>(s.texts("allowed_hosts", List.of())),
                s.bool("allow_private_addresses", false),
                secrets,
                s.duration("timeout", "10s", "100ms", "5m"),
                s.integer("max_attempts", 12, 1, 100),
                s.duration("first_backoff", "1s", "10ms", "1h"),
                s.duration("max_backoff", "6h", "10ms", "1d"));
        s.close();
        return callbacks;
    }

    private static Settings.Drain drain(Section s) {
        Settings.Drain drain = new Settings.Drain(
                s.duration("announce", "0s", "0s", "10m"),
                s.duration("grace", "20s", "0s", "1d"),
                s.bool("cancel_pending", false));
        s.close();
        return drain;
    }
}
