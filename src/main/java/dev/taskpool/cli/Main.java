package dev.taskpool.cli;

/** Entry. */
public final class Main {
    private Main() {}

    /** @param args the command line */
    public static void main(String[] args) {
        System.out.println("taskpool " + Runtime.version());
    }
}
