package dev.taskpool.engine;

import dev.taskpool.model.Task;
import dev.taskpool.output.ArtifactFiles;
import dev.taskpool.store.Store;
import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Removes the artifacts of tasks that were forgotten when a kill came before their files were. Begun at the start, before a task is accepted: what is there then is of
 * earlier tasks, and the store has all that are left of those. Goes on beside everything else.
 */
final class ArtifactSweep {
    private static final Logger LOG = LoggerFactory.getLogger(ArtifactSweep.class);
    private static final int AT_ONCE = 500;

    private final ArtifactFiles files;
    private final Store store;
    private final List<Long> there;

    private ArtifactSweep(ArtifactFiles files, Store store, List<Long> there) {
        this.files = files;
        this.store = store;
        this.there = there;
    }

    /** Begins. What cannot be looked at now is looked at by the next start. */
    static void begin(ArtifactFiles files, Store store) {
        try {
            new ArtifactSweep(files, store, files.sequences()).from(0);
        } catch (IOException e) {
            LOG.warn("the artifacts cannot be looked through", e);
        }
    }

    private void from(int first) {
        if (first >= there.size()) {
            return;
        }
        List<Long> some = there.subList(first, Math.min(there.size(), first + AT_ONCE));
        store.find(some).whenComplete((found, error) -> {
            if (error != null) {
                LOG.warn("the store cannot be asked which artifacts are still needed", error);
                return;
            }
            remove(some, found);
            from(first + AT_ONCE);
        });
    }

    private void remove(List<Long> some, List<Task> known) {
        Set<Long> needed = new HashSet<>();
        known.forEach(task -> needed.add(task.id().sequence()));
        for (Long sequence : some) {
            if (!needed.contains(sequence)) {
                try {
                    files.delete(sequence);
                } catch (IOException e) {
                    LOG.warn("the artifacts of a forgotten task cannot be removed", e);
                }
            }
        }
    }
}
