package dev.taskpool.model;

/** What one part of the service may keep in memory, on a heap of any size: it lives beside everything else. */
public final class HeapShare {
    /** What everything else needs. */
    private static final long OTHERS = 96L << 20;

    /** A heap on which the store may have all that is of use to it. */
    private static final long FULL = 480L << 20;

    private HeapShare() {}

    /** Returns how many bytes may be taken where so many are of use; fewer on a heap of less than 480 MiB. */
    public static long of(long useful) {
        return of(useful, Runtime.getRuntime().maxMemory());
    }

    static long of(long useful, long heap) {
        double share = (double) (heap - OTHERS) / (FULL - OTHERS);
        return (long) (useful * Math.clamp(share, 1.0 / 16, 1));
    }
}
