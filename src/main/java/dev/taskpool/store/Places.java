package dev.taskpool.store;

import dev.taskpool.model.Task;
import java.util.List;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.PreparedBatch;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The places of waiting tasks in their queues, which stand in an index. They depend on {@code tasks.priority_ageing}: where it
 * is not what it was when they were written, memory and the index would not agree on what comes next, and a task that one of
 * them takes for done with would not be met again.
 */
final class Places {
    private static final Logger LOG = LoggerFactory.getLogger(Places.class);
    private static final int PAGE = 1_000;

    private Places() {}

    /** Writes all places anew where that is called for. A kill in the middle leaves it to the next start. */
    static void settle(Handle handle, long ageingMillis) {
        Long before = handle.createQuery("SELECT ageing FROM applied WHERE id = 1")
                .mapTo(Long.class)
                .findOne()
                .orElse(null);
        if (before != null && before == ageingMillis) {
            return;
        }
        long moved = before == null ? 0 : rewrite(handle, ageingMillis);
        handle.execute("UPDATE applied SET ageing = ? WHERE id = 1", ageingMillis);
        if (moved > 0) {
            LOG.info("ageing was {} ms and is {} ms: {} waiting tasks have new places", before, ageingMillis, moved);
        }
    }

    private static long rewrite(Handle handle, long ageingMillis) {
        Queries queries = new Queries(handle);
        long after = Long.MIN_VALUE;
        long moved = 0;
        while (true) {
            List<Long> page = handle.createQuery(
                            "SELECT seq FROM open_task WHERE seq > :after ORDER BY seq LIMIT :limit")
                    .bind("after", after)
                    .bind("limit", PAGE)
                    .mapTo(Long.class)
                    .list();
            if (page.isEmpty()) {
                return moved;
            }
            PreparedBatch batch = handle.prepareBatch("UPDATE open_task SET place = ? WHERE seq = ?");
            for (Task task : queries.brief(page)) {
                batch.add(task.rank(ageingMillis), task.id().sequence());
            }
            batch.execute();
            moved += page.size();
            after = page.getLast();
        }
    }
}
