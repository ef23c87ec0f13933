package dev.taskpool.callback;

import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.List;
import java.util.Locale;

/** Where callbacks may go (guards against server-side request forgery). Immutable. */
public final class Destinations {
    private static final int MAX_PORT = 65_535;

    private static final int MAX_HOST_CHARS = 253;

    private final List<String> hosts;
    private final boolean privateAllowed;

    /**
     * @param hosts names or addresses, {@code *.example.org} for all below; none allows none
     * @param privateAllowed whether their addresses may be anything but public
     */
    public Destinations(List<String> hosts, boolean privateAllowed) {
        this.hosts = hosts.stream().map(h -> h.toLowerCase(Locale.ROOT)).toList();
        this.privateAllowed = privateAllowed;
    }

    /**
     * Says at submission whether an address will do. Its name is resolved later, when something is sent.
     *
     * @param pointer where it stands in the request
     * @throws Problem {@code invalid_request} or {@code callback_not_allowed}
     */
    public void check(String url, String pointer) {
        URI uri;
        try {
            uri = new URI(url);
        } catch (URISyntaxException e) {
            throw Problem.field(ProblemCode.INVALID_REQUEST, pointer, "is not a URL: " + e.getReason());
        }
        String scheme = uri.getScheme();
        String host = uri.getHost();
        boolean web = "http".equalsIgnoreCase(scheme) || "https".equalsIgnoreCase(scheme);
        if (!web || host == null || uri.getRawUserInfo() != null || uri.getRawFragment() != null) {
            throw Problem.field(
                    ProblemCode.INVALID_REQUEST,
                    pointer,
                    "must be an absolute http or https URL without user and fragment, is '" + url + "'");
        }
        if (uri.getPort() > MAX_PORT || uri.getPort() == 0) {
            throw Problem.field(
                    ProblemCode.INVALID_REQUEST,
                    pointer,
                    "has port " + uri.getPort() + "; ports go from 1 to " + MAX_PORT);
        }
        if (host.length() > MAX_HOST_CHARS) {
            throw Problem.field(
                    ProblemCode.INVALID_REQUEST,
                    pointer,
                    "has a host of " + host.length() + " characters; a name in the DNS has " + MAX_HOST_CHARS
                            + " at most");
        }
        if (!allowed(host)) {
            throw Problem.field(
                    ProblemCode.CALLBACK_NOT_ALLOWED,
                    pointer,
                    "the host " + host + " is not in callbacks.allowed_hosts");
        }
    }

    boolean allowed(String host) {
        String name = host.toLowerCase(Locale.ROOT);
        for (String each : hosts) {
            boolean below = each.startsWith("*.") && name.endsWith(each.substring(1));
            if (below || each.equals(name) || each.equals("*")) {
                return true;
            }
        }
        return false;
    }

    /** Returns whether something may be sent to an address. */
    boolean allowed(InetAddress address) {
        return privateAllowed || isPublic(address);
    }

    /** Whether an address is of the public internet, by the special-purpose registries of RFC 6890. */
    static boolean isPublic(InetAddress address) {
        if (address.isAnyLocalAddress()
                || address.isLoopbackAddress()
                || address.isLinkLocalAddress()
                || address.isSiteLocalAddress()
                || address.isMulticastAddress()) {
            return false;
        }
        byte[] b = address.getAddress();
        int first = b[0] & 0xff;
        int second = b[1] & 0xff;
        return switch (address) {
            case Inet4Address v4 ->
                first != 0
                        && !(first == 100 && second >= 64 && second < 128)
                        && !(first == 192 && second == 0 && (b[2] == 0 || b[2] == 2))
                        && !(first == 198 && (second == 18 || second == 19))
                        && !(first == 198 && second == 51 && b[2] == 100)
                        && !(first == 203 && second == 0 && b[2] == 113)
                        && first < 240;
            // Only global unicast, without documentation, 6to4 and Teredo, which may hide an address of any kind.
            case Inet6Address v6 ->
                (first & 0xe0) == 0x20
                        && !(first == 0x20 && second == 0x02)
                        && !(first == 0x20 && second == 0x01 && (b[2] & 0xff) <= 0x0d)
                        && !(first == 0x3f && second == 0xff);
            default -> false;
        };
    }
}
