package dev.taskpool.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.taskpool.callable.CallableSpec;
import dev.taskpool.model.Json;
import dev.taskpool.model.OnLost;
import dev.taskpool.process.Spawner;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What the Python worker promises beyond the protocol. */
@Timeout(120)
class PythonWorkerTest {
    private static final Duration SOON = Duration.ofSeconds(20);

    @TempDir
    Path folder;

    private final Spawner spawner = Spawner.best();
    private Path sockets;

    @BeforeEach
    void open() throws Exception {
        sockets = Files.createTempDirectory("tp");
        Files.writeString(folder.resolve("tasks.py"), """
                import asyncio, gc, os, subprocess, sys, time, weakref
                import taskpool_worker
                from os.path import join

                class Thing: pass
                things = []

                @taskpool_worker.callable(schema={"type": "object"}, on_lost="retry", max_attempts=3, timeout=1.5)
                def decorated():
                    "First line.\\n\\nMore."
                def plain(n):
                    return n + 1
                def _private(): pass
                def leaves():
                    raise SystemExit(3)
                def data():
                    try:
                        {}["no"]
                    except KeyError:
                        raise taskpool_worker.TaskError("told", {"a": [1]})
                def blocks():
                    taskpool_worker.current_task().progress(0)
                    time.sleep(600)
                def cleans():
                    try:
                        blocks()
                    finally:
                        print("cleaned")
                async def waits():
                    taskpool_worker.current_task().progress(0)
                    try:
                        await asyncio.sleep(600)
                    except asyncio.CancelledError:
                        print("told to stop")
                        raise
                async def adds(a, b):
                    await asyncio.sleep(0)
                    return a + b
                def child():
                    print("before", flush=True)
                    subprocess.run(["echo", "from a child"])
                    print("after")
                def forks():
                    pid = os.fork()
                    if pid == 0:
                        print("forked", flush=True)
                        os._exit(0)
                    os.waitpid(pid, 0)
                def keeps(x):
                    thing = Thing()
                    things.append(weakref.ref(thing))
                    raise ValueError(thing)
                def reports(fraction):
                    taskpool_worker.current_task().progress(float(fraction), "so far")
                def kept():
                    return [each() is None for each in things]
                def bytes_of(n):
                    sys.stdout.buffer.write(b"\\xc3"); sys.stdout.flush(); sys.stdout.buffer.write(b"\\xa4\\xff")
                @taskpool_worker.callable(pickled=True)
                def pickled(a, b=1):
                    return {a, b}
                """);
    }

    @AfterEach
    void close() throws Exception {
        spawner.close();
        Files.delete(sockets);
    }

    /** Everything that the worker said until its answer. */
    private record Said(Message.FromWorker answer, String stdout, List<Message.FromWorker> all) {
        String result() {
            return answer instanceof Message.FromWorker.Result(var _, Json json) ? json.toString() : answer.toString();
        }

        Message.FromWorker.Failed error() {
            return (Message.FromWorker.Failed) answer;
        }
    }

    private Trial start(String... options) throws IOException {
        return Trial.start(Interpreters.python(folder, options), spawner, sockets);
    }

    private Said call(Trial worker, String callable, String args) throws Exception {
        worker.send(Subject.run("t_1", callable, args, "{}"));
        return rest(worker);
    }

    private Said rest(Trial worker) throws Exception {
        StringBuilder stdout = new StringBuilder();
        List<Message.FromWorker> all = new ArrayList<>();
        while (true) {
            Message.FromWorker next = Objects.requireNonNull(worker.next(SOON), "it says nothing");
            assertThat(next).as(worker.stdout()).isNotEqualTo(Trial.END);
            all.add(next);
            switch (next) {
                case Message.FromWorker.Output(var _, boolean stderr, String text) when !stderr -> stdout.append(text);
                case Message.FromWorker.Settle _ -> worker.settle();
                case Message.FromWorker.Result _, Message.FromWorker.Failed _ -> {
                    return new Said(next, stdout.toString(), all);
                }
                default -> {}
            }
        }
    }

    @Test
    void progressOutOfRangeIsTheNearestThatIsNot() throws Exception {
        try (Trial worker = start("--module", "tasks", "--allow", "tasks")) {
            worker.hello();
            for (String said : List.of("nan 0.0", "inf 1.0", "-3 0.0", "0.25 0.25")) {
                String[] pair = said.split(" ");
                assertThat(call(worker, "tasks:reports", "[\"" + pair[0] + "\"]")
                                .all())
                        .contains(new Message.FromWorker.Progress("t_1", Double.parseDouble(pair[1]), "so far"));
            }
        }
    }

    @Test
    void modulesAreOfferedByDecoratorAndByAllowList() throws Exception {
        try (Trial worker = start("--module", "tasks", "--allow", "tasks", "--allow", "math")) {
            List<CallableSpec> offers = Offers.read(worker.hello().callables());
            assertThat(offers.stream().map(CallableSpec::name))
                    .contains("tasks:decorated", "tasks:plain", "math:factorial")
                    .doesNotContain("tasks:_private", "tasks:join", "tasks:Thing", "tasks:pickled")
                    .doesNotHaveDuplicates();
            assertThat(offers)
                    .filteredOn(o -> o.name().equals("tasks:decorated"))
                    .singleElement()
                    .satisfies(o -> {
                        assertThat(o.description()).isEqualTo("First line.");
                        assertThat(o.onLost()).isEqualTo(OnLost.RETRY);
                        assertThat(o.maxAttempts()).isEqualTo(3);
                        assertThat(o.timeout()).isEqualTo(Duration.ofMillis(1500));
                        assertThat(o.schema()).isNotNull();
                    });
            assertThat(call(worker, "math:factorial", "[30]").result()).isEqualTo("265252859812191058636308480000000");
        }
        try (Trial worker = start("--module", "tasks")) {
            assertThat(Offers.read(worker.hello().callables())).hasSize(1);
            assertThat(call(worker, "tasks:plain", "[1]").error().code()).isEqualTo("unknown_callable");
        }
    }

    @Test
    void failuresOfAllKindsLeaveTheWorkerAlive() throws Exception {
        try (Trial worker = start("--allow", "tasks")) {
            worker.hello();
            assertThat(call(worker, "tasks:leaves", "[]").error().exceptionType())
                    .isEqualTo("SystemExit");
            Message.FromWorker.Failed told = call(worker, "tasks:data", "[]").error();
            assertThat(told.exceptionType()).isEqualTo("taskpool_worker.TaskError");
            assertThat(told.data()).hasToString("{\"a\":[1]}");
            assertThat(told.causes()).singleElement().satisfies(c -> {
                assertThat(c.exceptionType()).isEqualTo("KeyError");
                assertThat(c.trace()).contains("tasks.py");
            });
            assertThat(told.traceback()).contains("in data").doesNotContain("taskpool_worker.py");
            assertThat(call(worker, "tasks:plain", "[]").error().exceptionType())
                    .isEqualTo("TypeError");
            assertThat(call(worker, "tasks:plain", "[1]").result()).isEqualTo("2");
        }
    }

    @Test
    void cancelReachesWhatBlocksAndWhatAwaits() throws Exception {
        try (Trial worker = start("--allow", "tasks")) {
            Message.FromWorker.Hello hello = worker.hello();
            for (String name : List.of("tasks:blocks", "tasks:cleans", "tasks:waits")) {
                worker.send(Subject.run("t_1", name, "[]", "{}"));
                assertThat(worker.next(SOON)).isInstanceOf(Message.FromWorker.Progress.class);
                worker.send(new Message.ToWorker.Cancel("t_1"));
                worker.wake(hello);
                Said said = rest(worker);
                assertThat(said.error().exceptionType())
                        .isEqualTo(
                                name.equals("tasks:waits")
                                        ? "asyncio.exceptions.CancelledError"
                                        : "taskpool_worker.TaskCancelled");
                assertThat(said.stdout())
                        .isEqualTo(
                                switch (name) {
                                    case "tasks:cleans" -> "cleaned\n";
                                    case "tasks:waits" -> "told to stop\n";
                                    default -> "";
                                });
            }
            assertThat(call(worker, "tasks:adds", "[1, 2]").result()).isEqualTo("3");
        }
    }

    @Test
    void outputOfChildrenIsTheTasksToo() throws Exception {
        try (Trial worker = start("--allow", "tasks")) {
            worker.hello();
            Said child = call(worker, "tasks:child", "[]");
            assertThat(child.stdout()).isEqualTo("before\nafter\n");
            assertThat(worker.stdout()).isEqualTo("from a child\n");
            Said forks = call(worker, "tasks:forks", "[]");
            assertThat(forks.result()).isEqualTo("null");
            assertThat(worker.stdout()).endsWith("forked\n");
            Said bytes = call(worker, "tasks:bytes_of", "[1]");
            assertThat(bytes.stdout()).isEqualTo("ä\uFFFD");
            // Nothing extra where nothing is printed.
            assertThat(call(worker, "tasks:plain", "[1]").all()).hasSize(1);
        }
    }

    @Test
    void nothingOfATaskIsKept() throws Exception {
        try (Trial worker = start("--allow", "tasks")) {
            worker.hello();
            for (int i = 0; i < 3; i++) {
                call(worker, "tasks:keeps", "[1]");
            }
            assertThat(call(worker, "tasks:kept", "[]").result()).isEqualTo("[true,true,true]");
        }
    }

    @Test
    void picklesNeedTheOperatorsWord() throws Exception {
        // pickle.dumps(((5,), {"b": 7}), 4) and pickle.dumps((operator.add, (5, 6), {}), 4)
        String arguments = "gASVEAAAAAAAAABLBYWUfZSMAWKUSwdzhpQu";
        String function = "gASVHwAAAAAAAACMCV9vcGVyYXRvcpSMA2FkZJSTlEsFSwaGlH2Uh5Qu";
        try (Trial worker = start("--module", "tasks", "--allow-pickle")) {
            worker.hello();
            assertThat(call(worker, "tasks:pickled", "[\"" + arguments + "\"]").result())
                    .startsWith("\"gAS");
            assertThat(call(worker, "python.pickled", "[\"" + function + "\"]").result())
                    .isEqualTo("\"gARLCy4=\"");
            Message.FromWorker.Failed bad =
                    call(worker, "python.pickled", "[\"AAAA\"]").error();
            assertThat(bad.code()).isEqualTo("arguments_undecodable");
        }
        try (Trial worker = start("--module", "tasks")) {
            worker.hello();
            assertThat(call(worker, "tasks:pickled", "[\"" + arguments + "\"]")
                            .error()
                            .code())
                    .isEqualTo("unknown_callable");
            assertThat(call(worker, "python.pickled", "[\"" + function + "\"]")
                            .error()
                            .code())
                    .isEqualTo("unknown_callable");
        }
    }

    @Test
    void decimalsAreExactWhereThatIsWanted() throws Exception {
        Files.writeString(folder.resolve("numbers_.py"), "def same(x): return x\n");
        try (Trial worker = start("--allow", "numbers_", "--decimal")) {
            worker.hello();
            assertThat(call(worker, "numbers_:same", "[[1.10,{\"a\":12345678901234567890.123456789}]]")
                            .result())
                    .isEqualTo("[1.10,{\"a\":12345678901234567890.123456789}]");
        }
    }

    @Test
    void moduleThatIsNotThereIsSaidAtTheStart() {
        assertThatThrownBy(
                        () -> Interview.callables(Interpreters.python(folder, "--module", "absent"), spawner, sockets))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("exit code 1")
                .hasMessageContaining("No module named 'absent'");
    }
}
