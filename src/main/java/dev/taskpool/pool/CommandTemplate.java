package dev.taskpool.pool;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.taskpool.callable.JsonValues;
import dev.taskpool.model.FileRules;
import dev.taskpool.model.Json;
import dev.taskpool.model.Problem;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * How a command callable becomes a program's arguments and input, and its output a result. Immutable.
 *
 * <p>Values of a task fill whole arguments and are never parsed by a shell. One that begins with {@code -} would be taken for an
 * option by most programs: it is refused unless the operator allows it, or wrote {@code --} in front.
 *
 * @param argv the program, which is no placeholder, and its arguments
 * @param allowLeadingDash whether a task's value may begin with a dash anywhere
 * @param stdin what the program reads
 * @param result what becomes of its standard output
 * @param env variables it gets: text, or a placeholder that is the whole value
 * @param inheritEnv names of variables of the service that it gets too
 * @param successExitCodes exit codes that are no failure, 0 to 255
 * @param user whom it runs as, {@code name} or {@code name:group}; null is the service's user
 * @param files what it takes along and leaves behind in files
 * @param snoozes exit codes by which it asks to be run again later, with the pause; none is of {@code successExitCodes}
 */
public record CommandTemplate(
        List<Word> argv,
        boolean allowLeadingDash,
        Input stdin,
        Result result,
        Map<String, Word> env,
        List<String> inheritEnv,
        Set<Integer> successExitCodes,
        @Nullable String user,
        FileRules files,
        Map<Integer, Duration> snoozes) {

    /** Whatever program the task names: only where the operator allows that. */
    private static final List<Word> FREE = List.of(new Word.Spread(ArgumentType.any()));

    /** The longest single argument that Linux passes; MAX_ARG_STRLEN of execve(2), with the NUL. */
    private static final int MAX_ARGUMENT_BYTES = 128 * 1024 - 1;

    /** What a command finds on its standard input. */
    public sealed interface Input {
        /** Nothing. */
        record None() implements Input {}

        /** {@code {"args":[…],"kwargs":{…}}}, byte for byte as submitted. */
        record ArgsJson() implements Input {}

        /** One value: a string as it is, anything else as JSON. */
        record Value(Word placeholder) implements Input {}
    }

    /** What becomes of a command's standard output, besides being kept as output. */
    public enum Result {
        /** The result is null. */
        NONE,
        /** The result is the output as a string, without its last line end. */
        TEXT,
        /** The output is one JSON value, and that is the result. */
        JSON
    }

    /** @throws IllegalArgumentException where it is no usable template */
    public CommandTemplate {
        argv = List.copyOf(argv);
        env = Map.copyOf(env);
        inheritEnv = List.copyOf(inheritEnv);
        successExitCodes = Set.copyOf(successExitCodes);
        boolean named =
                !argv.isEmpty() && argv.getFirst() instanceof Word.Literal(String program) && !program.isEmpty();
        if (!named && !argv.equals(FREE)) {
            throw new IllegalArgumentException("argv must begin with a program, which cannot be a placeholder");
        }
        if (user != null && !user.matches("[A-Za-z0-9_.-]+(:[A-Za-z0-9_.-]+)?")) {
            throw new IllegalArgumentException(
                    "user is a name or a number, with :group if you like, not '" + user + "'");
        }
        env.keySet().forEach(CommandTemplate::requireName);
        snoozes = Map.copyOf(snoozes);
        inheritEnv.forEach(CommandTemplate::requireName);
        if (successExitCodes.isEmpty()) {
            throw new IllegalArgumentException("success_exit_codes must have at least one code");
        }
        for (int code : successExitCodes) {
            if (code < 0 || code > 255) {
                throw new IllegalArgumentException("an exit code is 0 to 255, not " + code);
            }
            if (snoozes.containsKey(code)) {
                throw new IllegalArgumentException("exit code " + code
                        + " is in success_exit_codes and in snooze_exit_codes: it can mean one thing");
            }
        }
    }

    private static void requireName(String name) {
        if (!name.matches("[A-Za-z_][A-Za-z0-9_]*")) {
            throw new IllegalArgumentException("'" + name + "' is no name for an environment variable");
        }
    }

    /**
     * Reads a template as an operator writes it.
     *
     * @param stdin {@code none}, {@code args_json}, or a placeholder of one value
     * @param result {@code none}, {@code text} or {@code json}
     * @throws IllegalArgumentException with a sentence that says what is wrong
     */
    public static CommandTemplate of(
            List<String> argv,
            boolean allowLeadingDash,
            String stdin,
            String result,
            Map<String, String> env,
            List<String> inheritEnv,
            Set<Integer> successExitCodes) {
        List<Word> words = argv.stream().map(Word::parse).toList();
        if (words.equals(FREE)) {
            throw new IllegalArgumentException("argv must begin with a program; exec.enabled lets tasks name it");
        }
        return new CommandTemplate(
                words,
                allowLeadingDash,
                input(stdin),
                switch (result) {
                    case "none" -> Result.NONE;
                    case "text" -> Result.TEXT;
                    case "json" -> Result.JSON;
                    default -> throw new IllegalArgumentException("result is none, text or json, not '" + result + "'");
                },
                variables(env),
                inheritEnv,
                successExitCodes,
                null,
                FileRules.NONE,
                Map.of());
    }

    private static Map<String, Word> variables(Map<String, String> env) {
        Map<String, Word> words = new TreeMap<>();
        env.forEach((name, value) -> {
            try {
                Word word = Word.parse(value);
                if (word instanceof Word.Spread) {
                    throw new IllegalArgumentException("{args...} is many values, and a variable has one");
                }
                words.put(name, word);
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException("env." + name + ": " + e.getMessage(), e);
            }
        });
        return words;
    }

    /** Runs what the task's args say, whatever that is, and keeps what it prints. */
    public static CommandTemplate free(Map<String, String> env, List<String> inheritEnv) {
        return new CommandTemplate(
                FREE,
                true,
                new Input.None(),
                Result.TEXT,
                variables(env),
                inheritEnv,
                Set.of(0),
                null,
                FileRules.NONE,
                Map.of());
    }

    /** The same for another user. */
    public CommandTemplate as(@Nullable String other) {
        return new CommandTemplate(
                argv, allowLeadingDash, stdin, result, env, inheritEnv, successExitCodes, other, files, snoozes);
    }

    /** The same with other rules for files. */
    public CommandTemplate with(FileRules other) {
        return new CommandTemplate(
                argv, allowLeadingDash, stdin, result, env, inheritEnv, successExitCodes, user, other, snoozes);
    }

    /** The same, asking to be run again by exit codes, each with its pause. */
    public CommandTemplate snoozing(Map<Integer, Duration> pauses) {
        return new CommandTemplate(
                argv, allowLeadingDash, stdin, result, env, inheritEnv, successExitCodes, user, files, pauses);
    }

    /** Returns whether tasks name the program themselves. */
    boolean isFree() {
        return argv.equals(FREE);
    }

    private static Input input(String text) {
        return switch (text) {
            case "none" -> new Input.None();
            case "args_json" -> new Input.ArgsJson();
            default ->
                switch (Word.parse(text)) {
                    case Word.Arg placeholder -> new Input.Value(placeholder);
                    case Word.Kwarg placeholder -> new Input.Value(placeholder);
                    case Word.Literal _, Word.Spread _ ->
                        throw new IllegalArgumentException(
                                "stdin is none, args_json or a placeholder of one value, not '" + text + "'");
                };
        };
    }

    /**
     * Says why these arguments cannot be passed to the command.
     *
     * @return what is wrong and where, or nothing where they can be
     */
    public Optional<Problem.FieldError> problem(@Nullable Json args, @Nullable Json kwargs) {
        try {
            fill(args, kwargs);
            return Optional.empty();
        } catch (Misfit e) {
            return Optional.of(new Problem.FieldError(e.pointer, String.valueOf(e.getMessage())));
        }
    }

    /** A value that does not fit its placeholder. */
    private static final class Misfit extends IllegalArgumentException {
        private static final long serialVersionUID = 1;
        private final String pointer;

        Misfit(String pointer, String message) {
            super(message);
            this.pointer = pointer;
        }
    }

    /** Returns the JSON Schema (2020-12) of {@code {"args": […], "kwargs": {…}}} as the placeholders have it; null without any. */
    public @Nullable JsonNode schema() {
        ObjectNode schema = JsonNodeFactory.instance.objectNode().put("type", "object");
        ObjectNode properties = schema.putObject("properties");
        Map<Integer, ArgumentType> positional = new TreeMap<>();
        Map<String, ArgumentType> named = new TreeMap<>();
        int least = 0;
        List<String> needed = new ArrayList<>();
        List<Word> all = new ArrayList<>(argv);
        if (stdin instanceof Input.Value(Word placeholder)) {
            all.add(placeholder);
        }
        all.addAll(env.values());
        ArgumentType rest = null;
        for (Word word : all) {
            switch (word) {
                case Word.Literal _ -> {}
                case Word.Arg(int index, ArgumentType type, String fallback) -> {
                    positional.put(index, type);
                    least = fallback == null ? Math.max(least, index + 1) : least;
                }
                case Word.Kwarg(String name, ArgumentType type, String fallback) -> {
                    named.put(name, type);
                    if (fallback == null && !needed.contains(name)) {
                        needed.add(name);
                    }
                }
                case Word.Spread(ArgumentType type) -> rest = type;
            }
        }
        if (positional.isEmpty() && named.isEmpty() && rest == null) {
            return null;
        }
        ObjectNode args = properties.putObject("args").put("type", "array");
        if (isFree()) {
            least = 1;
        }
        if (least > 0) {
            args.put("minItems", least);
            schema.putArray("required").add("args");
        }
        if (!positional.isEmpty()) {
            int most = positional.keySet().stream()
                    .mapToInt(Integer::intValue)
                    .max()
                    .getAsInt();
            var items = args.putArray("prefixItems");
            for (int i = 0; i <= most; i++) {
                items.add(positional.getOrDefault(i, ArgumentType.any()).schema());
            }
        } else if (rest != null) {
            args.set("items", rest.schema());
        }
        if (!named.isEmpty()) {
            ObjectNode kwargs = properties.putObject("kwargs").put("type", "object");
            ObjectNode members = kwargs.putObject("properties");
            named.forEach((name, type) -> members.set(name, type.schema()));
            if (!needed.isEmpty()) {
                needed.forEach(kwargs.putArray("required")::add);
                schema.withArray("required").add("kwargs");
            }
        }
        return schema;
    }

    /**
     * What a program is given.
     *
     * @param argv its words
     * @param stdin its input; empty for none
     * @param env variables that the template gives it
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Filled(List<String> argv, byte[] stdin, Map<String, String> env) {}

    /** @throws IllegalArgumentException where the arguments do not fit */
    Filled fill(@Nullable Json args, @Nullable Json kwargs) {
        List<JsonNode> values = JsonValues.list(args);
        Map<String, JsonNode> named = JsonValues.map(kwargs);
        List<String> words = new ArrayList<>();
        boolean dashAllowed = allowLeadingDash;
        for (Word word : argv) {
            switch (word) {
                case Word.Literal(String text) -> {
                    words.add(text);
                    dashAllowed |= text.equals("--");
                }
                case Word.Arg _, Word.Kwarg _ -> {
                    JsonNode value = value(word, values, named);
                    words.add(
                            value == null
                                    ? fallback(word)
                                    : argument(word.pointer(), word.text(), type(word), value, dashAllowed));
                }
                case Word.Spread(ArgumentType type) -> {
                    for (int i = 0; i < values.size(); i++) {
                        words.add(argument("/args/" + i, "args[" + i + "]", type, values.get(i), dashAllowed));
                    }
                }
            }
        }
        if (words.isEmpty() || words.getFirst().isEmpty()) {
            throw new Misfit("/args", "args must begin with a program");
        }
        byte[] input = switch (stdin) {
            case Input.None() -> new byte[0];
            case Input.ArgsJson() -> both(args, kwargs);
            case Input.Value(Word placeholder) -> {
                JsonNode value = value(placeholder, values, named);
                String text = value == null
                        ? fallback(placeholder)
                        : typed(placeholder.pointer(), placeholder.text(), type(placeholder), value);
                yield text.getBytes(StandardCharsets.UTF_8);
            }
        };
        Map<String, String> variables = new HashMap<>();
        env.forEach((name, word) -> variables.put(name, variable(name, word, values, named)));
        return new Filled(words, input, variables);
    }

    /** A variable is no option, whatever it begins with; execve(2) counts its name as well. */
    private static String variable(String name, Word word, List<JsonNode> values, Map<String, JsonNode> named) {
        if (word instanceof Word.Literal(String text)) {
            return text;
        }
        JsonNode value = value(word, values, named);
        String text = value == null ? fallback(word) : argument(word.pointer(), word.text(), type(word), value, true);
        if (text.length() > (MAX_ARGUMENT_BYTES - name.length()) / 3
                && text.getBytes(StandardCharsets.UTF_8).length + name.length() + 1 > MAX_ARGUMENT_BYTES) {
            throw new Misfit(
                    word.pointer(),
                    word.text() + " is longer than the " + (MAX_ARGUMENT_BYTES - name.length() - 1)
                            + " bytes that the variable " + name + " may have");
        }
        return text;
    }

    private static ArgumentType type(Word placeholder) {
        return switch (placeholder) {
            case Word.Arg(var _, ArgumentType type, var _) -> type;
            case Word.Kwarg(var _, ArgumentType type, var _) -> type;
            case Word.Spread(ArgumentType type) -> type;
            case Word.Literal _ -> ArgumentType.any();
        };
    }

    /** Returns the default of a placeholder that has one. */
    private static String fallback(Word placeholder) {
        return switch (placeholder) {
            case Word.Arg(var _, var _, String fallback) when fallback != null -> fallback;
            case Word.Kwarg(var _, var _, String fallback) when fallback != null -> fallback;
            default -> throw new IllegalStateException("no default: " + placeholder);
        };
    }

    private static boolean hasFallback(Word placeholder) {
        return switch (placeholder) {
            case Word.Arg(var _, var _, String fallback) -> fallback != null;
            case Word.Kwarg(var _, var _, String fallback) -> fallback != null;
            case Word.Literal _, Word.Spread _ -> false;
        };
    }

    /** Returns the value of a placeholder, or null where it is missing and there is a default. */
    private static @Nullable JsonNode value(Word placeholder, List<JsonNode> args, Map<String, JsonNode> kwargs) {
        JsonNode value = switch (placeholder) {
            case Word.Arg(int index, var _, var _) -> index < args.size() ? args.get(index) : null;
            case Word.Kwarg(String name, var _, var _) -> kwargs.get(name);
            case Word.Literal _, Word.Spread _ -> throw new IllegalStateException("no value: " + placeholder);
        };
        if (value == null && hasFallback(placeholder)) {
            return null;
        }
        if (value == null || value.isNull()) {
            throw new Misfit(
                    placeholder.pointer(),
                    "the command needs " + placeholder.text() + ", which is " + (value == null ? "missing" : "null"));
        }
        return value;
    }

    private static String argument(
            String pointer, String name, ArgumentType type, JsonNode value, boolean dashAllowed) {
        if (value.isNull()) {
            throw new Misfit(pointer, name + " is null, which cannot be an argument of a program");
        }
        String text = typed(pointer, name, type, value);
        // A number is no option where a number was asked for.
        boolean number = type instanceof ArgumentType.Int || type instanceof ArgumentType.Decimal;
        if (text.startsWith("-") && !dashAllowed && !number) {
            throw new Misfit(pointer, name + " begins with '-', and the command could take it for an option");
        }
        if (text.indexOf('\0') >= 0) {
            throw new Misfit(pointer, name + " has a NUL character, which cannot be in an argument of a program");
        }
        if (text.length() > MAX_ARGUMENT_BYTES / 3
                && text.getBytes(StandardCharsets.UTF_8).length > MAX_ARGUMENT_BYTES) {
            throw new Misfit(
                    pointer,
                    name + " is longer than the " + MAX_ARGUMENT_BYTES
                            + " bytes that an argument of a program may have");
        }
        return text;
    }

    private static String typed(String pointer, String name, ArgumentType type, JsonNode value) {
        String text;
        try {
            text = type.argument(value);
        } catch (IllegalArgumentException e) {
            throw new Misfit(pointer, name + " " + e.getMessage());
        }
        if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
            throw new Misfit(pointer, name + " has half a surrogate pair, which has no UTF-8");
        }
        return text;
    }

    private static byte[] both(@Nullable Json args, @Nullable Json kwargs) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes("{\"args\":".getBytes(StandardCharsets.US_ASCII));
        out.writeBytes(args == null ? new byte[] {'[', ']'} : args.utf8());
        out.writeBytes(",\"kwargs\":".getBytes(StandardCharsets.US_ASCII));
        out.writeBytes(kwargs == null ? new byte[] {'{', '}'} : kwargs.utf8());
        out.write('}');
        return out.toByteArray();
    }
}
