package dev.taskpool.worker;

import dev.taskpool.callable.CallableSpec;
import dev.taskpool.process.Spawner;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** Asks a type of worker what it can run, before anything is given to it. */
public final class Interview {
    private Interview() {}

    /**
     * Starts one worker, hears its hello, and stops it. Blocks for as long as that takes.
     *
     * @param sockets where its socket may be; a short path
     * @throws IOException where it does not start, or says what the protocol does not have; the message is for operators
     */
    public static List<CallableSpec> callables(WorkerType type, Spawner spawner, Path sockets)
            throws IOException, InterruptedException {
        try (Trial worker = Trial.start(type, spawner, sockets)) {
            Message.FromWorker.Hello hello = worker.hello();
            List<CallableSpec> callables = Offers.read(hello.callables());
            worker.send(new Message.ToWorker.Stop());
            return callables;
        }
    }
}
