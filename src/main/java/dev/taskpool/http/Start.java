package dev.taskpool.http;

import dev.taskpool.output.OutputReader;
import dev.taskpool.output.StreamReader;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** Where an answer begins in what a task wrote. */
sealed interface Start {
    /** Where the output does. */
    record Beginning() implements Start {}

    /** At an offset of the stream, or a position of both. */
    record At(long place) implements Start {}

    /** With the last lines that are there now. */
    record Lines(int lines) implements Start {}

    /**
     * Reads the query.
     *
     * @param place what the parameter is called that names a place
     */
    static Start of(Exchange exchange, String place) {
        String at = exchange.query(place);
        String lines = exchange.query("tail_lines");
        if (at != null && lines != null) {
            throw Exchange.badQuery("tail_lines", "cannot be given together with " + place);
        }
        if (lines != null) {
            return new Lines(exchange.query("tail_lines", 0, 0, OutputHandlers.MAX_TAIL_LINES));
        }
        return at == null ? new Beginning() : new At(place("query:" + place, at));
    }

    /** Returns a place that a client names. */
    static long place(String pointer, String text) {
        try {
            long value = Long.parseLong(text);
            if (value >= 0) {
                return value;
            }
        } catch (NumberFormatException e) {
            throw bad(pointer, text);
        }
        throw bad(pointer, text);
    }

    private static RuntimeException bad(String pointer, String text) {
        return dev.taskpool.model.Problem.field(
                dev.taskpool.model.ProblemCode.INVALID_REQUEST,
                pointer,
                "must be an integer from 0, is '" + Exchange.shortened(text) + "'");
    }

    /** Goes there. */
    default void seek(StreamReader reader) throws IOException {
        switch (this) {
            case Beginning() -> reader.seek(0);
            case At(long place) -> reader.seek(place);
            case Lines(int lines) -> reader.seekLines(lines);
        }
    }

    /** Goes there. */
    default void seek(OutputReader reader) throws IOException {
        switch (this) {
            case Beginning() -> reader.seek(0);
            case At(long place) -> reader.seek(place);
            case Lines(int lines) -> reader.seekLines(lines);
        }
    }

    /** Returns this, or what a header says. */
    default Start unless(@Nullable String lastEventId) {
        return lastEventId == null || lastEventId.isEmpty() ? this : new At(place("header:Last-Event-ID", lastEventId));
    }
}
