package dev.taskpool.engine;

import dev.taskpool.callable.Registered;
import dev.taskpool.model.Callback;
import dev.taskpool.model.Callbacks;
import dev.taskpool.model.TaskSpec;
import java.util.List;

/**
 * A task that somebody wants, already held against its callable. What depends on the pool is still open.
 *
 * @param spec pool is empty where none was named; timeout is null where neither request nor callable named one
 * @param callable what runs
 * @param callbacks who is to be told of its end, in order; {@code spec.callbackUrl} is the first of them where there is one
 */
public record Submission(TaskSpec spec, Registered callable, List<Callback.Wish> callbacks) {
    /** One with the callback that its spec names, or none. */
    public Submission(TaskSpec spec, Registered callable) {
        this(
                spec,
                callable,
                spec.callbackUrl() == null
                        ? List.of()
                        : List.of(new Callback.Wish(spec.callbackUrl(), Callback.Wish.ALL)));
    }

    /** Returns about how many bytes its task takes. */
    public int weight() {
        return spec.weight() + Callbacks.of(callbacks, 0).weight();
    }
}
