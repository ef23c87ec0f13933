package dev.taskpool.pool;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.taskpool.callable.JsonValues;
import dev.taskpool.model.Failure;
import dev.taskpool.model.FailureCode;
import dev.taskpool.model.Json;
import dev.taskpool.model.Limits;
import dev.taskpool.model.ProcessExit;
import dev.taskpool.model.Task;
import dev.taskpool.process.Exit;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;

/** What the end of a command's process means for its task, by its exit, its output and its template. Closes the run's output. */
final class CommandVerdict {
    private static final int LINE_END_BYTES = 2;

    private final Run run;
    private final CommandTemplate template;
    private final CommandOutput output;
    private final long maxResultBytes;

    /** @param maxResultBytes a larger result fails its task */
    CommandVerdict(Run run, CommandTemplate template, CommandOutput output, long maxResultBytes) {
        this.run = run;
        this.template = template;
        this.output = output;
        this.maxResultBytes = maxResultBytes;
    }

    /** Returns how many bytes of standard output it needs to see. */
    static long resultBytes(CommandTemplate template, long maxResultBytes) {
        return template.result() == CommandTemplate.Result.NONE ? 0 : maxResultBytes + LINE_END_BYTES;
    }

    /** @param scratchExceeded whether the scratch folder was found too large, which comes before all else */
    Ending of(Exit exit, boolean scratchExceeded) {
        Limits limits = run.spec().surroundings().limits();
        if (scratchExceeded) {
            String sentence = ProcessLimits.scratchSentence(limits);
            return failed(FailureCode.SCRATCH_LIMIT, evidence("the command failed by a limit: " + sentence), exit)
                    .because(FailureCode.SCRATCH_LIMIT);
        }
        if (exit.status() instanceof Exit.Status.Exited(int code)) {
            Duration pause = template.snoozes().get(code);
            if (pause != null) {
                return new Ending.Snoozed(pause.toMillis(), output(ExitRecord.of(exit)));
            }
        }
        boolean succeeded = exit.status() instanceof Exit.Status.Exited(int status)
                && template.successExitCodes().contains(status);
        String limited = ProcessLimits.code(exit.limit());
        if (!succeeded && exit.limit() != null && limited != null) {
            String sentence = ProcessLimits.sentence(exit.limit(), limits);
            return failed(limited, evidence("the command failed by a limit: " + sentence), exit);
        }
        return switch (exit.status()) {
            case Exit.Status.Signalled signalled ->
                failed(
                        FailureCode.PROCESS_SIGNAL,
                        evidence("the command was ended by " + signalled.signalName()),
                        exit);
            case Exit.Status.Exited(int code) ->
                succeeded
                        ? returned(exit)
                        : failed(FailureCode.PROCESS_EXIT, evidence("the command ended with exit code " + code), exit);
        };
    }

    /** Returns what is left to say where {@link #of} broke down. */
    Ending unreadable(Throwable why, Exit exit) {
        return failed(FailureCode.INVALID_RESULT, "the result could not be read: " + why.getMessage(), exit);
    }

    private Ending returned(Exit exit) {
        boolean hasResult = template.result() != CommandTemplate.Result.NONE;
        if (hasResult && output.stdoutBytes() > maxResultBytes + LINE_END_BYTES) {
            return tooLarge(output.stdoutBytes(), exit);
        }
        Json result;
        try {
            result = switch (template.result()) {
                case NONE -> Json.NULL;
                case TEXT -> JsonValues.json(withoutLastLineEnd(new String(output.stdout(), StandardCharsets.UTF_8)));
                case JSON -> JsonValues.checked(output.stdout());
            };
        } catch (JsonProcessingException e) {
            return failed(
                    FailureCode.INVALID_RESULT,
                    "what the command wrote to standard output is no JSON value: " + e.getOriginalMessage(),
                    exit);
        }
        if (hasResult && result.size() > maxResultBytes) {
            return tooLarge(result.size(), exit);
        }
        return new Ending.Returned(result, output(ExitRecord.of(exit)));
    }

    private Ending tooLarge(long size, Exit exit) {
        Failure failure = CallableInvoker.tooLarge(size, maxResultBytes);
        return failed(failure.code(), failure.message(), exit);
    }

    private Ending failed(String code, String message, Exit exit) {
        ProcessExit end = ExitRecord.of(exit);
        Failure failure = new Failure(code, message, null, null, null, end.code(), end.signal(), List.of());
        return new Ending.Failed(failure, output(end));
    }

    private Task.Output output(ProcessExit end) {
        return run.output().close(end.code()).withExit(end);
    }

    private String evidence(String message) {
        String tail = output.stderrTail();
        return tail.isEmpty() ? message : message + "; it wrote last:\n" + tail;
    }

    private static String withoutLastLineEnd(String text) {
        if (text.endsWith("\r\n")) {
            return text.substring(0, text.length() - 2);
        }
        return text.endsWith("\n") ? text.substring(0, text.length() - 1) : text;
    }
}
