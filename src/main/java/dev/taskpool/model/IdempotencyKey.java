package dev.taskpool.model;

/**
 * An {@code Idempotency-Key} and the request that it stands for, both as hashes.
 *
 * @param keyHash SHA-256 in base64 of who asked, and the key
 * @param bodyHash SHA-256 in base64 of the request
 */
public record IdempotencyKey(String keyHash, String bodyHash) {
    /** Returns whether both stand for the same request. */
    public boolean sameBody(IdempotencyKey other) {
        return bodyHash.equals(other.bodyHash);
    }
}
