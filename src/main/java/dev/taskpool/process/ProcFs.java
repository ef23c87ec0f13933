package dev.taskpool.process;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Reads /proc; see proc(5). A process may vanish at any moment, so "gone" is an answer everywhere and never an error. */
final class ProcFs {
    private static final Path ROOT = Path.of("/proc");
    private static final int MOST_READS = 4;

    private ProcFs() {}

    /**
     * Part of /proc/PID/stat.
     *
     * @param state the letter, such as R, S, D, T or Z
     * @param flags the kernel's PF_ flags
     * @param cpuTicks clock ticks of CPU time, in both modes, with that of the children that it has waited for
     * @param startTicks clock ticks from boot to its start
     * @param environmentStart the address of the environment; 0 in the middle of an exec, at the end, and where we may not look
     * @param environmentEnd the address behind it, likewise
     */
    record Stat(
            char state,
            int parent,
            int group,
            int session,
            long flags,
            long cpuTicks,
            long startTicks,
            long environmentStart,
            long environmentEnd) {
        /** PF_KTHREAD of the kernel's sched.h, which proc(5) points to. */
        private static final long KERNEL_THREAD = 0x0020_0000;

        boolean isKernelThread() {
            return (flags & KERNEL_THREAD) != 0;
        }

        boolean isZombie() {
            return state == 'Z' || state == 'X';
        }
    }

    static boolean exists() {
        return Files.isReadable(ROOT.resolve("self/stat"));
    }

    static @Nullable Stat stat(int pid) {
        byte[] bytes = read(pid, "stat");
        if (bytes == null) {
            return null;
        }
        String text = new String(bytes, StandardCharsets.ISO_8859_1);
        // The name is in parentheses and may itself hold spaces and parentheses: count from the last one.
        int nameEnd = text.lastIndexOf(')');
        String[] fields = text.substring(nameEnd + 2).split(" ");
        return new Stat(
                fields[0].charAt(0),
                Integer.parseInt(fields[1]),
                Integer.parseInt(fields[2]),
                Integer.parseInt(fields[3]),
                Long.parseLong(fields[6]),
                Long.parseLong(fields[11])
                        + Long.parseLong(fields[12])
                        + Long.parseLong(fields[13])
                        + Long.parseLong(fields[14]),
                Long.parseLong(fields[19]),
                Long.parseUnsignedLong(fields[47]),
                Long.parseUnsignedLong(fields[48]));
    }

    /** The soft limit of RLIMIT_LOCKS, in which {@link BootId} marks processes; -1 for unlimited, or where we may not look. */
    static long mark(int pid) {
        byte[] bytes = read(pid, "limits");
        if (bytes != null) {
            for (String line : new String(bytes, StandardCharsets.ISO_8859_1).split("\n")) {
                if (line.startsWith("Max file locks")) {
                    String soft = line.substring(14).strip().split(" +")[0];
                    return soft.equals("unlimited") ? -1 : Long.parseUnsignedLong(soft);
                }
            }
        }
        return -1;
    }

    /** Whether the environment that the process was executed with has {@code name=value}. False where we may not look. */
    static boolean hasVariable(int pid, String name, String value) {
        byte[] bytes = read(pid, "environ");
        return bytes != null && has(bytes, name, value);
    }

    /**
     * The same, told apart from what cannot be told: in the middle of an exec environ is empty, and so it is for a program that was given no
     * environment. Only the latter has a place for it in memory.
     */
    static Census.Sight look(int pid, String name, String value) {
        // Each time round an exec has ended in between: one that executes itself all the time may do that for ever.
        for (int i = 0; i < MOST_READS; i++) {
            byte[] bytes = read(pid, "environ");
            if (bytes != null && bytes.length > 0) {
                return has(bytes, name, value) ? Census.Sight.MARKED : Census.Sight.OTHER;
            }
            Stat stat = stat(pid);
            if (stat == null) {
                return Census.Sight.UNCLEAR;
            }
            if (bytes == null) {
                return Census.Sight.OTHER; // somebody else's, whom we may not look at
            }
            if (stat.environmentEnd() == 0) {
                return Census.Sight.UNCLEAR;
            }
            if (stat.environmentEnd() == stat.environmentStart()) {
                return Census.Sight.OTHER;
            }
        }
        return Census.Sight.UNCLEAR;
    }

    private static boolean has(byte[] environ, String name, String value) {
        // ISO 8859-1 maps each byte to one character, so no byte sequence is lost or made.
        String text = "\0" + new String(environ, StandardCharsets.ISO_8859_1) + "\0";
        return text.contains("\0" + name + "=" + value + "\0");
    }

    /** {@link #isOf}, told apart from what cannot be told. */
    static Census.Sight look(int pid, BootId boot) {
        return boot.isIn(mark(pid)) ? Census.Sight.MARKED : look(pid, BootId.BOOT_VARIABLE, boot.toString());
    }

    /** Whether the process carries the mark of this boot, in either place. */
    static boolean isOf(int pid, BootId boot) {
        return boot.isIn(mark(pid)) || hasVariable(pid, BootId.BOOT_VARIABLE, boot.toString());
    }

    /** The peak resident set (VmHWM) in bytes, or -1. */
    static long peakResidentBytes(int pid) {
        return memory(pid, "VmHWM:");
    }

    /** The resident set (VmRSS) in bytes, or -1. */
    static long residentBytes(int pid) {
        return memory(pid, "VmRSS:");
    }

    private static long memory(int pid, String name) {
        byte[] bytes = read(pid, "status");
        if (bytes != null) {
            for (String line : new String(bytes, StandardCharsets.ISO_8859_1).split("\n")) {
                if (line.startsWith(name)) {
                    return Long.parseLong(line.substring(name.length(), line.indexOf("kB"))
                                    .strip())
                            * 1024;
                }
            }
        }
        return -1;
    }

    /** The children of all threads of a process; needs CONFIG_PROC_CHILDREN, which the spawner needs as well. */
    static List<Integer> children(int pid) {
        List<Integer> children = new ArrayList<>();
        Path threads = ROOT.resolve(Integer.toString(pid)).resolve("task");
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(threads, "[0-9]*")) {
            for (Path entry : entries) {
                for (String word : Files.readString(entry.resolve("children")).split(" ")) {
                    if (!word.isBlank()) {
                        children.add(Integer.parseInt(word.strip()));
                    }
                }
            }
        } catch (IOException | java.nio.file.DirectoryIteratorException gone) {
            return children; // it ended, or a thread of it: there is another look
        }
        return children;
    }

    /** All processes that can be seen. */
    static List<Integer> pids() {
        List<Integer> pids = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(ROOT, "[0-9]*")) {
            entries.forEach(
                    entry -> pids.add(Integer.parseInt(entry.getFileName().toString())));
        } catch (IOException e) {
            throw new java.io.UncheckedIOException("cannot list /proc", e);
        }
        return pids;
    }

    private static byte @Nullable [] read(int pid, String file) {
        try {
            return Files.readAllBytes(ROOT.resolve(Integer.toString(pid)).resolve(file));
        } catch (IOException gone) {
            return null; // ENOENT, ESRCH, or EACCES: nothing to be known of it
        }
    }
}
