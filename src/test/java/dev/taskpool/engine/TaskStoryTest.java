package dev.taskpool.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.taskpool.model.Failure;
import dev.taskpool.model.FailureCode;
import dev.taskpool.model.Json;
import dev.taskpool.model.OnLost;
import dev.taskpool.model.Outcome;
import dev.taskpool.model.RetryPolicy;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import dev.taskpool.model.TaskSpec;
import dev.taskpool.store.Change;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What a task says of itself is what the log said of it. */
class TaskStoryTest {
    private static final TaskSpec SPEC = new TaskSpec(
            "noop",
            null,
            null,
            "default",
            null,
            null,
            0,
            0,
            3,
            RetryPolicy.DEFAULT,
            null,
            OnLost.RETRY,
            Map.of(),
            null,
            0,
            null,
            null);

    private final List<Event> log = new ArrayList<>();
    private Task task = Task.accepted(new TaskId(1, 2), SPEC, 10, 0);

    private void become(Task next) {
        task = next;
        log.addAll(Event.of(new Change.TaskChanged(next)));
    }

    private static List<String> steps(List<? extends Event> events) {
        return events.stream()
                .map(each -> (Event.OfTask) each)
                .map(each ->
                        each.kind() + " " + each.revision() + " " + each.task().attempt())
                .toList();
    }

    @Test
    void retriesLossesAndEndAreToldAsTheyWereInTheLog() {
        log.addAll(Event.of(new Change.TaskCreated(task)));
        Failure why = Failure.of(FailureCode.EXCEPTION, "no");
        become(task.started(20));
        become(task.retried(40, Task.Output.NONE, why, 30, 10));
        assertThat(steps(TaskStory.of(task))).isEqualTo(steps(log));
        become(task.ready());
        assertThat(steps(TaskStory.of(task))).containsAll(steps(log).subList(0, 3));
        become(task.started(50));
        become(task.requeuedAfterLoss(Task.Output.NONE, 60));
        become(task.started(70));
        assertThat(steps(TaskStory.of(task))).isEqualTo(steps(log));
        become(task.cancelRequested(80));
        assertThat(steps(TaskStory.of(task))).isEqualTo(steps(log));
        become(task.finished(new Outcome.Succeeded(Json.NULL), Task.Output.NONE, 90_000, 20, 1_000));
        assertThat(steps(TaskStory.of(task))).isEqualTo(steps(log));
    }

    @Test
    void runThatBeganAndEndedInOneChangeIsTold() {
        Task done = task.started(20).finished(new Outcome.Cancelled(), Task.Output.NONE, 30_000, 10, 1_000);
        assertThat(steps(Event.of(new Change.TaskChanged(done, true)))).containsExactly("RUNNING 2 1", "DONE 3 1");
    }

    @Test
    void lateHearersOfWhatLeftNoTraceHearTwiceRatherThanNever() {
        Task snoozed = task.started(20).snoozed(30, Task.Output.NONE).ready().started(40);
        Task done = snoozed.finished(new Outcome.Cancelled(), Task.Output.NONE, 50_000, 10, 1_000);
        assertThat(steps(TaskStory.of(done))).containsExactly("ACCEPTED 1 0", "RUNNING 5 1", "DONE 6 1");
    }
}
