package dev.taskpool.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.taskpool.callable.CallableSpec;
import dev.taskpool.model.Json;
import dev.taskpool.process.Spawner;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What the Node worker promises beyond the protocol. */
@Timeout(120)
class NodeWorkerTest {
    private static final Duration SOON = Duration.ofSeconds(20);

    @TempDir
    Path folder;

    private final Spawner spawner = Spawner.best();
    private Path sockets;

    @BeforeEach
    void open() throws Exception {
        sockets = Files.createTempDirectory("tp");
        Files.writeString(folder.resolve("tasks.js"), """
                const { callable, current } = globalThis.taskpool;
                exports.sync = (a, b) => a + b;
                exports.later = async (a) => { await null; return a * 2n; };
                exports.named = (a, options) => [a, options.width, current().kwargs.width];
                exports.repeatable = callable({ onLost: 'retry', timeoutMs: 1500, schema: {} }, () => undefined);
                exports.fails = async () => { const e = new RangeError('no'); e.data = { big: 2n ** 70n }; throw e; };
                exports.reports = (fraction) => { current().progress(fraction, 'so far'); return 1; };
                exports.strange = () => { throw 'a string'; };
                exports.none = () => () => 1;
                exports.self = function () { return this.id; };
                exports.child = () => { console.log('mine'); require('child_process').execSync('echo from a child', { stdio: 'inherit' }); };
                """);
        Files.writeString(
                folder.resolve("module.mjs"), "export const one = () => 1;\nexport default function two() {}\n");
    }

    @AfterEach
    void close() throws Exception {
        spawner.close();
        Files.delete(sockets);
    }

    private static Message.FromWorker call(Trial worker, String callable, String args, String kwargs) throws Exception {
        worker.send(Subject.run("t_1", callable, args, kwargs));
        while (true) {
            Message.FromWorker next = Objects.requireNonNull(worker.next(SOON), "it says nothing");
            assertThat(next).isNotEqualTo(Trial.END);
            switch (next) {
                case Message.FromWorker.Settle _ -> worker.settle();
                case Message.FromWorker.Result _, Message.FromWorker.Failed _ -> {
                    return next;
                }
                default -> {}
            }
        }
    }

    private static String result(Trial worker, String callable, String args) throws Exception {
        Message.FromWorker answer = call(worker, callable, args, "{}");
        return answer instanceof Message.FromWorker.Result(var _, Json json) ? json.toString() : answer.toString();
    }

    @Test
    void functionsOfModulesRun() throws Exception {
        try (Trial worker = Trial.start(
                Interpreters.node(folder, "--module", "tasks.js", "--module", "./module.mjs"), spawner, sockets)) {
            List<CallableSpec> offers = Offers.read(worker.hello().callables());
            assertThat(offers.stream().map(CallableSpec::name))
                    .contains("tasks:sync", "module:one")
                    .doesNotHaveDuplicates();
            assertThat(result(worker, "tasks:sync", "[1,2]")).isEqualTo("3");
            assertThat(result(worker, "tasks:later", "[12345678901234567890123]"))
                    .isEqualTo("24691357802469135780246");
            assertThat(result(worker, "tasks:self", "[]")).isEqualTo("\"t_1\"");
            assertThat(result(worker, "tasks:repeatable", "[]")).isEqualTo("null");
            assertThat(result(worker, "module:one", "[]")).isEqualTo("1");
            assertThat(call(worker, "tasks:named", "[1]", "{\"width\":7}"))
                    .isEqualTo(new Message.FromWorker.Result("t_1", Json.ofValid("[1,7,7]")));
        }
    }

    @Test
    void progressThatIsNoNumberDoesNotBreakTheConnection() throws Exception {
        try (Trial worker = Trial.start(Interpreters.node(folder, "--module", "tasks.js"), spawner, sockets)) {
            worker.hello();
            for (String said : List.of("\"much\" 0.0", "7 1.0", "-3 0.0", "0.25 0.25")) {
                String[] pair = said.split(" ");
                worker.send(Subject.run("t_1", "tasks:reports", "[" + pair[0] + "]", "{}"));
                assertThat(worker.next(SOON))
                        .isEqualTo(new Message.FromWorker.Progress("t_1", Double.parseDouble(pair[1]), "so far"));
                assertThat(worker.next(SOON)).isInstanceOf(Message.FromWorker.Result.class);
            }
        }
    }

    @Test
    void failuresOfAllKindsLeaveTheWorkerAlive() throws Exception {
        try (Trial worker = Trial.start(Interpreters.node(folder, "--module", "tasks.js"), spawner, sockets)) {
            worker.hello();
            assertThat(call(worker, "tasks:fails", "[]", "{}"))
                    .isInstanceOfSatisfying(Message.FromWorker.Failed.class, failed -> {
                        assertThat(failed.exceptionType()).isEqualTo("RangeError");
                        assertThat(failed.data()).hasToString("{\"big\":1180591620717411303424}");
                        assertThat(failed.traceback()).contains("tasks.js");
                    });
            assertThat(call(worker, "tasks:strange", "[]", "{}"))
                    .isInstanceOfSatisfying(
                            Message.FromWorker.Failed.class,
                            failed -> assertThat(failed.message()).isEqualTo("a string"));
            assertThat(call(worker, "tasks:none", "[]", "{}"))
                    .isInstanceOfSatisfying(
                            Message.FromWorker.Failed.class,
                            failed -> assertThat(failed.code()).isEqualTo("invalid_result"));
            assertThat(result(worker, "tasks:child", "[]")).isEqualTo("null");
            assertThat(worker.stdout()).isEqualTo("from a child\n");
        }
    }
}
