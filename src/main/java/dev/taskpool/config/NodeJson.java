package dev.taskpool.config;

import java.util.stream.Collectors;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;

/** YAML as the JSON that it stands for, by the rules of YAML's JSON schema. */
final class NodeJson {
    private NodeJson() {}

    static String text(Node node) {
        return switch (node) {
            case MappingNode mapping ->
                mapping.getValue().stream()
                        .map(t -> quoted(t.getKeyNode() instanceof ScalarNode key ? key.getValue() : "") + ":"
                                + text(t.getValueNode()))
                        .collect(Collectors.joining(",", "{", "}"));
            case SequenceNode sequence ->
                sequence.getValue().stream().map(NodeJson::text).collect(Collectors.joining(",", "[", "]"));
            case ScalarNode scalar -> scalar(scalar);
            default -> "null";
        };
    }

    private static String scalar(ScalarNode scalar) {
        String value = scalar.getValue();
        boolean literal = scalar.isPlain()
                && (value.matches("true|false|null") || value.matches("-?(0|[1-9]\\d*)(\\.\\d+)?([eE][-+]?\\d+)?"));
        return literal ? value : scalar.isPlain() && value.isEmpty() ? "null" : quoted(value);
    }

    private static String quoted(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < ' ') {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        return out.append('"').toString();
    }
}
