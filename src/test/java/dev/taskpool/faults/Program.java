package dev.taskpool.faults;

import dev.taskpool.process.Unmarked;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;

/**
 * The service as it is packaged: a jar of the classes under test, the libraries, and an AOT cache, which more than halves the time
 * of each of a hundred starts. Made once for the whole run, and removed with the JVM.
 */
final class Program {
    private static final String HEAP = "-Xmx256m";
    private static final Program BUILT = build();

    private final List<String> command;

    private Program(List<String> command) {
        this.command = command;
    }

    /** Returns a command line that wants the arguments of the program. */
    static List<String> command() {
        return BUILT.command;
    }

    /** The same on a smaller heap. */
    static List<String> command(int megabytes) {
        List<String> command = new ArrayList<>(BUILT.command);
        command.set(command.indexOf(HEAP), "-Xmx" + megabytes + "m");
        return command;
    }

    private static Program build() {
        try {
            Path folder = Files.createTempDirectory("taskpool-program");
            folder.toFile().deleteOnExit();
            List<String> jars = new ArrayList<>();
            jars.add(jar(folder).toString());
            for (String entry : System.getProperty("java.class.path").split(java.io.File.pathSeparator)) {
                if (Files.isRegularFile(Path.of(entry))) {
                    jars.add(entry);
                }
            }
            Path cache = folder.resolve("taskpool.aot");
            cache.toFile().deleteOnExit();
            List<String> training = command(jars, "-XX:AOTCacheOutput=" + cache);
            training.addAll(List.of("serve", "--stop-when-ready"));
            Path data = folder.resolve("data");
            ProcessBuilder builder = new ProcessBuilder(training)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD);
            builder.environment().put("TASKPOOL_SERVER_PORT", "0");
            builder.environment().put("TASKPOOL_STORE_DIRECTORY", data.toString());
            int exit = Unmarked.start(builder).waitFor();
            try (Stream<Path> files = Files.walk(data)) {
                files.forEach(file -> file.toFile().deleteOnExit());
            }
            if (exit != 0) {
                throw new IllegalStateException("no AOT cache: the exit code is " + exit);
            }
            return new Program(List.copyOf(command(jars, "-XX:AOTCache=" + cache)));
        } catch (IOException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static List<String> command(List<String> jars, String cache) {
        return new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                HEAP,
                cache,
                "-Xlog:aot*=off,cds*=off",
                "--sun-misc-unsafe-memory-access=allow",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                String.join(java.io.File.pathSeparator, jars),
                "dev.taskpool.cli.Main"));
    }

    /** Packs the folder that holds the classes of the service, and not those of its tests. */
    private static Path jar(Path folder) throws IOException {
        Path classes = Path.of(dev.taskpool.cli.Main.class
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .getPath());
        Path jar = folder.resolve("taskpool.jar");
        jar.toFile().deleteOnExit();
        try (OutputStream out = Files.newOutputStream(jar);
                JarOutputStream entries = new JarOutputStream(out);
                Stream<Path> files = Files.walk(classes)) {
            for (Path file : files.filter(f -> !f.equals(classes)).sorted().toList()) {
                String name = classes.relativize(file).toString();
                // Migrations are looked for by the entry of their folder.
                entries.putNextEntry(new JarEntry(Files.isDirectory(file) ? name + "/" : name));
                if (!Files.isDirectory(file)) {
                    Files.copy(file, entries);
                }
                entries.closeEntry();
            }
        }
        return jar;
    }
}
