package dev.taskpool.callable;

import com.fasterxml.jackson.databind.JsonNode;
import com.networknt.schema.Error;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import dev.taskpool.model.Json;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Every callable by name. Filled at start, immutable afterwards, safe for all threads. */
public final class Registry {
    private final Map<String, Registered> byName;
    private final Map<String, Schema> schemas;
    private final Map<String, LongNumbers> longNumbers;

    /**
     * @param all in any order
     * @throws IllegalArgumentException where two have the same name, or a schema is no schema
     */
    public Registry(Collection<Registered> all) {
        Map<String, Registered> names = new TreeMap<>();
        Map<String, Schema> compiled = new HashMap<>();
        Map<String, LongNumbers> numbers = new HashMap<>();
        SchemaRegistry factory = SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12);
        for (Registered each : all) {
            String name = each.spec().name();
            if (names.put(name, each) != null) {
                throw new IllegalArgumentException("two callables have the name " + name);
            }
            if (each.spec().schema() != null) {
                compiled.put(name, factory.getSchema(each.spec().schema()));
                numbers.put(name, LongNumbers.in(each.spec().schema()));
            }
        }
        this.byName = names;
        this.schemas = Map.copyOf(compiled);
        this.longNumbers = Map.copyOf(numbers);
    }

    /** Returns the callables that the jars of a folder offer; none where there is no such folder. */
    public static List<Registered> plugins(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        List<URL> jars = new ArrayList<>();
        try (Stream<Path> files = Files.list(folder)) {
            for (Path jar :
                    files.filter(f -> f.toString().endsWith(".jar")).sorted().toList()) {
                jars.add(jar.toUri().toURL());
            }
        }
        if (jars.isEmpty()) {
            return List.of();
        }
        // Never closed: plugins load classes for as long as the process lives.
        URLClassLoader loader =
                new URLClassLoader("plugins", jars.toArray(URL[]::new), Registry.class.getClassLoader());
        List<Registered> found = new ArrayList<>();
        for (CallableProvider provider : ServiceLoader.load(CallableProvider.class, loader)) {
            found.addAll(of(provider));
        }
        return found;
    }

    /** Returns what a provider offers. */
    public static List<Registered> of(CallableProvider provider) {
        return provider.callables().entrySet().stream()
                .map(e -> new Registered(e.getKey(), e.getValue()))
                .toList();
    }

    /** Returns the callable of that name, or null. */
    public @Nullable Registered find(String name) {
        return byName.get(name);
    }

    /** Returns all, in order of name. */
    public Collection<Registered> all() {
        return byName.values();
    }

    /**
     * Holds arguments against what the callable says of them.
     *
     * @param pointer where the submission stands in the request, for the problem
     * @throws Problem {@code invalid_arguments}, naming each place that does not fit
     */
    public void checkArguments(String name, @Nullable Json args, @Nullable Json kwargs, String pointer) {
        Registered callable = byName.get(name);
        LongNumbers looked = longNumbers.get(name);
        if (looked != null) {
            refuse(looked.problem(args, kwargs), pointer);
        }
        // First what knows the callable best: its words are clearer than a schema's.
        if (callable != null && callable.check() != null) {
            refuse(callable.check().problem(args, kwargs), pointer);
        }
        Schema schema = schemas.get(name);
        if (schema != null) {
            checkSchema(schema, args, kwargs, pointer);
        }
    }

    private static void refuse(Optional<Problem.FieldError> problem, String pointer) {
        problem.ifPresent(wrong -> {
            throw Problem.field(ProblemCode.INVALID_ARGUMENTS, pointer + wrong.pointer(), shortened(wrong.detail()));
        });
    }

    private static void checkSchema(Schema schema, @Nullable Json args, @Nullable Json kwargs, String pointer) {
        String both =
                "{\"args\":" + (args == null ? "[]" : args) + ",\"kwargs\":" + (kwargs == null ? "{}" : kwargs) + "}";
        // Given text, the validator would parse it by itself, with limits of its own.
        List<Error> errors = schema.validate(JsonValues.tree(Json.ofValid(both)));
        if (!errors.isEmpty()) {
            throw Problem.fields(
                    ProblemCode.INVALID_ARGUMENTS,
                    errors.stream()
                            .map(e -> new Problem.FieldError(
                                    pointer + e.getInstanceLocation(), shortened(e.getMessage()) + value(e)))
                            .toList());
        }
    }

    private static String value(Error error) {
        JsonNode node = error.getInstanceNode();
        if (node == null || !node.isValueNode()) {
            return "";
        }
        String text = node.toString();
        return ", is " + (text.length() <= 80 ? text : text.substring(0, 80) + "…");
    }

    private static String shortened(String message) {
        byte[] bytes = message.getBytes(StandardCharsets.UTF_8);
        return bytes.length <= 500 ? message : message.substring(0, Math.min(500, message.length())) + "…";
    }
}
