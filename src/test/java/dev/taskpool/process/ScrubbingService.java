package dev.taskpool.process;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * A JVM whose program leaves a daemon with a session, an environment and limits of its own: nothing of what it was given. Prints its boot id, the
 * folder of its cgroups, and "up" when the daemon is there; ends the program for each line that it reads, and starts the next.
 */
final class ScrubbingService {
    /** @param daemon what the daemon sleeps, by which a test finds it */
    static String script(String daemon) {
        return "(setsid prlimit --locks=unlimited:unlimited env -i /bin/sh -c 'sleep " + daemon
                + "; :' >&- 2>&- &); while ! pgrep -f 'sleep " + daemon
                + "$' >/dev/null; do :; done; echo up; exec sleep 1000";
    }

    private ScrubbingService() {}

    public static void main(String[] args) throws Exception {
        if (args.length > 1) {
            Leftovers.sweep(Path.of(args[1]), new BootId(2_345_678_901L));
            System.out.println("swept");
            return;
        }
        try (Spawner spawner = Spawner.best()) {
            System.out.println("boot " + spawner.boot());
            System.out.println("groups "
                    + spawner.groups().stream().map(Path::toString).collect(java.util.stream.Collectors.joining(" ")));
            do {
                Collected output = new Collected();
                ChildProcess child = spawner.start(
                        new ProcessSpec(
                                        List.of("/bin/sh", "-c", script(args[0])),
                                        Map.of("PATH", "/usr/bin:/bin"),
                                        Path.of("/"))
                                .withLimits(new ResourceLimits(null, 3_600_000L, null, null, null, null)),
                        output);
                while (!output.stdout().contains("up")) {
                    Thread.onSpinWait();
                }
                System.out.println("up " + child.pid());
                if (System.in.read() < 0) {
                    return;
                }
                child.terminate(Duration.ZERO);
                Exit exit = child.exit().get(20, TimeUnit.SECONDS);
                System.out.println("ended " + exit.survivors() + " " + exit.strays());
            } while (System.in.read() >= 0);
        }
    }
}
