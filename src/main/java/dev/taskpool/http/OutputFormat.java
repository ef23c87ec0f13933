package dev.taskpool.http;

import org.jspecify.annotations.Nullable;

/** The forms in which both streams are answered together. */
enum OutputFormat {
    TEXT("text/plain", "text/plain; charset=utf-8"),
    JSON(Answer.JSON, Answer.JSON),
    LINES("application/x-ndjson", "application/x-ndjson"),
    EVENTS("text/event-stream", "text/event-stream");

    private final String type;
    private final String contentType;

    OutputFormat(String type, String contentType) {
        this.type = type;
        this.contentType = contentType;
    }

    String contentType() {
        return contentType;
    }

    /**
     * Returns the form that an {@code Accept} header likes best (RFC 9110 section 12.5.1), of equal ones the first that it
     * names, and text where it names none: a client that asks for something else has more of that than of a 406.
     */
    static OutputFormat of(@Nullable String accept) {
        OutputFormat best = TEXT;
        double most = 0;
        for (String range : accept == null ? new String[0] : accept.split(",")) {
            String[] parts = range.split(";");
            double quality = quality(parts);
            for (OutputFormat format : values()) {
                if (format.type.equalsIgnoreCase(parts[0].strip()) && quality > most) {
                    best = format;
                    most = quality;
                }
            }
        }
        return best;
    }

    private static double quality(String[] parts) {
        for (int i = 1; i < parts.length; i++) {
            String parameter = parts[i].strip();
            if (parameter.startsWith("q=")) {
                try {
                    return Double.parseDouble(parameter.substring(2));
                } catch (NumberFormatException e) {
                    return 0;
                }
            }
        }
        return 1;
    }
}
