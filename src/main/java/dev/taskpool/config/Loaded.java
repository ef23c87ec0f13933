package dev.taskpool.config;

import java.util.List;

/**
 * What the loader found.
 *
 * @param settings ready to be used
 * @param effective every setting with its value and where it comes from, in the order of the documentation
 */
public record Loaded(Settings settings, List<Effective> effective) {}
