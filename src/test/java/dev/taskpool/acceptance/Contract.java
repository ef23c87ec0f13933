package dev.taskpool.acceptance;

import static org.assertj.core.api.Assertions.assertThat;

import com.atlassian.oai.validator.OpenApiInteractionValidator;
import com.atlassian.oai.validator.model.Request;
import com.atlassian.oai.validator.model.SimpleResponse;
import com.atlassian.oai.validator.report.ValidationReport;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;

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
