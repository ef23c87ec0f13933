package dev.taskpool.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ReadsTest {
    private final Reads reads = new Reads();
    private final List<String> done = new ArrayList<>();

    @Test
    void whatIsLetGoWaitsForTheReadsBeforeItAndForNoOther() {
        reads.afterThese(() -> done.add("none"));
        assertThat(done).containsExactly("none");
        long first = reads.begin();
        reads.afterThese(() -> done.add("first"));
        long second = reads.begin();
        reads.afterThese(() -> done.add("second"));
        // There is always one under way: what waits must not wait for all of them.
        long third = reads.begin();
        reads.end(second);
        assertThat(done).containsExactly("none");
        reads.end(first);
        assertThat(done).containsExactly("none", "first", "second");
        reads.afterThese(() -> done.add("third"));
        reads.end(third);
        assertThat(done).containsExactly("none", "first", "second", "third");
    }
}
