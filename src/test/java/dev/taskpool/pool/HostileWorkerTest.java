package dev.taskpool.pool;

import static org.assertj.core.api.Assertions.assertThat;

import dev.taskpool.model.Failure;
import dev.taskpool.model.FailureCode;
import dev.taskpool.model.PoolKind;
import dev.taskpool.process.ResourceLimits;
import dev.taskpool.process.Spawner;
import dev.taskpool.worker.WorkerType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A worker that does what a worker must not. Whatever it was, the next task runs normally. */
@Timeout(180)
class HostileWorkerTest {
    private static final String WORKER = """
            import json, os, signal, socket, struct, sys, time

            link = socket.socket(socket.AF_UNIX)
            link.connect(os.environ["TASKPOOL_SOCKET"])

            def send(body):
                link.sendall(struct.pack(">I", len(body)) + body)

            def take(n):
                data = b""
                while len(data) < n:
                    more = link.recv(n - len(data))
                    if not more:
                        os._exit(0)
                    data += more
                return data

            def deed(name, task):
                if name == "close":
                    link.close()
                    time.sleep(1000)
                if name == "shut":
                    link.shutdown(socket.SHUT_RDWR)
                    time.sleep(1000)
                if name == "garbage":
                    link.sendall(bytes(i * 37 % 251 for i in range(100_000)))
                    time.sleep(1000)
                if name == "nonsense":
                    send(b'{"type":"result","task":"' + task.encode() + b'"')
                    time.sleep(1000)
                if name == "half":
                    link.sendall(struct.pack(">I", 1000) + b'{"type":')
                    os._exit(0)
                if name == "child-kills-parent":
                    if os.fork() == 0:
                        os.kill(os.getppid(), signal.SIGKILL)
                    time.sleep(1000)
                if name == "daemon-holds-all":
                    if os.fork() == 0:
                        os.setsid()
                        if os.fork() == 0:
                            time.sleep(1000)
                        os._exit(0)
                    os.wait()
                    os._exit(7)
                if name == "forks-and-goes":
                    for _ in range(100):
                        if os.fork() == 0:
                            os.setsid()
                            time.sleep(1000)
                    os._exit(7)
                if name == "stubborn":
                    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                        signal.signal(each, signal.SIG_IGN)
                    while True:
                        time.sleep(0.01)
                if name == "flood":
                    block = b"x" * 1_000_000
                    for _ in range(1000):
                        os.write(1, block)
                if name == "huge":
                    size = 1 << 30
                    link.sendall(struct.pack(">I", size + 2) + b'{"')
                    block = b"x" * (1 << 20)
                    for _ in range(size >> 20):
                        link.sendall(block)
                    return None
                return {"type": "result", "task": task, "result": name}

            send(json.dumps({"type": "hello", "protocol": 1, "token": os.environ["TASKPOOL_TOKEN"]}).encode())
            while True:
                size = struct.unpack(">I", take(4))[0]
                if size > 12 << 20:
                    os._exit(9)
                frame = json.loads(take(size))
                if frame["type"] == "run":
                    answer = deed(frame["callable"], frame["task"])
                    if answer:
                        send(json.dumps(answer).encode())
                if frame["type"] == "stop":
                    os._exit(0)
            """;

    @TempDir
    Path folder;

    private final Spawner spawner = Spawner.best();
    private Path sockets;
    private Bench bench;
    private ProcessRunner pool;

    @BeforeEach
    void open() throws Exception {
        sockets = Files.createTempDirectory("tp");
        bench = new Bench(folder.resolve("outputs"), 1 << 20);
        Path program = Files.writeString(folder.resolve("worker.py"), WORKER);
        WorkerType type = new WorkerType(
                "hostile",
                List.of("python3", program.toString()),
                Map.of("PATH", System.getenv("PATH")),
                folder,
                ResourceLimits.NO_CORE,
                Duration.ofSeconds(30));
        pool = new ProcessRunner(
                "hostile", Bench.settings(PoolKind.PROCESS, 1), type, spawner, sockets, 1 << 20, true, _ -> {});
    }

    @AfterEach
    void nothingIsLeft() throws Exception {
        pool.close().get(20, TimeUnit.SECONDS);
        spawner.close();
        assertThat(Bench.files(sockets)).isEmpty();
        Files.delete(sockets);
        assertThat(ProcessHandle.allProcesses().filter(this::isOurs)).isEmpty();
    }

    private boolean isOurs(ProcessHandle process) {
        return process.info()
                .commandLine()
                .filter(line -> line.contains(folder.toString()))
                .isPresent();
    }

    private void nextTaskRuns() throws Exception {
        assertThat(bench.start(pool, "next", null, null).result()).hasToString("\"next\"");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "close",
                "shut",
                "garbage",
                "nonsense",
                "half",
                "child-kills-parent",
                "daemon-holds-all",
                "forks-and-goes"
            })
    void isADeathThatCostsOneTask(String deed) throws Exception {
        nextTaskRuns();
        Ending ending = bench.start(pool, deed, null, null).await();
        assertThat(ending).isInstanceOfSatisfying(Ending.Failed.class, failed -> {
            Failure failure = failed.failure();
            assertThat(failure.code()).isEqualTo(FailureCode.WORKER_DIED);
            assertThat(failure.exitCode() != null || failure.signal() != null).isTrue();
        });
        assertThat(ending.output().exit()).isNotNull();
        nextTaskRuns();
    }

    @Test
    void stubbornWorkerIsKilled() throws Exception {
        nextTaskRuns();
        Bench.Started started = bench.start(pool, "stubborn", null, null);
        pool.stop(started.run(), 50);
        assertThat(started.await())
                .isInstanceOfSatisfying(
                        Ending.Failed.class,
                        failed -> assertThat(failed.failure().signal()).isEqualTo("SIGKILL"));
        nextTaskRuns();
    }

    /** A worker that does not read holds what it was to get: a run that was stopped meanwhile must not go to another. */
    @Test
    void runThatWasStoppedBeforeAWorkerReadItIsNotRun() throws Exception {
        nextTaskRuns();
        Integer pid = pool.workers().getFirst().pid();
        assertThat(new ProcessBuilder("kill", "-STOP", String.valueOf(pid))
                        .start()
                        .waitFor())
                .isZero();
        Bench.Started started = bench.start(pool, "large", "[\"" + "x".repeat(8 << 20) + "\"]", null);
        pool.stop(started.run(), 0);
        assertThat(started.await()).isNotInstanceOf(Ending.Returned.class);
        nextTaskRuns();
    }

    /** Whoever reads a part of it dies: it is not tried with ever more workers. */
    @Test
    void runThatNoWorkerReadsToItsEndIsADeath() throws Exception {
        Bench.Started started = bench.start(pool, "large", "[\"" + "x".repeat(16 << 20) + "\"]", null);
        assertThat(started.await())
                .isInstanceOfSatisfying(
                        Ending.Failed.class,
                        failed -> assertThat(failed.failure().code()).isEqualTo(FailureCode.WORKER_DIED));
        nextTaskRuns();
    }

    @Test
    void outputOfAGigabyteIsTruncated() throws Exception {
        Bench.Started flood = bench.start(pool, "flood", null, null);
        assertThat(flood.result()).hasToString("\"flood\"");
        assertThat(flood.await().output().truncated()).isTrue();
        nextTaskRuns();
    }

    @Test
    void resultOfAGigabyteIsTooLarge() throws Exception {
        assertThat(bench.start(pool, "huge", null, null).await())
                .isInstanceOfSatisfying(
                        Ending.Failed.class,
                        failed -> assertThat(failed.failure().code()).isEqualTo(FailureCode.RESULT_TOO_LARGE));
        nextTaskRuns();
    }
}
