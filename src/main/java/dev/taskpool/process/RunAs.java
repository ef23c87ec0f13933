package dev.taskpool.process;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Another user for a program, by setpriv(1) in front of it, which becomes the program: posix_spawn can change no user. The program has
 * that user and one group, no capability, and can gain none (PR_SET_NO_NEW_PRIVS), so it cannot signal this service.
 *
 * @param uid the user
 * @param gid the group
 */
public record RunAs(int uid, int gid) {
    private static final Path SETPRIV = Path.of("/usr/bin/setpriv");
    private static final Path USERS = Path.of("/etc/passwd");
    private static final Path GROUPS = Path.of("/etc/group");

    /**
     * Finds a user of this machine.
     *
     * @param text {@code user} or {@code user:group}, each a name or a number
     * @throws IllegalArgumentException with a sentence where there is none
     */
    public static RunAs of(String text) {
        String[] parts = text.split(":", 2);
        String[] user = entry(USERS, parts[0], 2);
        int uid = id(user, parts[0], 2, "user");
        if (parts.length == 2) {
            return new RunAs(uid, id(entry(GROUPS, parts[1], 2), parts[1], 2, "group"));
        }
        if (user == null) {
            throw new IllegalArgumentException("user " + parts[0] + " is not in " + USERS + ": name its group as well");
        }
        return new RunAs(uid, Integer.parseInt(user[3]));
    }

    private static int id(String @Nullable [] entry, String text, int field, String what) {
        if (entry != null) {
            return Integer.parseInt(entry[field]);
        }
        if (text.matches("\\d{1,9}")) {
            return Integer.parseInt(text);
        }
        throw new IllegalArgumentException("there is no " + what + " " + text);
    }

    private static String @Nullable [] entry(Path file, String text, int idField) {
        try (Stream<String> lines = Files.lines(file)) {
            return lines.map(line -> line.split(":", -1))
                    .filter(fields -> fields.length > 3 && (fields[0].equals(text) || fields[idField].equals(text)))
                    .findFirst()
                    .orElse(null);
        } catch (IOException e) {
            return null;
        }
    }

    /** Says why this machine cannot start anything for another user; nothing where it can. */
    public static Optional<String> problem() {
        if (!Files.isExecutable(SETPRIV)) {
            return Optional.of("another user needs " + SETPRIV + " (util-linux)");
        }
        return isRoot()
                ? Optional.empty()
                : Optional.of("another user needs a service that runs as root, and this one does not");
    }

    private static boolean isRoot() {
        try {
            return Integer.valueOf(0).equals(Files.getAttribute(Path.of("/proc/self"), "unix:uid"));
        } catch (IOException | UnsupportedOperationException e) {
            return false; // without /proc or Unix attributes no other user can be taken on, and problem() says so
        }
    }

    /** Returns the words that stand before those of the program. */
    public List<String> prefix() {
        return List.of(
                SETPRIV.toString(),
                "--reuid=" + uid,
                "--regid=" + gid,
                "--clear-groups",
                "--no-new-privs",
                "--inh-caps=-all",
                "--bounding-set=-all",
                "--");
    }

    /** Gives it a file or folder. A link is given, and not what it points to. */
    public void own(Path path) throws IOException {
        Files.setAttribute(path, "unix:uid", uid, LinkOption.NOFOLLOW_LINKS);
        Files.setAttribute(path, "unix:gid", gid, LinkOption.NOFOLLOW_LINKS);
    }
}
