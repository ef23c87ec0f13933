package dev.taskpool.callback;

import static org.assertj.core.api.Assertions.assertThat;

import dev.taskpool.model.CallbackDue;
import dev.taskpool.model.TaskId;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class LaneTest {
    private static CallbackDue entry(long due) {
        return new CallbackDue(new TaskId(due, 0), 1, due);
    }

    /** Takes out what there is, as long as the outbox has more, and returns it in that order. */
    private static List<CallbackDue> drain(Lane lane, Set<CallbackDue> outbox) {
        List<CallbackDue> all = new ArrayList<>();
        while (true) {
            while (lane.mayBegin()) {
                CallbackDue next = lane.begin();
                outbox.remove(next);
                all.add(next);
                lane.end(true);
            }
            if (!lane.wantsRead()) {
                return all;
            }
            lane.readBegins();
            lane.read(outbox.stream().sorted().limit(Lane.WINDOW).toList());
        }
    }

    @Test
    void whatDoesNotFitIsReadFromTheOutboxInItsOrder() {
        List<CallbackDue> all = new ArrayList<>();
        for (int i = 1; i <= 3 * Lane.WINDOW + 17; i++) {
            all.add(entry(i));
        }
        Set<CallbackDue> outbox = new HashSet<>(all);
        Lane lane = new Lane("d");
        List<CallbackDue> shuffled = new ArrayList<>(all);
        Collections.shuffle(shuffled, new Random(1));
        shuffled.forEach(lane::add);
        assertThat(lane.idle()).isFalse();
        assertThat(drain(lane, outbox)).isEqualTo(all);
        assertThat(lane.idle()).isTrue();
    }

    @Test
    void whatTheLastRunLeftIsReadAlthoughSomethingCameBefore() {
        Set<CallbackDue> outbox = new HashSet<>(List.of(entry(1), entry(2), entry(3)));
        Lane lane = new Lane("d");
        lane.add(entry(2));
        lane.startsInOutbox();
        assertThat(drain(lane, outbox)).containsExactly(entry(1), entry(2), entry(3));
    }

    @Test
    void whatComesDuringAReadIsNotLost() {
        Lane lane = new Lane("d");
        lane.startsInOutbox();
        lane.readBegins();
        // Became durable behind the read: the page does not have it.
        lane.add(entry(5));
        assertThat(lane.mayBegin()).isFalse();
        lane.read(List.of(entry(1)));
        assertThat(drain(lane, new HashSet<>())).containsExactly(entry(1), entry(5));
        lane.startsInOutbox();
        lane.readBegins();
        lane.add(entry(7));
        lane.readFailed();
        assertThat(lane.wantsRead()).isTrue();
    }

    @Test
    void whoDoesNotAnswerGetsLessAndWhoAnswersMore() {
        Lane lane = new Lane("d");
        for (int i = 0; i < 200; i++) {
            lane.add(entry(i));
        }
        assertThat(beginAll(lane)).isEqualTo(4);
        for (int i = 0; i < 4; i++) {
            lane.end(false);
        }
        assertThat(beginAll(lane)).isEqualTo(1);
        lane.end(true);
        assertThat(beginAll(lane)).isEqualTo(2);
        for (int i = 0; i < 40; i++) {
            lane.end(true);
            lane.begin();
        }
        beginAll(lane);
        assertThat(lane.underWay()).isEqualTo(Lane.MAX_UNDER_WAY);
    }

    private static int beginAll(Lane lane) {
        int before = lane.underWay();
        while (lane.mayBegin()) {
            lane.begin();
        }
        return lane.underWay() - before;
    }
}
