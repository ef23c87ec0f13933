package dev.taskpool.output;

import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.ArrayList;
import java.util.List;

/**
 * Patterns of files below a folder, such as {@code out/*.csv} and {@code logs/**}, and which folders need to be looked into for them. A part that has
 * {@code **} stands for any number of folders and everything in them. Immutable.
 */
final class Globs {
    private record Glob(PathMatcher whole, List<PathMatcher> folders, boolean any, boolean deep) {}

    private final List<Glob> globs;

    /** @param patterns as {@link java.nio.file.FileSystem#getPathMatcher} has them, without {@code glob:} */
    Globs(List<String> patterns) {
        this.globs = patterns.stream().map(Globs::glob).toList();
    }

    private static Glob glob(String pattern) {
        FileSystem files = FileSystems.getDefault();
        String[] parts = pattern.split("/");
        List<PathMatcher> folders = new ArrayList<>();
        boolean any = false;
        for (int i = 0; i < parts.length - 1 && !any; i++) {
            any = parts[i].contains("**");
            if (!any) {
                folders.add(files.getPathMatcher("glob:" + parts[i]));
            }
        }
        boolean deep = parts[parts.length - 1].contains("**");
        return new Glob(files.getPathMatcher("glob:" + pattern), folders, any || deep, deep);
    }

    /** Returns whether a file is one of those. */
    boolean matches(Path relative) {
        return globs.stream().anyMatch(glob -> glob.whole.matches(relative));
    }

    /** Returns whether a folder has the place of a file: it matches, and not only because everything does. */
    boolean standsForAFile(Path relative) {
        return globs.stream().anyMatch(glob -> !glob.deep && glob.whole.matches(relative));
    }

    /** Returns whether there may be such files in a folder. */
    boolean mayHold(Path folder) {
        return globs.stream().anyMatch(glob -> mayHold(glob, folder));
    }

    private static boolean mayHold(Glob glob, Path folder) {
        int depth = folder.getNameCount();
        if (depth > glob.folders.size() && !glob.any) {
            return false;
        }
        for (int i = 0; i < Math.min(depth, glob.folders.size()); i++) {
            if (!glob.folders.get(i).matches(folder.getName(i))) {
                return false;
            }
        }
        return true;
    }
}
