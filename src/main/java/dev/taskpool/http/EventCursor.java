package dev.taskpool.http;

import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** A place in a stream of events, as its ids name it. Opaque to clients. */
sealed interface EventCursor {
    /**
     * Behind an event of the log.
     *
     * @param index of the event in its frame
     * @param micros of a batch: all ends up to this instant are behind it, too; 0 otherwise
     */
    record OfLog(long frame, int index, long micros) implements EventCursor {
        @Override
        public String toString() {
            return "e" + text(frame) + "." + text(index) + (micros == 0 ? "" : "." + text(micros));
        }
    }

    /**
     * Behind an event of a batch while its story is told anew.
     *
     * @param micros all ends up to this instant are behind it
     * @param since events that are no ends, behind the last of those
     */
    record OfStory(long micros, long since) implements EventCursor {
        @Override
        public String toString() {
            return "b" + text(micros) + "." + text(since);
        }
    }

    /**
     * Behind a revision of one task, and what it had written by then.
     *
     * @param position in its output
     * @param done whether its end is behind it
     */
    record OfTask(long revision, long position, boolean done) implements EventCursor {
        @Override
        public String toString() {
            return (done ? "d" : "r") + text(revision) + "." + text(position);
        }
    }

    /** The end of a task: its instant, and its sequence. */
    record Completed(long micros, long sequence) implements EventCursor, Comparable<Completed> {
        @Override
        public int compareTo(Completed other) {
            return micros != other.micros ? Long.compare(micros, other.micros) : Long.compare(sequence, other.sequence);
        }

        @Override
        public String toString() {
            return "c" + text(micros) + "." + text(sequence);
        }
    }

    Pattern FORM = Pattern.compile("([ebrdc])([0-9a-z]{1,13})(?:\\.([0-9a-z]{1,13}))?(?:\\.([0-9a-z]{1,13}))?");

    private static String text(long number) {
        return Long.toString(number, 36);
    }

    /**
     * Returns the place that a client has of an earlier answer, from the header or else the parameter {@code after}; null where it names none.
     *
     * @param kind the cursors that this stream gives
     * @throws Problem {@code invalid_request} where it is none of them
     */
    @SafeVarargs
    static @Nullable EventCursor of(Exchange exchange, Class<? extends EventCursor>... kind) {
        String header = exchange.header("Last-Event-ID");
        boolean inHeader = header != null && !header.isBlank();
        String text = header != null && inHeader ? header.strip() : exchange.query("after");
        if (text == null) {
            return null;
        }
        Problem wrong = Problem.field(
                ProblemCode.INVALID_REQUEST,
                inHeader ? "header:Last-Event-ID" : "query:after",
                "is no id of an event of this stream: '" + Exchange.shortened(text) + "'");
        Matcher form = FORM.matcher(text);
        if (!form.matches()) {
            throw wrong;
        }
        EventCursor cursor;
        try {
            long first = Long.parseLong(form.group(2), 36);
            long second = form.group(3) == null ? 0 : Long.parseLong(form.group(3), 36);
            long third = form.group(4) == null ? 0 : Long.parseLong(form.group(4), 36);
            cursor = switch (form.group(1)) {
                case "e" -> new OfLog(first, Math.toIntExact(second), third);
                case "b" -> new OfStory(first, second);
                case "r" -> new OfTask(first, second, false);
                case "d" -> new OfTask(first, second, true);
                default -> new Completed(first, second);
            };
        } catch (ArithmeticException | NumberFormatException e) {
            throw wrong;
        }
        for (Class<? extends EventCursor> each : kind) {
            if (each.isInstance(cursor)) {
                return cursor;
            }
        }
        throw wrong;
    }
}
