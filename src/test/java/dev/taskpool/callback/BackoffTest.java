package dev.taskpool.callback;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BackoffTest {
    private static final Backoff USUAL = new Backoff(Duration.ofSeconds(1), Duration.ofHours(6), 12);

    @Test
    void twelveTriesTakeAboutADay() {
        Random random = new Random();
        for (int run = 0; run < 100; run++) {
            long all = 0;
            int attempts = 1;
            while (USUAL.again(attempts)) {
                all += USUAL.pauseMillis(attempts, 0, random);
                attempts++;
            }
            assertThat(attempts).isEqualTo(12);
            assertThat(Duration.ofMillis(all)).isBetween(Duration.ofHours(18), Duration.ofHours(31));
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 750, 1250", "2, 3000, 5000", "3, 12000, 20000", "100, 16200000, 27000000"})
    void pausesGrowAndDiffer(int attempts, long least, long most) {
        Random random = new Random(1);
        assertThat(random.longs(200)
                        .map(l -> USUAL.pauseMillis(attempts, 0, random))
                        .boxed())
                .allSatisfy(p -> assertThat(p).isBetween(least, most))
                .satisfies(all -> assertThat(all.stream().distinct().count()).isGreaterThan(10));
    }

    @Test
    void receiverMayAskForMoreButNotForEver() {
        Random random = new Random();
        assertThat(USUAL.pauseMillis(1, 60_000, random)).isEqualTo(60_000);
        assertThat(USUAL.pauseMillis(3, 1, random)).isGreaterThan(10_000);
        assertThat(USUAL.pauseMillis(1, Long.MAX_VALUE, random))
                .isEqualTo(Duration.ofDays(1).toMillis());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', nullValues = "null", textBlock = """
            null                          | 0
            120                           | 120000
            ' 7 '                         | 7000
            Wed, 21 Oct 2015 07:28:10 GMT | 10000
            Wed, 21 Oct 2015 07:27:00 GMT | 0
            -1                            | 0
            soon                          | 0
            99999999999999                | 0
            """)
    void retryAfterIsSecondsOrADate(String header, long millis) {
        long now = Instant.parse("2015-10-21T07:28:00Z").toEpochMilli();
        assertThat(RetryAfter.millis(header, now)).isEqualTo(millis);
    }
}
