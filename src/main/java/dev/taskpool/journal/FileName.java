package dev.taskpool.journal;

import java.util.Arrays;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The names in the journal's directory: {@code journal-<16 hex digits of the id>.<kind>}. All kinds draw their ids from one
 * counter, so that no name is ever used twice.
 */
record FileName(long id, Kind kind) {

    /** What a file is, by its name alone: whatever lies in a file that is not {@link #SEGMENT} is not part of the journal. */
    enum Kind {
        /** A segment, with a sound header from the moment it has this name. */
        SEGMENT("log"),
        /** A file of full length, ready to become a segment. */
        SPARE("spare"),
        /** A file that is being filled to its length; of no use after a crash. */
        TEMPORARY("tmp"),
        /** A segment that was set aside by {@link Repair#TRUNCATE}. */
        CORRUPT("corrupt");

        private final String suffix;

        Kind(String suffix) {
            this.suffix = suffix;
        }
    }

    private static final Pattern NAME = Pattern.compile("journal-([0-7][0-9a-f]{15})\\.([a-z]+)");

    static String of(long id, Kind kind) {
        return "journal-%016x.%s".formatted(id, kind.suffix);
    }

    /** {@return empty for a file that is not the journal's} */
    static Optional<FileName> parse(String name) {
        Matcher matcher = NAME.matcher(name);
        if (!matcher.matches()) {
            return Optional.empty();
        }
        long id = Long.parseLong(matcher.group(1), 16);
        return Arrays.stream(Kind.values())
                .filter(kind -> kind.suffix.equals(matcher.group(2)))
                .map(kind -> new FileName(id, kind))
                .findFirst();
    }

    @Override
    public String toString() {
        return of(id, kind);
    }
}
