package dev.taskpool.model;

import java.util.List;

/**
 * What a task asks for of the process that runs it.
 *
 * @param limits when submitted, what was asked for; once accepted, what is in force
 * @param files that are in its folder before it starts; left out where a task is read without what may be long
 */
public record Surroundings(Limits limits, List<InputFile> files) {
    /** Nothing in particular. */
    public static final Surroundings NONE = new Surroundings(Limits.NONE, List.of());

    public Surroundings {
        files = List.copyOf(files);
    }

    /** The same with other limits. */
    public Surroundings with(Limits other) {
        return new Surroundings(other, files);
    }

    /** The same without what may be long. */
    public Surroundings brief() {
        return files.isEmpty() ? this : new Surroundings(limits, List.of());
    }

    /** Returns about how many bytes it takes in memory. */
    int weight() {
        int weight = limits.isNone() ? 0 : 100;
        for (InputFile file : files) {
            weight += 150 + file.size();
        }
        return weight;
    }
}
