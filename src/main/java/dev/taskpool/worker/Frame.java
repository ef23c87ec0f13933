package dev.taskpool.worker;

import com.fasterxml.jackson.core.io.JsonStringEncoder;
import dev.taskpool.model.Json;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A message on its way out: one JSON object in parts, so that large values are not copied. Built by one thread. */
public final class Frame {
    private final List<byte[]> parts = new ArrayList<>(5);
    private ByteArrayOutputStream text = new ByteArrayOutputStream(256);
    private int length;

    private Frame() {}

    static Frame of(String type) {
        Frame frame = new Frame();
        frame.ascii("{\"type\":\"" + type + "\"");
        return frame;
    }

    Frame with(String name, @Nullable String value) {
        if (value != null) {
            name(name);
            text.write('"');
            text.writeBytes(quoted(value));
            text.write('"');
        }
        return this;
    }

    /** Jackson refuses half a surrogate pair, which a Java string may have: it becomes what decoders make of it. */
    private static byte[] quoted(String value) {
        try {
            return JsonStringEncoder.getInstance().quoteAsUTF8(value);
        } catch (IllegalArgumentException e) {
            String mended = new String(value.getBytes(StandardCharsets.UTF_16), StandardCharsets.UTF_16);
            return JsonStringEncoder.getInstance().quoteAsUTF8(mended);
        }
    }

    Frame with(String name, long value) {
        name(name);
        ascii(Long.toString(value));
        return this;
    }

    /** Nothing for 0, which stands for not said. */
    Frame withPositive(String name, long value) {
        return value > 0 ? with(name, value) : this;
    }

    Frame with(String name, double value) {
        name(name);
        ascii(Double.toString(value));
        return this;
    }

    Frame with(String name, @Nullable Json value) {
        if (value != null) {
            name(name);
            cut();
            parts.add(value.utf8());
            length += value.size();
        }
        return this;
    }

    Frame end() {
        text.write('}');
        cut();
        return this;
    }

    private void name(String name) {
        ascii(",\"" + name + "\":");
    }

    private void ascii(String more) {
        text.writeBytes(more.getBytes(StandardCharsets.US_ASCII));
    }

    private void cut() {
        parts.add(text.toByteArray());
        length += text.size();
        text = new ByteArrayOutputStream(64);
    }

    /** Returns the size of the JSON object in bytes. */
    public int length() {
        return length;
    }

    List<byte[]> parts() {
        return parts;
    }
}
