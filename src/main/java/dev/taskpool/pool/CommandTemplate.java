package dev.taskpool.pool;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.callable.JsonValues;
import dev.taskpool.model.Json;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
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
 * @param env variables it gets
 * @param inheritEnv names of variables of the service that it gets too
 * @param successExitCodes exit codes that are no failure, 0 to 255
 */
public record CommandTemplate(
        List<Word> argv,
        boolean allowLeadingDash,
        Input stdin,
        Result result,
        Map<String, String> env,
        List<String> inheritEnv,
        Set<Integer> successExitCodes) {

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
        if (argv.isEmpty() || !(argv.getFirst() instanceof Word.Literal(String program)) || program.isEmpty()) {
            throw new IllegalArgumentException("argv must begin with a program, which cannot be a placeholder");
        }
        env.forEach((name, value) -> {
            requireName(name);
            if (value.indexOf('\0') >= 0) {
                throw new IllegalArgumentException("the value of " + name + " has a NUL character");
            }
        });
        inheritEnv.forEach(CommandTemplate::requireName);
        if (successExitCodes.isEmpty()) {
            throw new IllegalArgumentException("success_exit_codes must have at least one code");
        }
        for (int code : successExitCodes) {
            if (code < 0 || code > 255) {
                throw new IllegalArgumentException("an exit code is 0 to 255, not " + code);
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
        return new CommandTemplate(
                argv.stream().map(Word::parse).toList(),
                allowLeadingDash,
                input(stdin),
                switch (result) {
                    case "none" -> Result.NONE;
                    case "text" -> Result.TEXT;
                    case "json" -> Result.JSON;
                    default -> throw new IllegalArgumentException("result is none, text or json, not '" + result + "'");
                },
                env,
                inheritEnv,
                successExitCodes);
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
     * @return a sentence, or nothing where they can
     */
    public Optional<String> problem(@Nullable Json args, @Nullable Json kwargs) {
        try {
            fill(args, kwargs);
            return Optional.empty();
        } catch (IllegalArgumentException e) {
            return Optional.of(String.valueOf(e.getMessage()));
        }
    }

    /**
     * What a program is given.
     *
     * @param argv its words
     * @param stdin its input; empty for none
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Filled(List<String> argv, byte[] stdin) {}

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
                case Word.Arg _, Word.Kwarg _ ->
                    words.add(argument(word.text(), value(word, values, named), dashAllowed));
                case Word.Spread() -> {
                    for (int i = 0; i < values.size(); i++) {
                        words.add(argument("args[" + i + "]", values.get(i), dashAllowed));
                    }
                }
            }
        }
        byte[] input = switch (stdin) {
            case Input.None() -> new byte[0];
            case Input.ArgsJson() -> both(args, kwargs);
            case Input.Value(Word placeholder) -> {
                JsonNode value = value(placeholder, values, named);
                yield (value.isTextual() ? unicode(placeholder.text(), value.textValue()) : value.toString())
                        .getBytes(StandardCharsets.UTF_8);
            }
        };
        return new Filled(words, input);
    }

    private static JsonNode value(Word placeholder, List<JsonNode> args, Map<String, JsonNode> kwargs) {
        JsonNode value = switch (placeholder) {
            case Word.Arg(int index) -> index < args.size() ? args.get(index) : null;
            case Word.Kwarg(String name) -> kwargs.get(name);
            case Word.Literal _, Word.Spread _ -> throw new IllegalStateException("no value: " + placeholder);
        };
        if (value == null || value.isNull()) {
            throw new IllegalArgumentException(
                    "the command needs " + placeholder.text() + ", which is " + (value == null ? "missing" : "null"));
        }
        return value;
    }

    private static String argument(String name, JsonNode value, boolean dashAllowed) {
        if (value.isNull()) {
            throw new IllegalArgumentException(name + " is null, which cannot be an argument of a program");
        }
        String text = value.isTextual() ? unicode(name, value.textValue()) : value.toString();
        if (text.startsWith("-") && !dashAllowed) {
            throw new IllegalArgumentException(name + " begins with '-', and the command could take it for an option");
        }
        if (text.indexOf('\0') >= 0) {
            throw new IllegalArgumentException(
                    name + " has a NUL character, which cannot be in an argument of a program");
        }
        if (text.length() > MAX_ARGUMENT_BYTES / 3
                && text.getBytes(StandardCharsets.UTF_8).length > MAX_ARGUMENT_BYTES) {
            throw new IllegalArgumentException(name + " is longer than the " + MAX_ARGUMENT_BYTES
                    + " bytes that an argument of a program may have");
        }
        return text;
    }

    private static String unicode(String name, String text) {
        if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
            throw new IllegalArgumentException(name + " has half a surrogate pair, which has no UTF-8");
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
