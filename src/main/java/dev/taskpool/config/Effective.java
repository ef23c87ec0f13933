package dev.taskpool.config;

/**
 * A setting as it is in force.
 *
 * @param path such as {@code server.port}
 * @param value as text; a secret is masked
 * @param source {@code default}, the file and line, or the environment variable
 */
public record Effective(String path, String value, String source) {}
