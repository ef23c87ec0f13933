package dev.taskpool.acceptance;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RetriesTest {
    @TempDir
    static Path data;

    static Started service;
    static Api api;

    @BeforeAll
    static void start() {
        service = new Started(data, "COMMANDS", "{exits: {argv: [sh, -c, 'exit $0', '{args[0]}']}}");
        api = service.api;
    }

    @AfterAll
    static void stop() {
        service.close();
    }

    @Test
    void failedAttemptsAreTriedAgainAndRemembered() {
        Api.Answer answer = api.run("{\"callable\":\"demo.fail\",\"args\":[\"not yet\"],\"kwargs\":{\"succeed_at\":3},"
                + "\"max_attempts\":5,\"retry\":{\"delay_ms\":1}}");
        assertThat(answer.state()).isEqualTo("SUCCEEDED");
        assertThat(answer.json().path("attempt").asInt()).isEqualTo(3);
        JsonNode earlier = answer.json().path("earlier_attempts");
        assertThat(earlier).hasSize(2);
        assertThat(earlier.path(0).path("attempt").asInt()).isEqualTo(1);
        assertThat(earlier.path(1).path("attempt").asInt()).isEqualTo(2);
        assertThat(earlier.path(1).path("ended").asText()).isEqualTo("FAILED");
        assertThat(earlier.path(1).at("/error/code").asText()).isEqualTo("exception");
        assertThat(earlier.path(1).at("/error/message").asText()).isEqualTo("not yet");
        assertThat(answer.json().at("/retry/delay_ms").asLong()).isEqualTo(1);
        // What was left out is the callable's.
        assertThat(answer.json().at("/retry/factor").asDouble()).isEqualTo(2);
    }

    @ParameterizedTest
    @CsvSource({
        "exception, 2",
        "exception:java.lang.IllegalStateException, 2",
        "exception:IllegalStateException, 2",
        "exception:java.io.IOException, 1",
        "timeout, 1",
    })
    void onlyWhatThePolicyNamesIsTriedAgain(String on, int attempts) {
        Api.Answer answer = api.run("{\"callable\":\"demo.fail\",\"args\":[\"no\"],\"max_attempts\":2,"
                + "\"retry\":{\"delay_ms\":1,\"on\":[\"" + on + "\"]}}");
        assertThat(answer.state()).isEqualTo("FAILED");
        assertThat(answer.json().path("attempt").asInt()).isEqualTo(attempts);
    }

    @ParameterizedTest
    @CsvSource({"75, 3", "64, 3", "78, 3", "79, 1", "1, 1"})
    void exitCodesDecide(int code, int attempts) {
        Api.Answer answer = api.run("{\"callable\":\"exits\",\"args\":[" + code + "],\"max_attempts\":3,"
                + "\"retry\":{\"delay_ms\":1,\"on\":[\"exit:64-78\"]}}");
        assertThat(answer.json().at("/error/exit_code").asInt()).isEqualTo(code);
        assertThat(answer.json().path("attempt").asInt()).isEqualTo(attempts);
    }

    @Test
    void exceptWins() {
        Api.Answer answer = api.run("{\"callable\":\"exits\",\"args\":[3],\"max_attempts\":3,"
                + "\"retry\":{\"delay_ms\":1,\"on\":[\"process_exit\"],\"except\":[\"exit:3\"]}}");
        assertThat(answer.json().path("attempt").asInt()).isEqualTo(1);
    }

    @Test
    void commandsAreNotTriedAgainUnlessAsked() {
        Api.Answer answer = api.run("{\"callable\":\"exits\",\"args\":[75]}");
        assertThat(answer.state()).isEqualTo("FAILED");
        assertThat(answer.json().path("attempt").asInt()).isEqualTo(1);
        assertThat(answer.json().has("earlier_attempts")).isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = {"default", "processes"})
    void snoozeUsesNoAttempt(String pool) {
        // The first run of a worker comes when it has started: its time is not ours.
        api.run("{\"callable\":\"noop\",\"pool\":\"" + pool + "\"}");
        long until = System.currentTimeMillis() + 2_500;
        Api.Answer answer =
                api.run("{\"callable\":\"demo.snooze_until\",\"args\":[" + until + "],\"pool\":\"" + pool + "\"}");
        assertThat(answer.state()).isEqualTo("SUCCEEDED");
        assertThat(answer.json().path("attempt").asInt()).isEqualTo(1);
        assertThat(answer.json().path("result").asInt()).isEqualTo(1);
        assertThat(answer.json().path("snoozes").asInt()).isGreaterThanOrEqualTo(2);
    }

    @Test
    void deadlineStopsARunningTask() {
        Api.Answer answer = api.run("{\"callable\":\"time.sleep\",\"args\":[600],\"deadline_ms\":300}");
        assertThat(answer.state()).isEqualTo("FAILED");
        assertThat(answer.json().at("/error/code").asText()).isEqualTo("deadline");
        assertThat(answer.json().path("deadline_at").asText()).isNotEmpty();
    }

    @Test
    void deadlineEndsAPendingTask() {
        api.put("/v1/pools/paused", "{\"kind\":\"THREAD\",\"max_workers\":1}");
        api.post("/v1/pools/paused/pause", null);
        Api.Answer pending = api.run("{\"callable\":\"noop\",\"pool\":\"paused\",\"deadline_ms\":200}");
        assertThat(pending.json().at("/error/code").asText()).isEqualTo("deadline");
        Api.Answer delayed = api.run("{\"callable\":\"noop\",\"delay_ms\":60000,\"deadline_ms\":200}");
        assertThat(delayed.json().at("/error/code").asText()).isEqualTo("deadline");
        assertThat(delayed.json().has("started_at")).isFalse();
    }

    @Test
    void noAttemptFollowsWhereItWouldComeTooLate() {
        Api.Answer answer = api.run("{\"callable\":\"demo.fail\",\"args\":[\"no\"],\"max_attempts\":5,"
                + "\"deadline_ms\":60000,\"retry\":{\"delay_ms\":70000,\"max_delay_ms\":70000,\"jitter\":0}}");
        // What went wrong says more than that time ran out.
        assertThat(answer.json().at("/error/code").asText()).isEqualTo("exception");
        assertThat(answer.json().path("attempt").asInt()).isEqualTo(1);
    }

    @Test
    void wrongPoliciesAreNamed() {
        Api.Answer answer = api.submit("{\"callable\":\"noop\",\"deadline_ms\":0,\"retry\":{\"delay_ms\":-1,"
                + "\"factor\":0.5,\"jitter\":\"x\",\"on\":[\"exit:300\",\"Exit\"],\"cap\":1}}");
        assertThat(answer.status()).isEqualTo(400);
        assertThat(answer.text())
                .contains("/retry/delay_ms")
                .contains("/retry/factor")
                .contains("must be a number from 1.0 to 10.0, is 0.5")
                .contains("/retry/jitter")
                .contains("exit:300")
                .contains("is 'Exit'")
                .contains("/retry/cap")
                .contains("/deadline_ms");
    }
}
