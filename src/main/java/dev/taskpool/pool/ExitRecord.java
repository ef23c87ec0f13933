package dev.taskpool.pool;

import dev.taskpool.model.ProcessExit;
import dev.taskpool.process.Exit;
import org.jspecify.annotations.Nullable;

/** The end of a process in the words of a task. */
final class ExitRecord {
    private ExitRecord() {}

    static ProcessExit of(Exit exit) {
        Integer code = null;
        String signal = null;
        switch (exit.status()) {
            case Exit.Status.Exited(int status) -> code = status;
            case Exit.Status.Signalled signalled -> signal = signalled.signalName();
        }
        Exit.Usage usage = exit.usage();
        return new ProcessExit(
                code,
                signal,
                cause(exit, code),
                ProcessExit.millis(exit.wall()),
                usage == null ? null : Long.valueOf(ProcessExit.millis(usage.userCpu())),
                usage == null ? null : Long.valueOf(ProcessExit.millis(usage.systemCpu())),
                usage == null ? null : usage.peakResidentBytes());
    }

    private static String cause(Exit exit, @Nullable Integer code) {
        String limit = ProcessLimits.code(exit.limit());
        if (limit != null && !exit.isSuccess()) {
            return limit;
        }
        return code != null ? ProcessExit.EXITED : ProcessExit.SIGNALLED;
    }
}
