package dev.taskpool.model;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Which failures a {@link RetryPolicy} speaks of. Written as one word: {@code timeout}, {@code exception:TYPE}, {@code exit:75}. */
public sealed interface FailureMatch {
    /** What can be written, for messages. */
    String FORMS = "a failure code (exception, timeout, process_exit, process_signal, worker_died, start_failed, …),"
            + " exception:TYPE, exit:CODE, exit:FROM-TO or signal:NAME";

    /** All failures of one code; see {@link FailureCode}. */
    record Code(String code) implements FailureMatch {}

    /** An exception, by its full name or by the part behind the last dot. */
    record ExceptionType(String name) implements FailureMatch {}

    /** A process that exited with one of these codes, 0 to 255. */
    record ExitCodes(int from, int to) implements FailureMatch {}

    /** A process that was ended by this signal, {@code SIGKILL}. */
    record Signal(String name) implements FailureMatch {}

    /** The forms. */
    Pattern FORM = Pattern.compile("(?<code>[a-z][a-z_]{0,63})"
            + "|exception:(?<type>[^\\s:]{1,256})"
            + "|exit:(?<from>\\d{1,3})(?:-(?<to>\\d{1,3}))?"
            + "|signal:(?<signal>(?i:SIG)?[A-Za-z0-9+-]{1,16})");

    /**
     * Reads one.
     *
     * @throws IllegalArgumentException with a sentence that says what can be written
     */
    static FailureMatch parse(String text) {
        Matcher matcher = FORM.matcher(text);
        if (!matcher.matches()) {
            throw new IllegalArgumentException("must be " + FORMS + ", is '" + text + "'");
        }
        if (matcher.group("code") != null) {
            return new Code(text);
        }
        if (matcher.group("type") != null) {
            return new ExceptionType(matcher.group("type"));
        }
        if (matcher.group("signal") != null) {
            String name = matcher.group("signal").toUpperCase(Locale.ROOT);
            return new Signal(name.startsWith("SIG") ? name : "SIG" + name);
        }
        int from = Integer.parseInt(matcher.group("from"));
        int to = matcher.group("to") == null ? from : Integer.parseInt(matcher.group("to"));
        if (from > to || to > 255) {
            throw new IllegalArgumentException("exit codes are 0 to 255 and go upwards, is '" + text + "'");
        }
        return new ExitCodes(from, to);
    }

    /** Returns it as it is written. */
    default String text() {
        return switch (this) {
            case Code(String code) -> code;
            case ExceptionType(String name) -> "exception:" + name;
            case ExitCodes(int from, int to) -> "exit:" + from + (from == to ? "" : "-" + to);
            case Signal(String name) -> "signal:" + name;
        };
    }

    /** Returns whether a failure is one of these. */
    default boolean matches(Failure failure) {
        return switch (this) {
            case Code(String code) -> code.equals(failure.code());
            case ExceptionType(String name) ->
                failure.exceptionType() != null
                        && (name.equals(failure.exceptionType())
                                || failure.exceptionType().endsWith("." + name));
            case ExitCodes(int from, int to) ->
                failure.exitCode() != null && failure.exitCode() >= from && failure.exitCode() <= to;
            case Signal(String name) -> name.equals(failure.signal());
        };
    }
}
