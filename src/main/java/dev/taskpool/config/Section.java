package dev.taskpool.config;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;

/**
 * One mapping of the configuration, read key by key: each read says what is allowed and what holds where nothing is said.
 * What was read last is in force: environment before file before default. {@link #close} refuses what nobody asked for.
 */
final class Section {
    private static final String MASK = "********";

    /** What all sections of one load share. */
    static final class Load {
        final String file;
        final Map<String, String> env;
        final List<String> problems = new ArrayList<>();
        final List<Effective> effective = new ArrayList<>();
        final Set<String> usedEnv = new LinkedHashSet<>();

        Load(String file, Map<String, String> env) {
            this.file = file;
            this.env = env;
        }

        String place(Node node) {
            return node.getStartMark()
                    .map(m -> m.getName() + ":" + (m.getLine() + 1) + ":" + (m.getColumn() + 1))
                    .orElse(file);
        }
    }

    /** A value and where it was found. Null node: only the default. */
    private record Found(@Nullable Node node, String source, String place) {}

    private final Load load;
    private final String path;

    /** The name that it has in the section above, where that was written down. */
    private final @Nullable Node title;

    private final Map<String, Node> values = new LinkedHashMap<>();
    private final Map<String, Node> keys = new LinkedHashMap<>();
    private final Set<String> known = new LinkedHashSet<>();

    Section(Load load, String path, @Nullable Node node) {
        this(load, path, node, null);
    }

    private Section(Load load, String path, @Nullable Node node, @Nullable Node title) {
        this.load = load;
        this.path = path;
        this.title = title;
        switch (node) {
            case null -> {}
            case MappingNode mapping -> take(mapping);
            case ScalarNode scalar when isNull(scalar) -> {}
            default ->
                load.problems.add(load.place(node) + ": " + (path.isEmpty() ? "the file" : path)
                        + " must be a mapping of keys to values");
        }
    }

    private void take(MappingNode mapping) {
        for (NodeTuple tuple : mapping.getValue()) {
            if (!(tuple.getKeyNode() instanceof ScalarNode key)) {
                load.problems.add(load.place(tuple.getKeyNode()) + ": a key must be a word");
            } else {
                if (values.put(key.getValue(), tuple.getValueNode()) != null) {
                    load.problems.add(load.place(key) + ": " + full(key.getValue()) + " stands here twice");
                }
                keys.put(key.getValue(), key);
            }
        }
    }

    private static boolean isNull(Node node) {
        return node instanceof ScalarNode scalar
                && scalar.isPlain()
                && Set.of("", "null", "~").contains(scalar.getValue());
    }

    private String full(String key) {
        return path.isEmpty() ? key : key.isEmpty() ? path : path + "." + key;
    }

    private Found find(String key) {
        known.add(key);
        String variable = SettingsLoader.variable(full(key));
        String text = load.env.get(variable);
        if (text != null && text.isBlank()) {
            load.usedEnv.add(variable); // as good as not set: that is how compose files and charts leave one out
        } else if (text != null) {
            load.usedEnv.add(variable);
            Node node = SettingsLoader.parse(text, variable, load.problems);
            return new Found(node, variable, variable);
        }
        Node node = values.get(key);
        return node == null || isNull(node)
                ? new Found(null, "default", "")
                : new Found(node, load.place(node), load.place(node));
    }

    private void wrong(String key, Found found, String expected) {
        String value = found.node instanceof ScalarNode scalar ? "'" + scalar.getValue() + "'" : "not a single value";
        load.problems.add(found.place + ": " + full(key) + " must be " + expected + ", is " + value);
    }

    private void note(String key, String value, Found found) {
        load.effective.add(new Effective(full(key), value, found.source));
    }

    // --- one value ---

    private static @Nullable String scalar(Found found) {
        return found.node instanceof ScalarNode scalar ? scalar.getValue() : null;
    }

    String text(String key, String fallback) {
        String value = optional(key, fallback);
        return value == null ? fallback : value;
    }

    @Nullable
    String optional(String key, @Nullable String fallback) {
        Found found = find(key);
        String value = fallback;
        if (found.node != null) {
            value = scalar(found);
            if (value == null) {
                wrong(key, found, "one value");
            }
        }
        note(key, value == null ? "" : value, found);
        return value;
    }

    @Nullable
    String secret(String key) {
        Found found = find(key);
        String value = found.node == null ? null : scalar(found);
        if (found.node != null && value == null) {
            wrong(key, found, "one value");
        }
        boolean none = value == null || value.isEmpty();
        note(key, none ? "" : MASK, found);
        return none ? null : value;
    }

    boolean bool(String key, boolean fallback) {
        return word(key, fallback ? "true" : "false", List.of("true", "false")).equals("true");
    }

    String word(String key, String fallback, List<String> allowed) {
        Found found = find(key);
        String value = fallback;
        if (found.node != null) {
            String given = scalar(found);
            String lower = given == null ? "" : given.toLowerCase(Locale.ROOT);
            if (allowed.contains(lower)) {
                value = lower;
            } else {
                wrong(key, found, "one of " + String.join(", ", allowed));
            }
        }
        note(key, value, found);
        return value;
    }

    int integer(String key, int fallback, int min, int max) {
        Integer value = optionalInteger(key, fallback, min, max);
        return value == null ? fallback : value;
    }

    @Nullable
    Integer optionalInteger(String key, @Nullable Integer fallback, int min, int max) {
        Found found = find(key);
        Integer value = fallback;
        if (found.node != null) {
            String given = scalar(found);
            if (given != null && given.matches("-?\\d{1,10}") && within(Long.parseLong(given), min, max)) {
                value = Integer.valueOf(given);
            } else {
                wrong(key, found, "a whole number from " + min + " to " + max);
            }
        }
        note(key, value == null ? "" : value.toString(), found);
        return value;
    }

    double decimal(String key, double fallback, double min, double max) {
        Found found = find(key);
        double value = fallback;
        if (found.node != null) {
            String given = scalar(found);
            if (given != null
                    && given.matches("\\d{1,9}(\\.\\d{1,9})?")
                    && Double.parseDouble(given) >= min
                    && Double.parseDouble(given) <= max) {
                value = Double.parseDouble(given);
            } else {
                wrong(key, found, "a number from " + min + " to " + max);
            }
        }
        note(key, Double.toString(value), found);
        return value;
    }

    Duration duration(String key, String fallback, String min, String max) {
        Duration value = optionalDuration(key, fallback, min, max);
        return value == null ? Duration.ZERO : value;
    }

    @Nullable
    Duration optionalDuration(String key, @Nullable String fallback, String min, String max) {
        Found found = find(key);
        Duration value = fallback == null ? null : Units.duration(fallback);
        if (found.node != null) {
            String given = scalar(found);
            Duration parsed = given == null ? null : Units.duration(given);
            Duration least = Units.duration(min);
            Duration most = Units.duration(max);
            if (parsed == null
                    || least == null
                    || most == null
                    || !within(parsed.toMillis(), least.toMillis(), most.toMillis())) {
                wrong(key, found, "a time from " + min + " to " + max + ", such as 250ms, 30s, 5m, 1h or 2d");
            } else {
                value = parsed;
            }
        }
        note(key, value == null ? "" : Units.text(value), found);
        return value;
    }

    long size(String key, String fallback, String min, String max) {
        Long value = optionalSize(key, fallback, min, max);
        return value == null ? 0 : value;
    }

    @Nullable
    Long optionalSize(String key, @Nullable String fallback, String min, String max) {
        Found found = find(key);
        Long value = fallback == null ? null : Units.size(fallback);
        if (found.node != null) {
            String given = scalar(found);
            Long parsed = given == null ? null : Units.size(given);
            Long least = Units.size(min);
            Long most = Units.size(max);
            if (parsed == null || least == null || most == null || !within(parsed, least, most)) {
                wrong(key, found, "a size from " + min + " to " + max + ", such as 512KiB or 16MiB");
            } else {
                value = parsed;
            }
        }
        note(key, value == null ? "" : Units.text(value), found);
        return value;
    }

    private static boolean within(long value, long min, long max) {
        return value >= min && value <= max;
    }

    // --- several values ---

    List<String> texts(String key, List<String> fallback) {
        Found found = find(key);
        List<String> value = texts(key, fallback, found);
        note(key, "[" + String.join(", ", value) + "]", found);
        return value;
    }

    /** As {@link #texts}, and shown to nobody. */
    List<String> secrets(String key) {
        Found found = find(key);
        List<String> value =
                texts(key, List.of(), found).stream().filter(s -> !s.isEmpty()).toList();
        note(key, "[" + String.join(", ", value.stream().map(s -> MASK).toList()) + "]", found);
        return value;
    }

    private List<String> texts(String key, List<String> fallback, Found found) {
        List<String> value = fallback;
        if (found.node instanceof SequenceNode sequence
                && sequence.getValue().stream().allMatch(n -> n instanceof ScalarNode)) {
            value = sequence.getValue().stream()
                    .map(n -> ((ScalarNode) n).getValue())
                    .toList();
        } else if (found.node instanceof ScalarNode scalar
                && found.source.equals(found.place)
                && !isNull(scalar)
                && found.source.startsWith(SettingsLoader.PREFIX)) {
            // From the environment: a, b, c.
            value = List.of(scalar.getValue().strip().split("\\s*,\\s*"));
        } else if (found.node != null) {
            wrong(key, found, "a list of values");
        }
        return value;
    }

    /** Values are not shown: those of environment variables are often secrets. */
    Map<String, String> textMap(String key) {
        return textMap(key, true);
    }

    /** Names and their values, which are no secrets. */
    Map<String, String> plainMap(String key) {
        return textMap(key, false);
    }

    private Map<String, String> textMap(String key, boolean masked) {
        Found found = find(key);
        Map<String, String> value = new LinkedHashMap<>();
        if (found.node instanceof MappingNode mapping) {
            for (NodeTuple tuple : mapping.getValue()) {
                if (tuple.getKeyNode() instanceof ScalarNode name && tuple.getValueNode() instanceof ScalarNode text) {
                    value.put(name.getValue(), text.getValue());
                } else {
                    wrong(key, found, "a mapping of names to single values");
                }
            }
        } else if (found.node != null) {
            wrong(key, found, "a mapping of names to values");
        }
        note(
                key,
                value.entrySet().stream()
                        .map(e -> e.getKey() + ": " + (masked ? MASK : e.getValue()))
                        .collect(Collectors.joining(", ", "{", "}")),
                found);
        return value;
    }

    /** A section below this one. */
    Section section(String key) {
        known.add(key);
        return new Section(load, full(key), values.get(key));
    }

    /** Sections with names of the operator's choice; {@code fallback} names those that are there where the key is not. */
    Map<String, Section> named(String key, List<String> fallback) {
        Found found = find(key);
        Map<String, Section> sections = new LinkedHashMap<>();
        if (found.node == null) {
            fallback.forEach(name -> sections.put(name, new Section(load, full(key) + "." + name, null)));
        } else {
            Section all = new Section(load, full(key), found.node);
            all.values.forEach((name, node) ->
                    sections.put(name, new Section(load, full(key) + "." + name, node, all.keys.get(name))));
        }
        return sections;
    }

    /** A list of sections. */
    List<Section> listed(String key) {
        Found found = find(key);
        if (found.node == null) {
            note(key, "[]", found);
            return List.of();
        }
        if (!(found.node instanceof SequenceNode sequence)) {
            wrong(key, found, "a list");
            return List.of();
        }
        int entries = sequence.getValue().size();
        note(key, entries == 0 ? "[]" : "(" + entries + " entries)", found);
        List<Section> sections = new ArrayList<>();
        for (Node each : sequence.getValue()) {
            sections.add(new Section(load, full(key) + "[" + sections.size() + "]", each));
        }
        return sections;
    }

    /** The value as JSON text, or null; for schemas. */
    @Nullable
    Node tree(String key) {
        Found found = find(key);
        note(key, found.node == null ? "" : "(set)", found);
        return found.node;
    }

    /** Adds a problem with a key that was read; with the section itself where the key is empty. */
    void problem(String key, String sentence) {
        if (key.isEmpty()) {
            load.problems.add((title == null ? load.file : load.place(title)) + ": " + path + " " + sentence);
            return;
        }
        Found found = find(key);
        load.problems.add((found.place.isEmpty() ? load.file : found.place) + ": " + full(key) + " " + sentence);
    }

    boolean isSet(String key) {
        return find(key).node != null;
    }

    /** Refuses keys that nobody asked for. */
    void close() {
        for (Map.Entry<String, Node> key : keys.entrySet()) {
            if (!known.contains(key.getKey())) {
                String near = Nearest.of(key.getKey(), known);
                load.problems.add(load.place(key.getValue()) + ": " + full(key.getKey()) + " is not known; "
                        + (near == null ? "there are " : "did you mean " + near + "? There are ")
                        + String.join(", ", known));
            }
        }
    }
}
