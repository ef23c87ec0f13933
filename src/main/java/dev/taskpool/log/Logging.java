package dev.taskpool.log;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.encoder.Encoder;
import java.util.Locale;
import java.util.Map;
import org.slf4j.LoggerFactory;

/** Sets the log up, in code: no file of another format beside the configuration. */
public final class Logging {
    /** What the libraries below say at INFO is of no use to an operator. */
    private static final Map<String, Level> LIBRARIES = Map.of(
            "io.javalin", Level.WARN,
            "org.eclipse.jetty", Level.WARN,
            "org.flywaydb", Level.WARN,
            "com.networknt", Level.WARN);

    private Logging() {}

    /**
     * Writes to standard error from now on: standard output belongs to the commands.
     *
     * @param json one JSON object per line instead of text
     * @param level error, warn, info, debug or trace
     */
    public static void configure(boolean json, String level) {
        LoggerContext context = (LoggerContext) LoggerFactory.getILoggerFactory();
        context.reset();
        Logger root = context.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
        root.setLevel(Level.toLevel(level.toUpperCase(Locale.ROOT)));
        ConsoleAppender<ILoggingEvent> console = new ConsoleAppender<>();
        console.setContext(context);
        console.setTarget("System.err");
        console.setEncoder(json ? json(context) : human(context));
        console.start();
        root.addAppender(console);
        LIBRARIES.forEach((name, least) -> {
            Logger logger = context.getLogger(name);
            logger.setLevel(root.getLevel().isGreaterOrEqual(least) ? root.getLevel() : least);
        });
    }

    private static Encoder<ILoggingEvent> json(LoggerContext context) {
        JsonLines encoder = new JsonLines();
        encoder.setContext(context);
        encoder.start();
        return encoder;
    }

    private static Encoder<ILoggingEvent> human(LoggerContext context) {
        PatternLayoutEncoder encoder = new PatternLayoutEncoder();
        encoder.setContext(context);
        encoder.setPattern("%d{HH:mm:ss.SSS} %-5level %logger{0}: %msg%replace( [%mdc]){' \\[\\]', ''}%n");
        encoder.start();
        return encoder;
    }
}
