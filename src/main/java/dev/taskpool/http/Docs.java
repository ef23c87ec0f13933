package dev.taskpool.http;

import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** The contract, and pages to browse it: Swagger UI from its package, no CDN. */
final class Docs {
    private static final String FOLDER = "/META-INF/resources/webjars/swagger-ui/";
    private static final Map<String, String> FILES = Map.of(
            "swagger-ui-bundle.js", "text/javascript; charset=utf-8",
            "swagger-ui.css", "text/css; charset=utf-8",
            "favicon-32x32.png", "image/png");
    private static final String PAGE = """
            <!DOCTYPE html>
            <html lang="en">
            <head>
              <meta charset="utf-8">
              <meta name="viewport" content="width=device-width, initial-scale=1">
              <title>Taskpool API</title>
              <link rel="stylesheet" href="/docs/swagger-ui.css">
              <link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
            </head>
            <body>
              <div id="swagger-ui"></div>
              <script src="/docs/swagger-ui-bundle.js"></script>
              <script src="/docs/start.js"></script>
            </body>
            </html>
            """;
    private static final String SCRIPT = """
            window.ui = SwaggerUIBundle({
              url: '/openapi.yaml', dom_id: '#swagger-ui', deepLinking: true, validatorUrl: null, tryItOutEnabled: true
            });
            """;

    private final String uiVersion;

    Docs() {
        Properties about = new Properties();
        try (InputStream in = Docs.class.getResourceAsStream("/META-INF/maven/org.webjars/swagger-ui/pom.properties")) {
            if (in != null) {
                about.load(in);
            }
        } catch (IOException e) {
            throw new IllegalStateException("the documentation's package cannot be read", e);
        }
        this.uiVersion = about.getProperty("version", "");
    }

    CompletableFuture<Reply> contract(Exchange exchange) {
        return CompletableFuture.completedFuture(
                () -> new Answer(200, "application/yaml; charset=utf-8", resource("/openapi.yaml")));
    }

    CompletableFuture<Reply> page(Exchange exchange) {
        return text("text/html; charset=utf-8", PAGE);
    }

    CompletableFuture<Reply> file(Exchange exchange) {
        String name = exchange.path("file");
        if (name.equals("start.js")) {
            return text("text/javascript; charset=utf-8", SCRIPT);
        }
        String type = FILES.get(name);
        if (type == null) {
            throw Problem.of(ProblemCode.ROUTE_NOT_FOUND, "the documentation has no " + Exchange.shortened(name));
        }
        return CompletableFuture.completedFuture(() -> new Answer(200, type, resource(FOLDER + uiVersion + "/" + name))
                .with("Cache-Control", "public, max-age=3600"));
    }

    private static CompletableFuture<Reply> text(String type, String text) {
        return CompletableFuture.completedFuture(() -> new Answer(200, type, text.getBytes(StandardCharsets.UTF_8))
                .with(
                        "Content-Security-Policy",
                        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"));
    }

    private static byte[] resource(String name) throws IOException {
        try (@Nullable InputStream in = Docs.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IOException("the package lacks " + name);
            }
            return in.readAllBytes();
        }
    }
}
