package dev.taskpool.output;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.taskpool.model.Artifacts;
import dev.taskpool.model.FileRules;
import dev.taskpool.model.TaskId;
import dev.taskpool.model.Ticker;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class ArtifactFilesTest {
    private static final FileRules RULES = new FileRules(0, 0, List.of("out/*"), 10, 1_000);

    @TempDir
    Path folder;

    private ArtifactFiles files() throws IOException {
        return new OutputFiles(folder.resolve("output"), 1_000, true, Ticker.SYSTEM).artifacts();
    }

    private Path scratch() throws IOException {
        Path scratch = folder.resolve("scratch");
        Files.createDirectories(scratch.resolve("out"));
        return scratch;
    }

    private static String read(ArtifactFiles files, TaskId id, int index) throws IOException {
        try (InputStream in = files.open(id, index, 0).orElseThrow()) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    @Test
    void laterRunReplacesWhatAnEarlierOneLeft() throws IOException {
        ArtifactFiles files = files();
        TaskId id = new TaskId(77, 1);
        Path scratch = scratch();
        Files.writeString(scratch.resolve("out/a"), "one");
        Files.writeString(scratch.resolve("out/b"), "two");
        assertThat(files.keep(id, scratch, RULES).kept()).hasSize(2);
        Files.writeString(scratch.resolve("out/c"), "three");
        assertThat(files.keep(id, scratch, RULES).kept().getFirst().name()).isEqualTo("out/c");
        assertThat(read(files, id, 0)).isEqualTo("three");
        assertThat(files.open(id, 1, 0)).isEmpty();
        assertThat(files.sequences()).containsExactly(77L);
        assertThat(files.keep(id, scratch, RULES)).isEqualTo(Artifacts.NONE);
        assertThat(files.sequences()).isEmpty();
        assertThat(files.unfinished()).isEmptyDirectory();
    }

    @Test
    void fileOfAnotherUserIsNotKept() throws IOException {
        Path scratch = scratch();
        assumeThat(Files.getAttribute(scratch, "unix:uid")).isEqualTo(0);
        Path other = Files.writeString(scratch.resolve("out/a"), "of nobody");
        Files.setAttribute(other, "unix:uid", 65534);
        Files.writeString(scratch.resolve("out/b"), "own");
        Artifacts artifacts = files().keep(new TaskId(1, 1), scratch, RULES);
        assertThat(artifacts.leftOut().getFirst().reason()).isEqualTo(Artifacts.Reason.NOT_ITS_OWN);
        assertThat(artifacts.kept().getFirst().name()).isEqualTo("out/b");
    }

    @Test
    void diskThatRefusesIsTold() throws IOException {
        Files.createDirectories(folder.resolve("output"));
        Files.writeString(folder.resolve("output/artifacts"), "a file in the way");
        Path scratch = scratch();
        Files.writeString(scratch.resolve("out/a"), "one");
        Artifacts artifacts = files().keep(new TaskId(1, 1), scratch, RULES);
        assertThat(artifacts.kept()).isEmpty();
        assertThat(artifacts.leftOutCount()).isEqualTo(1);
        assertThat(artifacts.leftOut().getFirst().reason()).isEqualTo(Artifacts.Reason.FAILED);
    }

    @Test
    void fileThatIsSwappedUnderwayIsNeverFollowed() throws Exception {
        ArtifactFiles files = files();
        Path scratch = scratch();
        Path name = scratch.resolve("out/a");
        Path secret = Files.writeString(folder.resolve("secret"), "secret");
        Path pipe = folder.resolve("pipe");
        assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor())
                .isZero();
        AtomicBoolean done = new AtomicBoolean();
        Thread swapping = Thread.ofPlatform().start(() -> {
            for (int i = 0; !done.get(); i++) {
                swap(name, scratch.resolve("next"), secret, pipe, i);
            }
        });
        int kept = 0;
        for (int i = 0; i < 3_000 || kept == 0; i++) {
            TaskId id = new TaskId(i, 1);
            for (Artifacts.Artifact each : files.keep(id, scratch, RULES).kept()) {
                assertThat(each.sizeBytes()).isEqualTo(4);
                assertThat(read(files, id, 0)).isEqualTo("fine");
                kept++;
            }
            files.delete(id);
        }
        done.set(true);
        swapping.join();
        assertThat(secret).hasContent("secret");
    }

    /** In turn a file, a link to what is nobody's business, and a pipe that would never end. */
    private static void swap(Path name, Path next, Path secret, Path pipe, int turn) {
        try {
            Files.deleteIfExists(next);
            switch (turn % 3) {
                case 0 -> Files.writeString(next, "fine");
                case 1 -> Files.createSymbolicLink(next, secret);
                default -> Files.createLink(next, pipe);
            }
            Files.move(next, name, StandardCopyOption.ATOMIC_MOVE);
        } catch (FileAlreadyExistsException e) {
            throw new IllegalStateException(e);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void treeOfNoInterestIsNotLookedThrough() throws IOException {
        Path scratch = scratch();
        Path deep = scratch;
        for (int i = 0; i < 60; i++) {
            deep = Files.createDirectory(deep.resolve("d"));
        }
        FileRules all = new FileRules(0, 0, List.of("**/x"), 10, 1_000);
        assertThat(files().keep(new TaskId(1, 1), scratch, RULES)).isEqualTo(Artifacts.NONE);
        Artifacts searched = files().keep(new TaskId(1, 1), scratch, all);
        assertThat(searched.leftOut().getFirst().reason()).isEqualTo(Artifacts.Reason.NOT_SEARCHED);
        try (Stream<Path> left = Files.list(folder.resolve("output/artifacts"))) {
            assertThat(left).hasSize(1);
        }
    }
}
