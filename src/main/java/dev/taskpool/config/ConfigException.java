package dev.taskpool.config;

import java.util.List;

/** The configuration is not valid. Its message is for the operator: one line for each thing that is wrong. */
public final class ConfigException extends Exception {
    private static final long serialVersionUID = 1;

    private final transient List<String> problems;

    ConfigException(List<String> problems) {
        super(String.join("\n", problems));
        this.problems = List.copyOf(problems);
    }

    /** Returns everything that is wrong, each with its place. */
    public List<String> problems() {
        return problems;
    }
}
