package dev.taskpool.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class RetryPolicyTest {
    @Test
    void delaysGrowToTheCapAndVaryByTheJitter() {
        RetryPolicy policy = new RetryPolicy(1_000, 2, 10_000, 0.5, List.of(), List.of());
        long[] full = {1_000, 2_000, 4_000, 8_000, 10_000, 10_000};
        Random random = new Random(1);
        for (int failures = 1; failures <= full.length; failures++) {
            for (int i = 0; i < 1_000; i++) {
                assertThat(policy.delayMillis(failures, random)).isBetween(full[failures - 1] / 2, full[failures - 1]);
            }
        }
    }

    @Test
    void hugeNumbersOfFailuresDoNotOverflow() {
        RetryPolicy policy = new RetryPolicy(RetryPolicy.MAX_DELAY_MILLIS, 10, 60_000, 0, List.of(), List.of());
        assertThat(policy.delayMillis(Integer.MAX_VALUE, new Random(1))).isEqualTo(60_000);
    }

    @Test
    void formsAreReadAndWritten() {
        for (String form :
                List.of("timeout", "exception:java.io.IOException", "exit:75", "exit:64-78", "signal:SIGKILL")) {
            assertThat(FailureMatch.parse(form).text()).isEqualTo(form);
        }
        assertThat(FailureMatch.parse("signal:kill").text()).isEqualTo("signal:SIGKILL");
        for (String wrong : List.of("", "exit:", "exit:256", "exit:9-3", "Exit", "exception:", "exit:1 ")) {
            assertThatThrownBy(() -> FailureMatch.parse(wrong)).isInstanceOf(IllegalArgumentException.class);
        }
    }
}
