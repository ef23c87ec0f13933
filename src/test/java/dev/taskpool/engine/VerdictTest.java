package dev.taskpool.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.taskpool.model.OnLost;
import dev.taskpool.model.RetryPolicy;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import dev.taskpool.model.TaskSpec;
import dev.taskpool.model.TaskState;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class VerdictTest {
    private final Verdict verdict = new Verdict(1_000, new Random(1));

    private static Task task(TaskSpec spec) {
        return Task.accepted(new TaskId(1, 1), spec, 1_000, 0);
    }

    @Test
    void cancelOutlivesACrash() {
        for (OnLost onLost : OnLost.values()) {
            Task running =
                    task(TestEngine.spec("anywhere", onLost)).started(2_000).cancelRequested(3_000);
            assertThat(verdict.lost(running, Task.Output.NONE, 4_000_000).state())
                    .isEqualTo(TaskState.CANCELLED);
        }
    }

    @Test
    void taskThatADrainTookBackHasStartedInTime() {
        TaskSpec spec = new TaskSpec(
                "anywhere",
                null,
                null,
                "p",
                null,
                5L,
                0,
                0,
                1,
                RetryPolicy.DEFAULT,
                null,
                OnLost.RETRY,
                Map.of(),
                null,
                0,
                null,
                null);
        assertThat(task(spec).queueDeadline()).isEqualTo(1_005);
        assertThat(task(spec).started(1_001).takenBack(Task.Output.NONE).queueDeadline())
                .isZero();
    }
}
