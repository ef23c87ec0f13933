package dev.taskpool.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.taskpool.model.IdempotencyKey;
import dev.taskpool.model.OnLost;
import dev.taskpool.model.PoolKind;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.TaskId;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SubmissionTest {
    private static final IdempotencyKey KEY = new IdempotencyKey("key", "body");

    @TempDir
    Path data;

    private TestEngine engine(int workers, int capacity) {
        return new TestEngine(data, 100, Map.of("p", TestEngine.pool(PoolKind.THREAD, workers, capacity)));
    }

    @Test
    void repeatsOfARequestThatCannotBeWrittenAreRefusedLikeIt() {
        try (TestEngine t = engine(1, 10)) {
            List<CompletableFuture<Accepted>> answers = new ArrayList<>();
            t.together(() -> {
                for (int i = 0; i < 3; i++) {
                    answers.add(t.submit(TestEngine.unwritable(OnLost.FAIL), KEY));
                }
            });
            answers.forEach(a -> assertThat(TestEngine.problem(a)).isEqualTo(ProblemCode.STORAGE_UNAVAILABLE));
            t.recover();
            assertThat(t.submit(TestEngine.spec("anywhere", OnLost.FAIL), KEY)
                            .join()
                            .replayed())
                    .isFalse();
        }
    }

    @Test
    void concurrentRepeatsMakeOneTask() {
        try (TestEngine t = engine(1, 10)) {
            List<CompletableFuture<Accepted>> answers = new ArrayList<>();
            t.together(() -> {
                for (int i = 0; i < 5; i++) {
                    answers.add(t.submit(TestEngine.spec("anywhere", OnLost.FAIL), KEY));
                }
            });
            for (int i = 0; i < 5; i++) {
                answers.add(t.submit(TestEngine.spec("anywhere", OnLost.FAIL), KEY));
            }
            Set<TaskId> ids = new HashSet<>();
            answers.forEach(a -> ids.add(a.join().tasks().getFirst().id()));
            assertThat(ids).hasSize(1);
            assertThat(answers.stream().filter(a -> !a.join().replayed())).hasSize(1);
        }
    }

    @Test
    void requestThatIsRefusedWhileItsKeyIsLookedUpMakesNoTask() {
        try (TestEngine t = engine(1, 10)) {
            List<CompletableFuture<Accepted>> answers = new ArrayList<>();
            t.together(() -> {
                answers.add(t.submit(TestEngine.spec("anywhere", OnLost.FAIL), KEY));
                t.refuse();
            });
            assertThat(TestEngine.problem(answers.getFirst())).isEqualTo(ProblemCode.STORAGE_UNAVAILABLE);
            t.recover();
            t.settle();
            assertThat(t.engine.residentTasks()).isZero();
        }
    }

    @Test
    void delayedTasksTakeTheirPlaceInTheQueue() {
        try (TestEngine t = engine(4, 1)) {
            List<CompletableFuture<Accepted>> answers = new ArrayList<>();
            for (int i = 0; i < 9; i++) {
                answers.add(t.submit(TestEngine.delayed(TestEngine.spec("anywhere", OnLost.FAIL), 60_000), null));
            }
            t.settle();
            assertThat(answers.stream().filter(a -> !a.isCompletedExceptionally()))
                    .hasSize(5);
            assertThat(TestEngine.problem(answers.getLast())).isEqualTo(ProblemCode.QUEUE_FULL);
        }
    }
}
