package dev.taskpool.http;

/** RFC 3339 in UTC with milliseconds, {@code 2026-01-02T03:04:05.678Z}: each answer has three or four of them. */
final class Instants {
    /** The last second that was formatted: instants of one answer mostly share it. */
    private record Second(long second, String text) {}

    private static volatile Second last = new Second(0, "1970-01-01T00:00:00.");

    private Instants() {}

    static String text(long millis) {
        long second = Math.floorDiv(millis, 1000L);
        Second known = last;
        if (known.second != second) {
            String whole = java.time.Instant.ofEpochSecond(second).toString();
            known = new Second(second, whole.substring(0, whole.length() - 1) + ".");
            last = known;
        }
        int rest = (int) Math.floorMod(millis, 1000L);
        return known.text + (char) ('0' + rest / 100) + (char) ('0' + rest / 10 % 10) + (char) ('0' + rest % 10) + "Z";
    }
}
