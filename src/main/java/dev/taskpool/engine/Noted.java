package dev.taskpool.engine;

import dev.taskpool.model.Callback;

/**
 * What was decided on a callback.
 *
 * @param subject the task or the batch that it is of, as it is now
 * @param callback as it is now
 * @param replayed whether all is as it was, because the same was asked for before with the same key
 */
public record Noted<T>(T subject, Callback callback, boolean replayed) {}
