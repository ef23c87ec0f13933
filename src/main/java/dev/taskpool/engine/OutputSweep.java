package dev.taskpool.engine;

import dev.taskpool.model.Task;
import dev.taskpool.output.OutputFiles;
import dev.taskpool.store.Store;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Removes the output and the artifacts of tasks that were forgotten when a kill came before their files were. Begun at the start, before a
 * task is accepted: the store has all that are left of earlier tasks. Goes on beside everything else, folder by folder.
 */
final class OutputSweep {
    private static final Logger LOG = LoggerFactory.getLogger(OutputSweep.class);
    private static final int AT_ONCE = 500;

    private final OutputFiles files;
    private final Store store;
    private final long last;

    // Used by one thread after the other.
    private final Deque<String> folders;
    private List<Long> there;

    private OutputSweep(OutputFiles files, Store store, long last) throws IOException {
        this.files = files;
        this.store = store;
        this.last = last;
        this.there = files.artifacts().sequences();
        this.folders = new ArrayDeque<>(files.folders());
    }

    /**
     * Begins. What cannot be looked at now is looked at by the next start.
     *
     * @param last sequence that was given away by an earlier start
     */
    static void begin(OutputFiles files, Store store, long last) {
        try {
            new OutputSweep(files, store, last).from(0);
        } catch (IOException e) {
            LOG.warn("the output of tasks cannot be looked through", e);
        }
    }

    private void from(int begin) {
        int first = begin;
        while (first >= there.size()) {
            String next = folders.poll();
            if (next == null) {
                return;
            }
            first = 0;
            try {
                there = files.sequences(next);
            } catch (IOException e) {
                LOG.warn("the output in {} cannot be looked through", next, e);
                there = List.of();
            }
        }
        List<Long> some = there.subList(first, Math.min(there.size(), first + AT_ONCE)).stream()
                .filter(sequence -> sequence <= last)
                .toList();
        int behind = first + AT_ONCE;
        store.find(some).whenComplete((found, error) -> {
            if (error != null) {
                LOG.warn("the store cannot be asked whose output is still needed", error);
                return;
            }
            remove(some, found);
            from(behind);
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
                    LOG.warn("the output of a forgotten task cannot be removed", e);
                }
            }
        }
    }
}
