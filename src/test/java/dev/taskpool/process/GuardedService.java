package dev.taskpool.process;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** A JVM that starts things that would outlive it; prints its boot id and waits for its death, or for a line that closes it. */
final class GuardedService {
    private GuardedService() {}

    public static void main(String[] args) throws Exception {
        try (Spawner spawner = Spawner.best()) {
            Map<String, String> environment = Map.of("PATH", "/usr/bin:/bin");
            spawner.start(new ProcessSpec(List.of("sleep", "1000"), environment, Path.of("/")), OutputSink.DISCARD);
            spawner.start(
                    new ProcessSpec(
                            List.of(
                                    "sh",
                                    "-c",
                                    "(setsid sh -c 'trap \"\" TERM HUP; sleep 1000; sleep 1000' &); sleep 1000"),
                            environment,
                            Path.of("/")),
                    OutputSink.DISCARD);
            System.out.println(spawner.boot());
            System.out.flush();
            if (System.in.read() < 0) {
                return;
            }
        }
        System.out.println("closed");
    }
}
