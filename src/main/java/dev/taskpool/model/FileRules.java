package dev.taskpool.model;

import java.nio.file.FileSystems;
import java.util.List;
import java.util.regex.PatternSyntaxException;

/**
 * What a command takes along and leaves behind in files.
 *
 * @param maxFiles input files of one task; 0 is none at all
 * @param maxFilesBytes of all of them together
 * @param artifacts patterns of the files that are kept of a run, as {@link java.nio.file.FileSystem#getPathMatcher} has globs, relative to
 *     the scratch folder; none keeps none
 * @param maxArtifacts files that are kept of one run
 * @param maxArtifactsBytes of all of them together
 */
public record FileRules(
        int maxFiles, long maxFilesBytes, List<String> artifacts, int maxArtifacts, long maxArtifactsBytes) {
    /** Nothing in, nothing out. */
    public static final FileRules NONE = new FileRules(0, 0, List.of(), 0, 0);

    /** No command may take or keep more files of one task. */
    public static final int MOST_FILES = 1_000;

    /** @throws IllegalArgumentException with a sentence where a pattern is none */
    public FileRules {
        artifacts = List.copyOf(artifacts);
        artifacts.forEach(FileRules::requirePattern);
    }

    /** Returns whether files of a run may be kept. */
    public boolean keepsArtifacts() {
        return !artifacts.isEmpty();
    }

    private static void requirePattern(String pattern) {
        for (String part : pattern.split("/", -1)) {
            if (part.isEmpty() || part.equals(".") || part.equals("..")) {
                throw new IllegalArgumentException("artifacts: '" + pattern
                        + "' must be a path below the scratch folder, such as report.pdf, out/*.csv or out/**");
            }
            try {
                // Part by part: braces must not reach over a slash, as folders are looked through part by part.
                FileSystems.getDefault().getPathMatcher("glob:" + part);
            } catch (PatternSyntaxException e) {
                throw new IllegalArgumentException(
                        "artifacts: '" + pattern + "' is no pattern: " + e.getDescription(), e);
            }
        }
    }
}
