package dev.taskpool.http;

import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Lines of a body that is read while it comes, without what ends them. For one thread. */
final class Lines {
    private final InputStream in;
    private final int maxBytes;
    private byte[] buffer = new byte[64 << 10];
    private int at;
    private int end;
    /** Up to here there is no end of a line. */
    private int looked;

    private boolean over;

    /** @param maxBytes of a longer line only so many and one more are kept */
    Lines(InputStream in, int maxBytes) {
        this.in = in;
        this.maxBytes = maxBytes;
    }

    /** Returns the next line, blank ones as well; null behind the last. Waits for it. */
    byte @Nullable [] next() throws IOException {
        byte[] tooLong = null;
        while (!ended()) {
            if (over) {
                if (at == end && tooLong == null) {
                    return null;
                }
                break;
            }
            if (end - at > maxBytes) {
                tooLong = tooLong == null ? Arrays.copyOfRange(buffer, at, at + maxBytes + 1) : tooLong;
                at = end;
                looked = end;
            }
            fill();
        }
        int stop = looked;
        byte[] line = tooLong != null ? tooLong : Arrays.copyOfRange(buffer, at, trimmed(stop));
        at = Math.min(end, stop + 1);
        looked = at;
        return line;
    }

    private int trimmed(int stop) {
        return stop > at && buffer[stop - 1] == '\r' ? stop - 1 : stop;
    }

    /** Returns whether the next line, or the end, is there without waiting. */
    boolean ready() throws IOException {
        while (!ended()) {
            if (over) {
                return true;
            }
            if (end - at > maxBytes || in.available() <= 0) {
                return false;
            }
            fill();
        }
        return true;
    }

    /** Looks for the end of the line; where it is not there yet, {@code looked} is the end of what is. */
    private boolean ended() {
        while (looked < end) {
            if (buffer[looked] == '\n') {
                return true;
            }
            looked++;
        }
        return false;
    }

    private void fill() throws IOException {
        if (at == end) {
            at = 0;
            end = 0;
            looked = 0;
        } else if (end == buffer.length) {
            if (at > 0) {
                System.arraycopy(buffer, at, buffer, 0, end - at);
                end -= at;
                looked -= at;
                at = 0;
            } else {
                buffer = Arrays.copyOf(buffer, buffer.length * 2);
            }
        }
        int read = in.read(buffer, end, buffer.length - end);
        if (read < 0) {
            over = true;
        } else {
            end += read;
        }
    }
}
