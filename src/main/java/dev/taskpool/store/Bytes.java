package dev.taskpool.store;

import dev.taskpool.model.Json;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** A growing buffer with the few forms that the codec writes. Confined to one thread. */
final class Bytes {
    private byte[] buffer;
    private int size;

    Bytes(int capacity) {
        this.buffer = new byte[capacity];
    }

    void clear() {
        // One giant batch must not hold its memory for ever.
        if (buffer.length > 4 << 20) {
            buffer = new byte[64 << 10];
        }
        size = 0;
    }

    int size() {
        return size;
    }

    ByteBuffer view() {
        return ByteBuffer.wrap(buffer, 0, size);
    }

    byte[] copy() {
        return Arrays.copyOf(buffer, size);
    }

    void putByte(int value) {
        room(1);
        buffer[size++] = (byte) value;
    }

    /** Variable length, 7 bits a byte, zigzag: small numbers of either sign are short. */
    void putLong(long value) {
        room(10);
        long rest = (value << 1) ^ (value >> 63);
        while ((rest & ~0x7FL) != 0) {
            buffer[size++] = (byte) ((rest & 0x7F) | 0x80);
            rest >>>= 7;
        }
        buffer[size++] = (byte) rest;
    }

    void putFixed(long value) {
        room(8);
        for (int shift = 56; shift >= 0; shift -= 8) {
            buffer[size++] = (byte) (value >>> shift);
        }
    }

    void putBytes(byte[] bytes) {
        putLong(bytes.length);
        room(bytes.length);
        System.arraycopy(bytes, 0, buffer, size, bytes.length);
        size += bytes.length;
    }

    void putString(String text) {
        putBytes(text.getBytes(StandardCharsets.UTF_8));
    }

    void putOptional(@Nullable String text) {
        putByte(text == null ? 0 : 1);
        if (text != null) {
            putString(text);
        }
    }

    void putOptional(@Nullable Long value) {
        putByte(value == null ? 0 : 1);
        if (value != null) {
            putLong(value);
        }
    }

    void putOptional(@Nullable Integer value) {
        putOptional(value == null ? null : Long.valueOf(value));
    }

    void putOptional(@Nullable Json json) {
        putByte(json == null ? 0 : 1);
        if (json != null) {
            putBytes(json.utf8());
        }
    }

    private void room(int more) {
        if (buffer.length - size < more) {
            buffer = Arrays.copyOf(buffer, Math.max(buffer.length * 2, Math.addExact(size, more)));
        }
    }

    /** Reads what {@link Bytes} wrote. Text that does not fit is a fault of the program: the journal checked it. */
    static final class Reader {
        private final ByteBuffer in;

        Reader(ByteBuffer in) {
            this.in = in;
        }

        boolean more() {
            return in.hasRemaining();
        }

        int readByte() {
            return in.get();
        }

        long readLong() {
            long value = 0;
            for (int shift = 0; ; shift += 7) {
                byte b = in.get();
                value |= (long) (b & 0x7F) << shift;
                if (b >= 0) {
                    return (value >>> 1) ^ -(value & 1);
                }
            }
        }

        int readInt() {
            return Math.toIntExact(readLong());
        }

        long readFixed() {
            return in.getLong();
        }

        byte[] readBytes() {
            byte[] bytes = new byte[readInt()];
            in.get(bytes);
            return bytes;
        }

        String readString() {
            return new String(readBytes(), StandardCharsets.UTF_8);
        }

        @Nullable
        String readOptionalString() {
            return readByte() == 0 ? null : readString();
        }

        @Nullable
        Long readOptionalLong() {
            return readByte() == 0 ? null : Long.valueOf(readLong());
        }

        @Nullable
        Integer readOptionalInt() {
            return readByte() == 0 ? null : Integer.valueOf(readInt());
        }

        @Nullable
        Json readOptionalJson() {
            return readByte() == 0 ? null : Json.ofValid(readBytes());
        }
    }
}
