package dev.taskpool.http;

import java.io.IOException;

/** An answer still to be written down: rendered on a request's thread, never on the engine's. */
@FunctionalInterface
interface Reply {
    Answer answer() throws IOException;
}
