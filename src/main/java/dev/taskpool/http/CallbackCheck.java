package dev.taskpool.http;

/** Says at submission whether a callback address will do. */
@FunctionalInterface
public interface CallbackCheck {
    /**
     * @param url as the client gave it
     * @param pointer where it stands in the request
     * @throws dev.taskpool.model.Problem {@code callback_not_allowed} or {@code invalid_request}
     */
    void check(String url, String pointer);
}
