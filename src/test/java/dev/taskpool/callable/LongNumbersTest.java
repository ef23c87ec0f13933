package dev.taskpool.callable;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import dev.taskpool.model.Json;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class LongNumbersTest {
    private static final String MILLION = "9".repeat(1_000_000);
    private static final String DECIMALS = "1." + "0".repeat(1_000_000);

    private static void check(String schema, String number) {
        JsonNode node = JsonValues.tree(Json.ofValid("{\"properties\":{\"args\":{\"items\":" + schema + "}}}"));
        Registry registry =
                new Registry(List.of(new Registered(CallableSpec.of("c", "").withSchema(node), context -> null)));
        registry.checkArguments("c", Json.ofValid("[0,{\"deep\":[" + number + "]}]"), null, "/items/3");
    }

    private static void refused(String schema, String number) {
        assertThatThrownBy(() -> check(schema, number)).as(schema).isInstanceOfSatisfying(Problem.class, problem -> {
            assertThat(problem.code()).isEqualTo(ProblemCode.INVALID_ARGUMENTS);
            assertThat(problem.errors().getFirst().pointer()).isEqualTo("/items/3/args/1/deep/0");
            assertThat(problem.detail()).contains("characters", "1000");
        });
    }

    @Test
    void longNumberIsRefusedWhereTheSchemaCompares() {
        for (String schema : List.of(
                "{\"minimum\":0}",
                "{\"exclusiveMaximum\":0.5}",
                "{\"properties\":{\"deep\":{\"items\":{\"multipleOf\":7}}}}",
                "{\"enum\":[5,\"a\"]}")) {
            refused(schema, MILLION);
            refused(schema, "-" + DECIMALS);
            refused(schema, "1e-99999");
        }
    }

    @Test
    void longFractionIsRefusedWhereTheSchemaAsksForIntegers() {
        refused("{\"type\":[\"integer\",\"object\"]}", DECIMALS);
        assertThatCode(() -> check("{\"type\":[\"integer\",\"object\"]}", MILLION))
                .doesNotThrowAnyException();
    }

    @Test
    void numberThatNobodyLooksAtMayBeLong() {
        for (String schema : List.of("{}", "{\"type\":[\"number\",\"object\"]}", "{\"properties\":{\"minimum\":{}}}")) {
            assertThatCode(() -> check(schema, MILLION)).as(schema).doesNotThrowAnyException();
            assertThatCode(() -> check(schema, DECIMALS)).as(schema).doesNotThrowAnyException();
        }
        assertThatCode(() -> check("{\"minimum\":-5}", "9".repeat(1_000) + ",1e-0009999"))
                .doesNotThrowAnyException();
    }
}
