package dev.taskpool.http;

import dev.taskpool.model.IdempotencyKey;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Base64;
import org.jspecify.annotations.Nullable;

/** Requests that may come twice: their keys, and the hashes that are kept of them. */
final class Keys {
    static final String REPLAYED = "Idempotent-Replayed";

    private Keys() {}

    /** Returns the request's {@code Idempotency-Key}, or null where it has none. */
    static @Nullable String header(Exchange exchange) {
        String key = exchange.header("Idempotency-Key");
        if (key == null) {
            return null;
        }
        String text = key.strip();
        if (text.isEmpty() || text.length() > 255) {
            throw Problem.field(
                    ProblemCode.INVALID_REQUEST,
                    "header:Idempotency-Key",
                    "must have 1 to 255 characters, has " + text.length());
        }
        return text;
    }

    /** Returns the hash of a key, which is its caller's alone. */
    static String hash(Caller caller, String key) {
        MessageDigest digest = Tokens.digest();
        text(digest, caller.name());
        text(digest, key);
        return base64(digest.digest());
    }

    /** The key of a request that is known by its bytes. */
    static IdempotencyKey of(Caller caller, String key, byte[] body) {
        MessageDigest digest = Tokens.digest();
        bytes(digest, body);
        return of(caller, key, digest);
    }

    /** The key of a request that is known by what has been given to a digest. */
    static IdempotencyKey of(Caller caller, String key, MessageDigest request) {
        return new IdempotencyKey(hash(caller, key), base64(request.digest()));
    }

    /** The id that a caller chose for a task, and what it asks for. */
    static IdempotencyKey ofId(Caller caller, String callerId, MessageDigest request) {
        return new IdempotencyKey(ofId(caller, callerId).keyHash(), base64(request.digest()), callerId);
    }

    /** Returns what stands for a task whose id the caller chose; of no use to compare requests. */
    static IdempotencyKey ofId(Caller caller, String callerId) {
        MessageDigest digest = Tokens.digest();
        text(digest, caller.name());
        text(digest, callerId);
        text(digest, "task_id"); // no key of a header has three parts
        return new IdempotencyKey(base64(digest.digest()), "", callerId);
    }

    private static String base64(byte[] hash) {
        return Base64.getEncoder().withoutPadding().encodeToString(hash);
    }

    static void text(MessageDigest digest, @Nullable String text) {
        bytes(digest, text == null ? null : text.getBytes(StandardCharsets.UTF_8));
    }

    /** With its length in front: no two lists of values give the same bytes. */
    static void bytes(MessageDigest digest, byte @Nullable [] bytes) {
        int length = bytes == null ? -1 : bytes.length;
        digest.update(
                new byte[] {(byte) (length >>> 24), (byte) (length >>> 16), (byte) (length >>> 8), (byte) length});
        if (bytes != null) {
            digest.update(bytes);
        }
    }
}
