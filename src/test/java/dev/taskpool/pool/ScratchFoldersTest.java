package dev.taskpool.pool;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.taskpool.model.Ticker;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ScratchFoldersTest {
    @TempDir
    Path base;

    private Path root;
    private long aheadMillis;
    private ScratchFolders folders;

    private final Ticker clock = new Ticker() {
        @Override
        public long millis() {
            return Ticker.SYSTEM.millis() + aheadMillis;
        }

        @Override
        public long nanos() {
            return Ticker.SYSTEM.nanos();
        }
    };

    @BeforeEach
    void setUp() {
        root = base.resolve("scratch");
        folders = new ScratchFolders(root, clock);
    }

    @AfterEach
    void restLeavesNothing() throws IOException {
        folders.rest();
        try (Stream<Path> left = Files.list(root)) {
            assertThat(left).isEmpty();
        }
    }

    /** A folder that has rested, in somebody's hands. */
    private ScratchFolders.Folder rested() throws IOException {
        ScratchFolders.Folder first = folders.take();
        assertThat(first.isUntouched()).as("it has not rested").isFalse();
        aheadMillis = ScratchFolders.REST_MILLIS + 100;
        ScratchFolders.Folder next = folders.take();
        assertThat(next.path()).isNotEqualTo(first.path());
        folders.giveBack(first, false);
        assertThat(first.path()).doesNotExist();
        assertThat(next.isUntouched()).isTrue();
        Bench.nextInstant(base);
        return next;
    }

    @Test
    void folderThatWasLeftAloneIsTheNextOnes() throws IOException {
        ScratchFolders.Folder folder = rested();
        for (int i = 0; i < 100; i++) {
            folders.giveBack(folder, folders.keeps(folder));
            ScratchFolders.Folder again = folders.take();
            assertThat(again.path()).isEqualTo(folder.path());
            assertThat(again.isUntouched()).isTrue();
        }
        folders.giveBack(folder, true);
    }

    interface Deed {
        void on(Path folder) throws IOException;
    }

    record Named(String name, Deed deed) {
        @Override
        public String toString() {
            return name;
        }
    }

    static Stream<Named> deeds() {
        return Stream.of(
                new Named("a file that is left", folder -> Files.createFile(folder.resolve("f"))),
                new Named("a file that is gone again", folder -> Files.delete(Files.createFile(folder.resolve("f")))),
                new Named("a folder", folder -> Files.createDirectory(folder.resolve("d"))),
                new Named("a mode that is put back", folder -> {
                    Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxrwxrwx"));
                    Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwx------"));
                }),
                new Named("its times", folder -> Files.setLastModifiedTime(folder, FileTime.fromMillis(0))),
                new Named("another in its place", folder -> {
                    Files.delete(folder);
                    Files.createDirectory(folder);
                }),
                new Named("itself moved away", folder -> Files.move(folder, folder.resolveSibling("away"))));
    }

    @ParameterizedTest
    @MethodSource("deeds")
    void whateverWasDoneToItItIsNobodyElses(Named deed) throws IOException {
        ScratchFolders.Folder folder = rested();
        deed.deed.on(folder.path());
        assertThat(folder.isUntouched()).isFalse();
        folders.giveBack(folder, folders.keeps(folder));
        assertThat(folder.path()).doesNotExist();
        Files.deleteIfExists(root.resolve("away"));
    }

    @ParameterizedTest
    @MethodSource("deeds")
    void spareThatSomebodyWasInIsNotLent(Named deed) throws IOException {
        ScratchFolders.Folder folder = rested();
        folders.giveBack(folder, true);
        deed.deed.on(folder.path());
        ScratchFolders.Folder next = folders.take();
        assertThat(next.path()).isNotEqualTo(folder.path()).isEmptyDirectory();
        assertThat(folder.path()).doesNotExist();
        folders.giveBack(next, false);
        Files.deleteIfExists(root.resolve("away"));
    }

    @Test
    void nothingIsKeptWhereNoRunIsExpected() throws IOException {
        ScratchFolders.Folder folder = rested();
        ScratchFolders.Folder late = folders.take();
        folders.rest();
        assertThat(folders.keeps(folder)).isFalse();
        folders.giveBack(folder, false);
        folders.giveBack(late, true); // was asked before the rest
        try (Stream<Path> left = Files.list(root)) {
            assertThat(left).isEmpty();
        }
    }

    @Test
    void aClockThatWasSetBackLendsNothing() throws IOException {
        folders.giveBack(rested(), true);
        aheadMillis = -3_600_000;
        ScratchFolders.Folder next = folders.take();
        assertThat(next.isUntouched()).isFalse();
        folders.giveBack(next, false);
    }

    @Test
    void asManyAreKeptAsWereInUseAtOnceButNotAHundred() throws IOException {
        java.util.List<ScratchFolders.Folder> taken = new java.util.ArrayList<>();
        for (int i = 0; i < 100; i++) {
            taken.add(folders.take());
        }
        for (ScratchFolders.Folder each : taken) {
            folders.giveBack(each, false);
        }
        try (Stream<Path> left = Files.list(root)) {
            assertThat(left).hasSize(64);
        }
    }

    @Test
    void extendedAttributeIsAChangeToo() throws IOException {
        ScratchFolders.Folder folder = rested();
        boolean set = setAttribute(folder.path());
        boolean untouched = folder.isUntouched();
        folders.giveBack(folder, false);
        assumeThat(set).as("this file system has extended attributes").isTrue();
        assertThat(untouched).isFalse();
    }

    private static boolean setAttribute(Path path) {
        try {
            Files.setAttribute(path, "user:left", "x".getBytes(java.nio.charset.StandardCharsets.UTF_8));
            return true;
        } catch (IOException | UnsupportedOperationException e) {
            return false;
        }
    }
}
