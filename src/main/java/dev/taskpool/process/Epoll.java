package dev.taskpool.process;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;

/** struct epoll_event and the constants of epoll_ctl(2). */
final class Epoll {
    static final int ADD = 1;
    static final int DELETE = 2;
    static final int IN = 0x1;
    static final int OUT = 0x4;
    static final int ERR = 0x8;
    static final int HUP = 0x10;

    /** The struct is packed on x86-64 and nowhere else. */
    private static final boolean PACKED = System.getProperty("os.arch", "").equals("amd64");

    private static final long TAG_OFFSET = PACKED ? 4 : 8;
    static final long EVENT_BYTES = TAG_OFFSET + 8;

    private Epoll() {}

    static void put(MemorySegment event, int events, long tag) {
        event.set(JAVA_INT_UNALIGNED, 0, events);
        event.set(JAVA_LONG_UNALIGNED, TAG_OFFSET, tag);
    }

    static int events(MemorySegment array, int index) {
        return array.get(JAVA_INT_UNALIGNED, index * EVENT_BYTES);
    }

    static long tag(MemorySegment array, int index) {
        return array.get(JAVA_LONG_UNALIGNED, index * EVENT_BYTES + TAG_OFFSET);
    }
}
