package dev.taskpool.pool;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ScratchTest {
    @TempDir
    Path root;

    /** What a kill left while it was removed has the names that a later start gives. */
    @Test
    void whatAnEarlierStartWasRemovingIsRemovedAndNothingBesideIt() throws IOException {
        Path folder = Files.createDirectory(root.resolve("scratch"));
        for (int i = 0; i < 200; i++) {
            Path left = Files.createDirectory(folder.resolve(".removed-" + i));
            Files.writeString(left.resolve("file"), "x");
            Path run = Files.createDirectories(folder.resolve("run-" + i).resolve("a/b/c"));
            Files.writeString(run.resolve("file"), "x");
        }
        Path beside = Files.createDirectory(root.resolve(".removed-1"));
        Scratch.remove(folder);
        try (Stream<Path> rest = Files.list(root)) {
            assertThat(rest).containsExactly(beside);
        }
    }
}
