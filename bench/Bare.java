import io.javalin.Javalin;
import io.javalin.http.HandlerType;
import java.nio.charset.StandardCharsets;
import org.slf4j.LoggerFactory;

/** What a request costs before anything is done for it: the same sizes of body and answer, nothing stored. */
class Bare {
    public static void main(String[] args) {
        // As the service has it: without this each request writes lines of DEBUG.
        ((ch.qos.logback.classic.Logger) LoggerFactory.getLogger("ROOT")).setLevel(ch.qos.logback.classic.Level.WARN);
        byte[] answer = ("{\"id\":\"t_01jd5m8z3fhq7x2v9c4k6n8p0r\",\"callable\":\"noop\",\"pool\":\"default\","
                        + "\"state\":\"SUCCEEDED\",\"done\":true,\"result\":null,\"attempt\":1,"
                        + "\"created_at\":\"2026-01-02T03:04:05.678Z\",\"started_at\":\"2026-01-02T03:04:05.678Z\","
                        + "\"finished_at\":\"2026-01-02T03:04:05.678Z\",\"expires_at\":\"2026-01-02T03:04:05.678Z\","
                        + "\"queued_ms\":0,\"run_ms\":0,\"revision\":3}")
                .getBytes(StandardCharsets.UTF_8);
        Javalin.create(config -> {
                    config.startup.showJavalinBanner = false;
                    config.http.defaultContentType = "application/json";
                    config.jetty.host = "127.0.0.1";
                    config.jetty.port = Integer.parseInt(args[0]);
                    config.routes.addHttpHandler(HandlerType.POST, "/bare", context -> {
                        context.bodyAsBytes();
                        context.status(201);
                        context.result(answer);
                    });
                })
                .start();
    }
}
