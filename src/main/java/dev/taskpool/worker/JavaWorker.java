package dev.taskpool.worker;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.taskpool.callable.BuiltIns;
import dev.taskpool.callable.CallableSpec;
import dev.taskpool.callable.JsonValues;
import dev.taskpool.callable.Registered;
import dev.taskpool.callable.Registry;
import dev.taskpool.callable.Snooze;
import dev.taskpool.callable.TaskCallable;
import dev.taskpool.model.FailureCode;
import dev.taskpool.model.PoolKind;
import java.io.IOException;
import java.io.PrintStream;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.LinkedTransferQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The Java worker: runs the built-in callables and those of plugins, one task at a time, and ends at once when its service
 * does. Uses no logging: what it has to say goes to standard error, which the service reads.
 */
public final class JavaWorker {
    static final int EXIT_CONNECTION_LOST = 74; // EX_IOERR of sysexits.h
    private static final long HEARTBEAT_MILLIS = 5_000;

    /** Has it offer what the conformance suite runs. */
    static final String CONFORMANCE = "--conformance";

    private final Map<String, TaskCallable> callables;
    private final List<CallableSpec> specs;
    private final FrameChannel channel;
    private final Outbox outbox;
    private final LinkedTransferQueue<WorkerTask> next = new LinkedTransferQueue<>();
    private final TextStream stdoutText = new TextStream(text -> say(false, text));
    private final TextStream stderrText = new TextStream(text -> say(true, text));
    private final PrintStream stdout = new PrintStream(stdoutText, true, StandardCharsets.UTF_8);
    private final PrintStream stderr = new PrintStream(stderrText, true, StandardCharsets.UTF_8);
    private final PrintStream processStdout = System.out;
    private final PrintStream processStderr = System.err;
    private final Thread taskThread = Thread.ofPlatform().name("worker-task").unstarted(this::work);

    /** What runs; written by the thread that reads when it comes and by the task's when it goes, under the lock. */
    private volatile @Nullable WorkerTask current;

    /** An interrupt reaches the task that it is meant for, and none after it. */
    private final ReentrantLock currentLock = new ReentrantLock();

    // Confined to the thread that reads.
    private boolean draining;
    private @Nullable WorkerTask latest;

    private JavaWorker(List<Registered> known, FrameChannel channel) {
        this.callables = new HashMap<>();
        this.specs = new ArrayList<>();
        for (Registered each : known) {
            TaskCallable code = each.code();
            if (code != null && each.spec().poolKinds().contains(PoolKind.PROCESS)) {
                callables.put(each.spec().name(), code);
                specs.add(each.spec());
            }
        }
        this.channel = channel;
        this.outbox = new Outbox(channel);
    }

    /** Connects to the service that the environment names, and works for it. */
    public static void main(String[] args) throws IOException {
        Map<String, String> env = System.getenv();
        String socket = env.get(WorkerType.SOCKET_VARIABLE);
        String token = env.get(WorkerType.TOKEN_VARIABLE);
        if (socket == null || token == null) {
            throw new IllegalStateException("a worker is started by its service, which tells it where to connect");
        }
        SocketChannel connection = SocketChannel.open(UnixDomainSocketAddress.of(socket));
        List<Registered> known = new ArrayList<>(Registry.of(new BuiltIns()));
        String plugins = env.get(WorkerType.PLUGINS_VARIABLE);
        if (plugins != null) {
            known.addAll(Registry.plugins(Path.of(plugins)));
        }
        if (List.of(args).contains(CONFORMANCE)) {
            known.addAll(Registry.of(new ConformanceCallables()));
        }
        new JavaWorker(known, new FrameChannel(connection)).serve(token);
    }

    private void serve(String token) {
        System.setOut(stdout);
        System.setErr(stderr);
        taskThread.start();
        String version = String.valueOf(JavaWorker.class.getPackage().getImplementationVersion());
        outbox.put(new Message.FromWorker.Hello(
                Message.PROTOCOL,
                token,
                "java",
                version + " (Java " + Runtime.version().feature() + ")",
                true,
                (int) ProcessHandle.current().pid(),
                HEARTBEAT_MILLIS,
                null,
                Offers.write(specs)));
        Thread.ofPlatform().daemon().name("worker-heartbeat").start(this::beat);
        try {
            for (byte[] frame = channel.read(); frame != null; frame = channel.read()) {
                switch (Message.toWorker(frame)) {
                    case Message.ToWorker.Run run -> {
                        latest = new WorkerTask(run, outbox, stdout, stderr, draining);
                        next.add(latest);
                    }
                    case Message.ToWorker.Cancel(String task) -> cancel(task);
                    case Message.ToWorker.Drain() -> {
                        draining = true;
                        if (latest != null) {
                            latest.drain();
                        }
                    }
                    case Message.ToWorker.Stop() -> System.exit(0);
                    case Message.Unknown(String type) -> processStderr.println("a message of an unknown type: " + type);
                }
            }
        } catch (IOException e) {
            processStderr.println("the connection to the service broke: " + e.getMessage());
        }
        // Not exit: hooks of callables could hold us here, and nobody would end us.
        Runtime.getRuntime().halt(EXIT_CONNECTION_LOST);
    }

    private void beat() {
        long next = System.nanoTime();
        while (true) {
            // Twice as often as announced: a pause for garbage must not look like death.
            next += TimeUnit.MILLISECONDS.toNanos(HEARTBEAT_MILLIS / 2);
            for (long left = next - System.nanoTime(); left > 0; left = next - System.nanoTime()) {
                LockSupport.parkNanos(left);
            }
            outbox.put(new Message.FromWorker.Heartbeat());
        }
    }

    private void cancel(String id) {
        WorkerTask task = latest;
        if (task == null || !task.taskId().equals(id)) {
            return;
        }
        task.cancel(); // where it has not begun, it begins interrupted
        currentLock.lock();
        try {
            if (current == task) {
                outbox.interrupt(taskThread);
            }
        } finally {
            currentLock.unlock();
        }
    }

    private void work() {
        while (true) {
            WorkerTask task;
            try {
                task = next.take();
            } catch (InterruptedException e) {
                continue; // by a callable that kept this thread for later; no task is running
            }
            become(task);
            if (task.cancelled()) {
                taskThread.interrupt();
            }
            Message answer = run(task);
            stdout.flush();
            stderr.flush();
            stdoutText.end();
            stderrText.end();
            become(null);
            outbox.putNow(answer);
        }
    }

    private void become(@Nullable WorkerTask task) {
        currentLock.lock();
        try {
            current = task;
            Thread.interrupted(); // what was meant for one task must not reach the next
        } finally {
            currentLock.unlock();
        }
    }

    private Message run(WorkerTask task) {
        TaskCallable code = callables.get(task.run().callable());
        if (code == null) {
            String message = "the worker has no callable " + task.run().callable();
            return Message.FromWorker.Failed.of(task.taskId(), FailureCode.UNKNOWN_CALLABLE, message);
        }
        Object value;
        try {
            value = code.call(task);
        } catch (Snooze e) {
            return new Message.FromWorker.Snoozed(task.taskId(), e.delayMillis());
        } catch (Throwable e) {
            // Everything, errors too: it is the task's end, not the worker's.
            return new Message.FromWorker.Failed(
                    task.taskId(),
                    null,
                    e.getClass().getName(),
                    Causes.message(e),
                    Causes.trace(e),
                    null,
                    Causes.of(e));
        }
        try {
            return new Message.FromWorker.Result(task.taskId(), JsonValues.json(value));
        } catch (JsonProcessingException | RuntimeException | StackOverflowError | OutOfMemoryError e) {
            String message = "what " + task.run().callable() + " returned cannot be written as JSON: " + firstLine(e);
            return Message.FromWorker.Failed.of(task.taskId(), FailureCode.INVALID_RESULT, message);
        }
    }

    /** What is printed goes to the task that runs, whoever prints it; or to the service's log where none does. */
    private void say(boolean isStderr, String text) {
        WorkerTask task = current;
        if (task != null) {
            outbox.put(new Message.FromWorker.Output(task.taskId(), isStderr, text));
        } else {
            PrintStream to = isStderr ? processStderr : processStdout;
            to.print(text);
            to.flush();
        }
    }

    private static String firstLine(Throwable e) {
        String message = String.valueOf(e.getMessage());
        int end = message.indexOf('\n');
        return end < 0 ? message : message.substring(0, end);
    }
}
