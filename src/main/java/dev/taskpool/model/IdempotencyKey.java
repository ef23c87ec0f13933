package dev.taskpool.model;

import org.jspecify.annotations.Nullable;

/**
 * An {@code Idempotency-Key}, or an id that a caller chose for a task, and the request that it stands for, both as hashes.
 *
 * @param keyHash SHA-256 in base64 of who asked, and the key
 * @param bodyHash SHA-256 in base64 of the request
 * @param callerId the id that the caller chose; null where it is a key
 */
public record IdempotencyKey(
        String keyHash, String bodyHash, @Nullable String callerId) {
    /** A key. */
    public IdempotencyKey(String keyHash, String bodyHash) {
        this(keyHash, bodyHash, null);
    }

    /** Returns whether both stand for the same request. */
    public boolean sameBody(IdempotencyKey other) {
        return bodyHash.equals(other.bodyHash);
    }
}
