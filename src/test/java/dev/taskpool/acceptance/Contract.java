package dev.taskpool.acceptance;

import static org.assertj.core.api.Assertions.assertThat;

import com.atlassian.oai.validator.OpenApiInteractionValidator;
import com.atlassian.oai.validator.model.Request;
import com.atlassian.oai.validator.model.SimpleRequest;
import com.atlassian.oai.validator.model.SimpleResponse;
import com.atlassian.oai.validator.report.ValidationReport;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Holds answers against {@code openapi.yaml}. */
public final class Contract {
    private static final OpenApiInteractionValidator VALIDATOR = validator();

    private Contract() {}

    private static OpenApiInteractionValidator validator() {
        try {
            // Without these lines the validator also reports properties that the contract does not have; with them it
            // takes a
            // value of any type inside such an object for an object (measured with 2.46.1).
            String strict =
                    Files.readString(Path.of("openapi.yaml")).replace("\n      additionalProperties: true\n", "\n");
            return OpenApiInteractionValidator.createForInlineApiSpecification(strict)
                    .build();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Returns what is wrong with a body of JSON as the answer of an operation. */
    public static List<ValidationReport.Message> answer(String method, String path, int status, String json) {
        SimpleResponse.Builder answer = SimpleResponse.Builder.status(status)
                .withContentType("application/json")
                .withBody(json);
        return bodies(VALIDATOR.validateResponse(path, Request.Method.valueOf(method), answer.build()));
    }

    /** Returns what is wrong with a body of JSON as the request of an operation. */
    public static List<ValidationReport.Message> request(String method, String path, String json) {
        SimpleRequest.Builder request = new SimpleRequest.Builder(method, path)
                .withContentType("application/json")
                .withBody(json);
        return bodies(VALIDATOR.validateRequest(request.build()));
    }

    private static List<ValidationReport.Message> bodies(ValidationReport report) {
        return report.getMessages().stream()
                .filter(message -> message.getKey().contains(".body"))
                .toList();
    }

    /** Fails where the answer is not what the contract says of it. */
    static void hold(String method, String path, HttpResponse<byte[]> response) {
        SimpleResponse.Builder answer = SimpleResponse.Builder.status(response.statusCode());
        response.headers().map().forEach(answer::withHeader);
        if (response.body().length > 0) {
            answer.withBody(response.body());
        }
        ValidationReport report = VALIDATOR.validateResponse(path, Request.Method.valueOf(method), answer.build());
        assertThat(report.getMessages())
                .as("%s %s → %s %s", method, path, response.statusCode(), new String(response.body()))
                .isEmpty();
    }
}
