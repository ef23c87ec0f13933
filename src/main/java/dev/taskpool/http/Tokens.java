package dev.taskpool.http;

import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Bearer tokens (RFC 6750), known by their SHA-256 only. Immutable. */
public final class Tokens {
    /**
     * One token.
     *
     * @param sha256 of the token's text, 64 hexadecimal digits
     * @param caller who it stands for
     */
    public record Token(String sha256, Caller caller) {}

    private record Known(String hash, Caller caller) {}

    private final List<Known> known;

    /** @param tokens none lets everybody in */
    public Tokens(List<Token> tokens) {
        this.known = tokens.stream()
                .map(t -> new Known(t.sha256().toLowerCase(java.util.Locale.ROOT), t.caller()))
                .toList();
    }

    /** Returns whether anybody needs one. */
    boolean areAsked() {
        return !known.isEmpty();
    }

    /**
     * Returns who asks.
     *
     * @param authorization the header, or null
     * @throws Problem {@code unauthorized}
     */
    Caller caller(@Nullable String authorization) {
        if (known.isEmpty()) {
            return Caller.ANYONE;
        }
        if (authorization == null || !authorization.regionMatches(true, 0, "Bearer ", 0, 7)) {
            throw Problem.of(ProblemCode.UNAUTHORIZED, "send the token as Authorization: Bearer TOKEN");
        }
        byte[] hash = HexFormat.of()
                .formatHex(sha256(authorization.substring(7).strip()))
                .getBytes(StandardCharsets.US_ASCII);
        Caller found = null;
        // All are compared, each in constant time: how long it takes tells nothing.
        for (Known each : known) {
            if (MessageDigest.isEqual(hash, each.hash().getBytes(StandardCharsets.US_ASCII))) {
                found = each.caller();
            }
        }
        if (found == null) {
            throw Problem.of(ProblemCode.UNAUTHORIZED, "the token is not known");
        }
        return found;
    }

    static byte[] sha256(String text) {
        return digest().digest(text.getBytes(StandardCharsets.UTF_8));
    }

    static MessageDigest digest() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}
