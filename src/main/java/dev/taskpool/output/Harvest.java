package dev.taskpool.output;

import dev.taskpool.model.Artifacts;
import dev.taskpool.model.Artifacts.Reason;
import dev.taskpool.model.FileRules;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SecureDirectoryStream;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Gathers the files of one run. What is in the folder was made by a program that may mean harm, and another program of the same user may still be at it: each step goes by
 * the folder that is open and not by its path (openat(2) and its kin), no link is followed, a file is first moved to where nobody else has a path, then looked at, then
 * copied. For one thread.
 */
final class Harvest {
    private static final Logger LOG = LoggerFactory.getLogger(Harvest.class);

    /** Within the work folder, what becomes the folder of the task. */
    static final String KEPT = "kept";

    private static final Path TAKEN = Path.of("taken");
    private static final int MAX_VISITED = 100_000;
    private static final int MAX_DEPTH = 32;
    private static final int MAX_NAME_BYTES = 1024;
    private static final int BUFFER_BYTES = 64 * 1024;

    private final FileRules rules;
    private final Globs globs;
    private final Path work;
    private final boolean sync;
    private final ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES);

    private final List<Artifacts.Artifact> kept = new ArrayList<>();
    private final List<Artifacts.LeftOut> leftOut = new ArrayList<>();
    private int leftOutCount;
    private long bytes;
    private int visited;
    private Object owner = -1;

    /** @param work made by the caller, who removes it */
    Harvest(FileRules rules, Path work, boolean sync) {
        this.rules = rules;
        this.globs = new Globs(rules.artifacts());
        this.work = work;
        this.sync = sync;
    }

    boolean isEmpty() {
        return kept.isEmpty();
    }

    /** Returns the folder with the files, each by its position. */
    Path kept() {
        return work.resolve(KEPT);
    }

    Artifacts artifacts() {
        return kept.isEmpty() && leftOutCount == 0 ? Artifacts.NONE : new Artifacts(kept, leftOut, leftOutCount);
    }

    /** Returns the same, where none of them could be kept after all. */
    Artifacts lost() {
        List<Artifacts.Artifact> none = List.copyOf(kept);
        kept.clear();
        none.forEach(each -> leaveOut(each.name(), Reason.FAILED, each.sizeBytes()));
        if (none.isEmpty()) {
            leaveOut("", Reason.FAILED, null);
        }
        return artifacts();
    }

    /** Looks through a folder. */
    void gather(Path folder) throws IOException {
        Files.createDirectory(kept(), ArtifactFiles.OURS_ALONE);
        owner = Files.getAttribute(folder, "unix:uid", LinkOption.NOFOLLOW_LINKS);
        try (DirectoryStream<Path> from = Files.newDirectoryStream(folder);
                DirectoryStream<Path> to = Files.newDirectoryStream(work)) {
            if (!(from instanceof SecureDirectoryStream<Path> in)
                    || !(to instanceof SecureDirectoryStream<Path> mine)) {
                throw new IOException("this system cannot go through a folder without going by paths");
            }
            look(in, mine, Path.of(""), 0);
        }
        if (sync && !kept.isEmpty()) {
            force(kept());
        }
    }

    private void look(SecureDirectoryStream<Path> in, SecureDirectoryStream<Path> mine, Path at, int depth)
            throws IOException {
        List<Path> names = new ArrayList<>();
        try {
            for (Path entry : in) {
                names.add(entry.getFileName());
                if (++visited > MAX_VISITED) {
                    leaveOut(at.toString(), Reason.NOT_SEARCHED, null);
                    break;
                }
            }
        } catch (DirectoryIteratorException e) {
            leaveOut(at.toString(), Reason.FAILED, null);
        }
        names.sort(Comparator.naturalOrder());
        for (Path name : names) {
            Path relative = depth == 0 ? name : at.resolve(name);
            try {
                entry(in, mine, name, relative, depth);
            } catch (NoSuchFileException e) {
                LOG.debug("somebody else took {} away", relative);
            } catch (IOException e) {
                if (globs.matches(relative) || globs.mayHold(relative)) {
                    leaveOut(relative.toString(), Reason.FAILED, null);
                }
            }
        }
    }

    private void entry(
            SecureDirectoryStream<Path> in, SecureDirectoryStream<Path> mine, Path name, Path relative, int depth)
            throws IOException {
        BasicFileAttributes attributes = in.getFileAttributeView(
                        name, BasicFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
                .readAttributes();
        if (!attributes.isDirectory()) {
            if (globs.matches(relative)) {
                file(in, mine, name, relative.toString(), attributes);
            }
            return;
        }
        if (globs.standsForAFile(relative)) {
            leaveOut(relative.toString(), Reason.NOT_A_FILE, null);
        }
        if (!globs.mayHold(relative)) {
            return;
        }
        if (depth >= MAX_DEPTH || visited > MAX_VISITED) {
            leaveOut(relative.toString(), Reason.NOT_SEARCHED, null);
            return;
        }
        try (SecureDirectoryStream<Path> below = in.newDirectoryStream(name, LinkOption.NOFOLLOW_LINKS)) {
            makeWritable(below);
            look(below, mine, relative, depth + 1);
        }
    }

    /** To move a file out of a folder takes the right to write to it. What is not ours to change is tried as it is. */
    private static void makeWritable(SecureDirectoryStream<Path> folder) {
        try {
            folder.getFileAttributeView(PosixFileAttributeView.class)
                    .setPermissions(PosixFilePermissions.fromString("rwx------"));
        } catch (IOException e) {
            LOG.debug("a folder keeps its permissions: {}", e.toString());
        }
    }

    private void file(
            SecureDirectoryStream<Path> in,
            SecureDirectoryStream<Path> mine,
            Path name,
            String shown,
            BasicFileAttributes attributes)
            throws IOException {
        long size = attributes.size();
        Reason reason = !attributes.isRegularFile()
                ? Reason.NOT_A_FILE
                : !canBeNamed(shown)
                        ? Reason.BAD_NAME
                        : kept.size() >= rules.maxArtifacts()
                                ? Reason.TOO_MANY
                                : size > rules.maxArtifactsBytes() - bytes ? Reason.TOO_LARGE : null;
        if (reason != null) {
            leaveOut(shown, reason, attributes.isRegularFile() ? size : null);
            return;
        }
        in.move(name, mine, TAKEN);
        Path taken = work.resolve(TAKEN);
        Map<String, Object> now = Files.readAttributes(taken, "unix:uid,isRegularFile", LinkOption.NOFOLLOW_LINKS);
        if (!Boolean.TRUE.equals(now.get("isRegularFile"))) {
            // It was replaced after it was looked at. Back: it may be a folder with who knows what in it.
            mine.move(TAKEN, in, name);
            leaveOut(shown, Reason.NOT_A_FILE, null);
            return;
        }
        try {
            if (owner.equals(now.get("uid"))) {
                copy(taken, shown);
            } else {
                leaveOut(shown, Reason.NOT_ITS_OWN, size);
            }
        } finally {
            Files.deleteIfExists(taken);
        }
    }

    private void copy(Path taken, String shown) throws IOException {
        Path target = kept().resolve(Integer.toString(kept.size()));
        MessageDigest digest = sha256();
        long room = rules.maxArtifactsBytes() - bytes;
        long size = 0;
        try (SeekableByteChannel from = opened(taken);
                FileChannel to = FileChannel.open(target, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            buffer.clear();
            while (size <= room && from.read(buffer) >= 0) {
                buffer.flip();
                size += buffer.remaining();
                digest.update(buffer.duplicate());
                while (buffer.hasRemaining()) {
                    to.write(buffer);
                }
                buffer.clear();
            }
            if (sync) {
                to.force(true);
            }
        } catch (IOException e) {
            Files.deleteIfExists(target);
            throw e;
        }
        if (size > room) {
            // It grew while it was read: somebody has it open.
            Files.deleteIfExists(target);
            leaveOut(shown, Reason.TOO_LARGE, null);
            return;
        }
        bytes += size;
        kept.add(new Artifacts.Artifact(shown, size, HexFormat.of().formatHex(digest.digest())));
    }

    private static SeekableByteChannel opened(Path taken) throws IOException {
        Set<java.nio.file.OpenOption> options = Set.of(StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
        try {
            return Files.newByteChannel(taken, options);
        } catch (AccessDeniedException e) {
            // Of our own user, who took the right to read it away.
            Files.setPosixFilePermissions(taken, PosixFilePermissions.fromString("rw-------"));
            return Files.newByteChannel(taken, options);
        }
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }

    /** What is no UTF-8 comes with the replacement character in its place. */
    private static boolean canBeNamed(String name) {
        return name.getBytes(StandardCharsets.UTF_8).length <= MAX_NAME_BYTES
                && name.codePoints().noneMatch(c -> c == '\uFFFD' || Character.isISOControl(c));
    }

    private void leaveOut(String name, Reason reason, @Nullable Long size) {
        leftOutCount++;
        if (leftOut.size() < Artifacts.MAX_TOLD) {
            String shown = name.length() <= 255 ? name : name.substring(0, 255) + "…";
            leftOut.add(new Artifacts.LeftOut(shown.replaceAll("\\p{Cntrl}", "\uFFFD"), reason, size));
        }
    }

    /** Has a folder's entries survive the loss of power. */
    static void force(Path folder) throws IOException {
        try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }
}
