package dev.taskpool.process;

import java.util.List;

/** Names of signals, by the numbers of Linux on x86-64 and AArch64; see signal(7). */
public final class Signals {
    private static final List<String> NAMES = List.of(
            "0", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
            "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM",
            "PROF", "WINCH", "IO", "PWR", "SYS");

    private Signals() {}

    /** Returns the name, {@code SIGKILL}. */
    static String name(int number) {
        return number > 0 && number < NAMES.size() ? "SIG" + NAMES.get(number) : "SIG" + number;
    }

    /**
     * Returns the number.
     *
     * @param name such as {@code SIGUSR1}
     * @throws IllegalArgumentException where there is no such signal
     */
    public static int number(String name) {
        int number = name.startsWith("SIG") ? NAMES.indexOf(name.substring(3)) : -1;
        if (number <= 0) {
            throw new IllegalArgumentException("there is no signal " + name);
        }
        return number;
    }
}
