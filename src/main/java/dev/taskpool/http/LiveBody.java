package dev.taskpool.http;

import java.io.IOException;
import java.io.OutputStream;

/** A body that is written as it comes. */
@FunctionalInterface
interface LiveBody {
    /**
     * Writes all of it, and waits for what is to come: called once, by a virtual thread. Returning is its proper end.
     *
     * @throws IOException if it cannot be read or written further: the client sees that the answer is not complete
     */
    void write(OutputStream out) throws IOException;
}
