/**
 * The service's face: the table of routes, one class of handlers per resource, JSON in and out, problems, long-poll, auth.
 *
 * <p>Promises the contract in {@code openapi.yaml}, word for word; every error becomes an answer in one place
 * ({@link dev.taskpool.http.Problems}). Decides nothing about tasks: it asks the engine. No platform thread waits
 * for a task here.
 */
@NullMarked
package dev.taskpool.http;

import org.jspecify.annotations.NullMarked;
