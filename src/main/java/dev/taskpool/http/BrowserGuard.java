package dev.taskpool.http;

import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import jakarta.servlet.http.HttpServletRequest;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Keeps web pages away from a service that asks nobody for a token and relies on being reachable from its own machine only: a browser
 * there sends what any page tells it to. Such a request says where it comes from ({@code Origin}, RFC 6454, and Fetch Metadata), or
 * has the page's own name in {@code Host} where that name was made to lead here (DNS rebinding).
 */
final class BrowserGuard {
    private static final Pattern ADDRESS = Pattern.compile("[0-9.]+|\\[.*|.*:.*");
    private static final Set<String> SAFE = Set.of("GET", "HEAD", "OPTIONS");
    private static final String WAY_OUT =
            "; give the service auth.tokens, or say server.allow_unauthenticated: true where this is wanted";

    private final boolean active;
    private final String host;

    /**
     * @param active whether the service asks for no tokens, and nobody has said that others may use it
     * @param host that it is bound to
     */
    BrowserGuard(boolean active, String host) {
        this.active = active;
        this.host = host.toLowerCase(Locale.ROOT);
    }

    /** @throws Problem {@code cross_site} */
    void check(HttpServletRequest request) {
        if (!active) {
            return;
        }
        String name = request.getServerName();
        if (name != null && !isHere(name.toLowerCase(Locale.ROOT))) {
            throw Problem.of(
                    ProblemCode.CROSS_SITE,
                    "without tokens only localhost and addresses are answered, not '" + Exchange.shortened(name) + "'"
                            + WAY_OUT);
        }
        if (SAFE.contains(request.getMethod())) {
            return; // A page cannot read the answer, and nothing is changed.
        }
        String origin = request.getHeader("Origin");
        if (origin != null ? !isOwn(origin, request.getHeader("Host")) : isForeign(request)) {
            throw Problem.of(
                    ProblemCode.CROSS_SITE,
                    "without tokens no web page but the service's own may change anything, and this comes from '"
                            + Exchange.shortened(origin == null ? "another site" : origin) + "'" + WAY_OUT);
        }
    }

    private boolean isHere(String name) {
        return name.equals("localhost")
                || name.endsWith(".localhost")
                || name.equals(host)
                || ADDRESS.matcher(name).matches();
    }

    private static boolean isOwn(String origin, @Nullable String host) {
        int scheme = origin.indexOf("://");
        return scheme > 0 && host != null && origin.substring(scheme + 3).equalsIgnoreCase(host);
    }

    private static boolean isForeign(HttpServletRequest request) {
        String site = request.getHeader("Sec-Fetch-Site");
        return site != null && !site.equals("same-origin") && !site.equals("none");
    }
}
