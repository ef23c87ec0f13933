package dev.taskpool.model;

/**
 * What a task asks for of the process that runs it.
 *
 * @param limits when submitted, what was asked for; once accepted, what is in force
 */
public record Surroundings(Limits limits) {
    /** Nothing in particular. */
    public static final Surroundings NONE = new Surroundings(Limits.NONE);

    /** The same with other limits. */
    public Surroundings with(Limits other) {
        return new Surroundings(other);
    }

    /** The same without what may be long. */
    public Surroundings brief() {
        return this;
    }

    /** Returns about how many bytes it takes in memory. */
    int weight() {
        return limits.isNone() ? 0 : 100;
    }
}
