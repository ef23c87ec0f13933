package dev.taskpool.model;

import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * The files of a run that are kept, and those that are not although they were to be.
 *
 * @param kept in the order in which they were found: folder by folder, by name
 * @param leftOut the first of those that are not kept
 * @param leftOutCount how many are not kept; where it is more than {@code leftOut} has, the others are not told
 */
public record Artifacts(List<Artifact> kept, List<LeftOut> leftOut, int leftOutCount) {
    /** No file was to be kept, or there was none. */
    public static final Artifacts NONE = new Artifacts(List.of(), List.of(), 0);

    /** Of files that are left out at most so many are told. */
    public static final int MAX_TOLD = 20;

    /**
     * A file that is kept.
     *
     * @param name relative to the scratch folder, with {@code /} between folders
     * @param sizeBytes its size
     * @param sha256 of its content, in hexadecimal digits
     */
    public record Artifact(String name, long sizeBytes, String sha256) {}

    /**
     * A file that matched a pattern and is not kept.
     *
     * @param name as far as it can be shown
     * @param sizeBytes null where that is not known, or says nothing
     */
    public record LeftOut(
            String name, Reason reason, @Nullable Long sizeBytes) {}

    /** Why a file is not kept. */
    public enum Reason {
        /** All together would be larger than the command may keep. */
        TOO_LARGE,
        /** More than the command may keep. */
        TOO_MANY,
        /** A link, a folder, a pipe, a device. */
        NOT_A_FILE,
        /** It belongs to another user than the program ran as. */
        NOT_ITS_OWN,
        /** Its name is too long, is not UTF-8, or has control characters. */
        BAD_NAME,
        /** The search ended before it: there are too many files, or folders are too deep. */
        NOT_SEARCHED,
        /** It could not be read, or not be written to the store. */
        FAILED;

        /** Returns it as clients see it. */
        public String code() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    public Artifacts {
        kept = List.copyOf(kept);
        leftOut = List.copyOf(leftOut);
    }

    /** Returns the position of the artifact of that name, or -1. */
    public int indexOf(String name) {
        for (int i = 0; i < kept.size(); i++) {
            if (kept.get(i).name().equals(name)) {
                return i;
            }
        }
        return -1;
    }

    /** Returns about how many bytes it takes in memory. */
    int weight() {
        return (kept.size() + leftOut.size()) * 250;
    }
}
