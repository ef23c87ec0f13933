package dev.taskpool.store;

import dev.taskpool.model.Batch;
import dev.taskpool.model.BatchId;
import dev.taskpool.model.BatchPart;
import dev.taskpool.model.CallbackDue;
import dev.taskpool.model.IdempotencyKey;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import java.nio.ByteBuffer;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.Query;

/** What is read from H2. Each method runs on the thread that owns the handle. */
final class Queries {
    private static final String COLUMNS = "seq, nonce, spec, large_spec, progress, large_progress";

    private static final int SLICE = 25;

    /** What one read brings into memory, about; and one more task, which may be large. */
    private static final long MAX_WEIGHT = 8L << 20;

    /** "> 0" because an index has its NULLs in front, and H2 would walk over a million tasks that are not done. */
    private static final String EXPIRED = """
                expires_at > 0 AND expires_at <= :now
                 AND NOT EXISTS (SELECT 1 FROM callback c WHERE c.seq = t.seq AND c.due > 0)
                ORDER BY expires_at LIMIT :limit""";

    private final Handle handle;

    Queries(Handle handle) {
        this.handle = handle;
    }

    /** A row as it is, with the values that are in payload still there. */
    private record Row(TaskId id, ByteBuffer spec, boolean largeSpec, ByteBuffer progress, boolean largeProgress) {}

    Optional<Task> task(long sequence) {
        return one(sequence).map(this::whole);
    }

    /** Returns whether there is a task. */
    boolean exists(long sequence) {
        return handle.createQuery("SELECT 1 FROM task WHERE seq = :seq")
                .bind("seq", sequence)
                .mapTo(Integer.class)
                .findOne()
                .isPresent();
    }

    /** Returns a task without what can be large. */
    Optional<Task> brief(long sequence) {
        return one(sequence).map(this::brief);
    }

    private Optional<Row> one(long sequence) {
        return handle.createQuery("SELECT " + COLUMNS + " FROM task WHERE seq = :seq")
                .bind("seq", sequence)
                .map((rs, ctx) -> row(rs))
                .findOne();
    }

    /** Returns those tasks that there are, without what can be large, in no order. */
    List<Task> brief(List<Long> sequences) {
        return rows(sequences).values().stream().map(this::brief).toList();
    }

    private Map<Long, Row> rows(List<Long> sequences) {
        Map<Long, Row> rows = new HashMap<>();
        if (!sequences.isEmpty()) {
            // Not by IN: H2 looks each row that it found up in the whole list once more, which costs more than finding
            // it.
            handle.createQuery("SELECT " + COLUMNS
                            + " FROM UNNEST(CAST(:seqs AS BIGINT ARRAY)) wanted (id) JOIN task ON seq = wanted.id")
                    .bindBySqlType("seqs", sequences.toArray(), Types.ARRAY)
                    .map((rs, ctx) -> row(rs))
                    .forEach(row -> rows.put(row.id.sequence(), row));
        }
        return rows;
    }

    /** Returns the tasks of a range of sequences without what can be large, in order. */
    List<Task> range(long from, long to) {
        return handle.createQuery("SELECT " + COLUMNS + " FROM task WHERE seq BETWEEN :from AND :to ORDER BY seq")
                .bind("from", from)
                .bind("to", to)
                .map((rs, ctx) -> brief(row(rs)))
                .list();
    }

    /** Returns tasks without what can be large. */
    List<Task> list(TaskQuery query) {
        long from = query.createdAfter() << 16;
        BatchId batch = query.batch();
        if (batch == null) {
            return list(query, from, query.before(), query.limit());
        }
        List<Task> found = new ArrayList<>();
        for (BatchPart part : partsBefore(batch, query.before())) {
            if (found.size() == query.limit()) {
                break;
            }
            found.addAll(list(
                    query,
                    Math.max(from, part.sequence()),
                    Math.min(query.before(), part.sequence() + part.count()),
                    query.limit() - found.size()));
        }
        return found;
    }

    private List<Task> list(TaskQuery query, long from, long before, int limit) {
        StringBuilder sql = new StringBuilder(
                "SELECT t.seq, t.nonce, t.spec, t.large_spec, t.progress, t.large_progress FROM task t WHERE t.seq < :before AND t.seq >= :from");
        if (!query.states().isEmpty()) {
            sql.append(" AND t.state IN (<states>)");
        }
        if (query.pool() != null) {
            sql.append(" AND t.pool = :pool");
        }
        if (query.callable() != null) {
            sql.append(" AND t.callable = :callable");
        }
        int n = 0;
        for (int i = 0; i < query.labels().size(); i++) {
            sql.append(" AND EXISTS (SELECT 1 FROM task_label l WHERE l.name = :name")
                    .append(i)
                    .append(" AND l.content = :content")
                    .append(i)
                    .append(" AND l.seq = t.seq)");
        }
        sql.append(" ORDER BY t.seq DESC LIMIT :limit");
        Query prepared = handle.createQuery(sql.toString())
                .bind("before", before)
                .bind("from", from)
                .bind("limit", limit);
        if (!query.states().isEmpty()) {
            prepared.bindList("states", query.states().stream().map(Codec::code).toList());
        }
        if (query.pool() != null) {
            prepared.bind("pool", query.pool());
        }
        if (query.callable() != null) {
            prepared.bind("callable", query.callable());
        }
        for (Map.Entry<String, String> label : query.labels().entrySet()) {
            prepared.bind("name" + n, label.getKey()).bind("content" + n, label.getValue());
            n++;
        }
        return prepared.map((rs, ctx) -> brief(row(rs))).list();
    }

    Optional<Batch> batch(BatchId id) {
        return handle.createQuery("SELECT body FROM batch WHERE seq = :seq AND nonce = :nonce")
                .bind("seq", id.sequence())
                .bind("nonce", id.nonce())
                .map((rs, ctx) -> storedBatch(rs))
                .findOne()
                .map(this::batch);
    }

    /** Returns the batches that are not done. */
    List<Batch> unfinishedBatches() {
        return handle
                .createQuery("SELECT body FROM batch WHERE unfinished")
                .map((rs, ctx) -> storedBatch(rs))
                .list()
                .stream()
                .map(this::batch)
                .toList();
    }

    /** Returns sequences of batches that were to be forgotten at an instant, and have nobody to tell. */
    List<Long> expiredBatches(long now, int limit) {
        return handle.createQuery("""
                        SELECT seq FROM batch b WHERE expires_at > 0 AND expires_at <= :now
                         AND NOT EXISTS (SELECT 1 FROM callback c WHERE c.seq = b.seq AND (c.due > 0 OR b.unfinished))
                         LIMIT :limit""")
                .bind("now", now)
                .bind("limit", limit)
                .mapTo(Long.class)
                .list();
    }

    private Batch batch(BatchCodec.Stored stored) {
        Batch batch = stored.batch();
        return stored.callbacks()
                ? batch.with(Outbox.of(handle, batch.id().sequence()).callbacks())
                : batch;
    }

    private static BatchCodec.Stored storedBatch(ResultSet rs) throws SQLException {
        return BatchCodec.batch(new Bytes.Reader(ByteBuffer.wrap(rs.getBytes(1))));
    }

    /** Returns the parts of a batch that have positions from an index on, so many at most, in their order. */
    List<BatchPart> parts(BatchId batch, long from, int limit) {
        // No part is longer than what one write accepts: the one before the first that begins here may reach into it.
        return handle.createQuery("""
                        SELECT pos, seq, size FROM batch_part
                         WHERE batch = :batch AND pos + size > :from
                           AND pos >= COALESCE((SELECT MAX(pos) FROM batch_part WHERE batch = :batch AND pos <= :from), 0)
                         ORDER BY pos LIMIT :limit""")
                .bind("batch", batch.sequence())
                .bind("from", from)
                .bind("limit", limit)
                .map((rs, ctx) -> part(batch, rs))
                .list();
    }

    /** Returns the parts of a batch that begin before a sequence, the last first. */
    private List<BatchPart> partsBefore(BatchId batch, long before) {
        return handle.createQuery("""
                        SELECT pos, seq, size FROM batch_part
                         WHERE batch = :batch AND seq < :before ORDER BY pos DESC""")
                .bind("batch", batch.sequence())
                .bind("before", before)
                .map((rs, ctx) -> part(batch, rs))
                .list();
    }

    private static BatchPart part(BatchId batch, ResultSet rs) throws SQLException {
        return new BatchPart(batch, rs.getLong(1), rs.getLong(2), rs.getInt(3));
    }

    /** Returns tasks of a batch that are not done, with all they have, from behind a sequence on, in order. */
    Store.Page openOf(BatchId batch, long after, int limit) {
        return page(
                handle.createQuery("""
                                SELECT o.seq FROM batch_part p
                                  JOIN open_task o ON o.seq BETWEEN p.seq AND p.seq + p.size - 1
                                 WHERE p.batch = :batch AND o.seq > :after ORDER BY o.seq LIMIT :limit""")
                        .bind("batch", batch.sequence())
                        .bind("after", after)
                        .bind("limit", limit)
                        .mapTo(Long.class)
                        .list(),
                limit);
    }

    /** Returns tasks of a batch without what can be large, from behind a sequence on, in order. */
    List<Task> tasksOf(BatchId batch, long after, int limit) {
        List<Task> found = new ArrayList<>();
        for (BatchPart part : partsBehind(batch, after)) {
            if (found.size() >= limit) {
                break;
            }
            found.addAll(range(Math.max(part.sequence(), after + 1), part.sequence() + part.count() - 1));
        }
        return found;
    }

    private List<BatchPart> partsBehind(BatchId batch, long after) {
        return handle.createQuery("""
                        SELECT pos, seq, size FROM batch_part
                         WHERE batch = :batch AND seq + size - 1 > :after ORDER BY pos LIMIT 1000""")
                .bind("batch", batch.sequence())
                .bind("after", after)
                .map((rs, ctx) -> part(batch, rs))
                .list();
    }

    /** Returns the sequence of the task that was accepted under a key. */
    Optional<Long> keyed(IdempotencyKey key) {
        return handle.createQuery("SELECT seq FROM idempotency WHERE key_hash = :key")
                .bind("key", key.keyHash())
                .mapTo(Long.class)
                .findOne();
    }

    /** Returns pending tasks of a pool that are ready to start, or are delayed, in their order, from behind a place on. */
    Store.Page pending(String pool, boolean delayed, long place, long sequence, int limit) {
        // Two ranges of the index instead of one row comparison, which H2 would not turn into a seek; and ordered by
        // all
        // its columns, because H2 sorts everything itself where the order leaves out those that are equal.
        List<Long> found = new ArrayList<>(handle.createQuery("""
                        SELECT seq FROM open_task
                         WHERE pool = :pool AND phase = :phase AND place = :place AND seq > :seq
                         ORDER BY pool, phase, place, seq LIMIT :limit""")
                .bind("pool", pool)
                .bind("phase", delayed ? 3 : 1)
                .bind("place", place)
                .bind("seq", sequence)
                .bind("limit", limit)
                .mapTo(Long.class)
                .list());
        if (found.size() < limit) {
            found.addAll(handle.createQuery("""
                            SELECT seq FROM open_task
                             WHERE pool = :pool AND phase = :phase AND place > :place
                             ORDER BY pool, phase, place, seq LIMIT :limit""")
                    .bind("pool", pool)
                    .bind("phase", delayed ? 3 : 1)
                    .bind("place", place)
                    .bind("limit", limit - found.size())
                    .mapTo(Long.class)
                    .list());
        }
        return page(found, limit);
    }

    /** Returns pending tasks whose delay or time in the queue ends up to an instant, from behind a place on. */
    Store.Page due(long after, long sequence, long until, int limit) {
        // Two ranges, as above.
        List<Long> found = new ArrayList<>(handle.createQuery(
                        "SELECT seq FROM wake WHERE due = :after AND seq > :seq ORDER BY due, seq LIMIT :limit")
                .bind("after", after)
                .bind("seq", sequence)
                .bind("limit", limit)
                .mapTo(Long.class)
                .list());
        if (found.size() < limit) {
            found.addAll(handle.createQuery(
                            "SELECT seq FROM wake WHERE due > :after AND due <= :until ORDER BY due, seq LIMIT :limit")
                    .bind("after", after)
                    .bind("until", until)
                    .bind("limit", limit - found.size())
                    .mapTo(Long.class)
                    .list());
        }
        return page(found, limit);
    }

    /** Returns destinations of callbacks that are due or will be, in order, behind one of them. */
    List<String> callbackDestinations(String after, int limit) {
        return Outbox.destinations(handle, after, limit);
    }

    /** Returns the callbacks for a destination that are due first. */
    List<CallbackDue> callbacksDue(String destination, int limit) {
        return Outbox.due(handle, destination, limit);
    }

    /**
     * What is to be deleted.
     *
     * @param task without what can be large
     * @param hasPayload whether some of it is in the payload table
     */
    record Stored(Task task, boolean hasPayload) {}

    /** Returns tasks whose retention is over. */
    List<Stored> expired(long now, int limit) {
        return handle.createQuery("SELECT " + COLUMNS + " FROM task t WHERE " + EXPIRED)
                .bind("now", now)
                .bind("limit", limit)
                .map((rs, ctx) -> stored(row(rs)))
                .list();
    }

    private Stored stored(Row row) {
        return new Stored(brief(row), row.largeSpec || row.largeProgress);
    }

    /** Returns a task that is to be deleted. */
    Optional<Stored> stored(long sequence) {
        return one(sequence).map(this::stored);
    }

    /** Returns the tasks that were RUNNING when the service stopped. */
    List<Task> running() {
        List<Task> running = new ArrayList<>();
        handle.createQuery("SELECT seq FROM open_task WHERE phase = 2")
                .mapTo(Long.class)
                .list()
                .forEach(sequence -> task(sequence).ifPresent(running::add));
        return running;
    }

    /** Returns how many tasks are pending in each pool: ready, then delayed. */
    Map<String, long[]> pendingCounts() {
        Map<String, long[]> counts = new HashMap<>();
        handle.createQuery("SELECT pool, phase, COUNT(*) FROM open_task WHERE phase <> 2 GROUP BY pool, phase")
                .map((rs, ctx) -> {
                    counts.computeIfAbsent(rs.getString(1), k -> new long[2])[rs.getInt(2) == 1 ? 0 : 1] =
                            rs.getLong(3);
                    return true;
                })
                .list();
        return counts;
    }

    List<Change.StoredPool> pools() {
        return handle.createQuery("SELECT body FROM pool ORDER BY name")
                .map((rs, ctx) -> PoolCodec.pool(new Bytes.Reader(ByteBuffer.wrap(rs.getBytes(1)))))
                .list();
    }

    long lastSequence() {
        return handle.createQuery("""
                        SELECT GREATEST(COALESCE((SELECT MAX(seq) FROM task), 0),
                                        COALESCE((SELECT MAX(seq) FROM batch), 0),
                                        COALESCE((SELECT MAX(seq + size - 1) FROM batch_part), 0))""").mapTo(Long.class).one();
    }

    /** Returns when a task became done last, in Unix microseconds, as far as can be told; 0 where none is. */
    long lastFinishedMicros() {
        return handle.createQuery(
                        "SELECT " + COLUMNS + " FROM task WHERE expires_at > 0 ORDER BY expires_at DESC LIMIT 1")
                .map((rs, ctx) -> brief(row(rs)).finishedMicros())
                .findOne()
                .orElse(0L);
    }

    long appliedFrame() {
        return handle.createQuery("SELECT frame FROM applied WHERE id = 1")
                .mapTo(Long.class)
                .one();
    }

    private Store.Page page(List<Long> sequences, int limit) {
        List<Task> tasks = new ArrayList<>(sequences.size());
        // What was deleted since is missing, and behind it there may be nothing.
        boolean all = inOrder(sequences, tasks);
        return new Store.Page(tasks, all && sequences.size() < limit);
    }

    /**
     * Returns tasks with all they have, in the order asked for. Stops early where they are so large that memory would
     * notice, but not before the first.
     */
    List<Task> inOrder(List<Long> sequences) {
        List<Task> out = new ArrayList<>(sequences.size());
        inOrder(sequences, out);
        return out;
    }

    /** Returns whether it did not stop early. */
    private boolean inOrder(List<Long> sequences, List<Task> out) {
        long weight = 0;
        for (int i = 0; i < sequences.size(); i += SLICE) {
            List<Long> slice = sequences.subList(i, Math.min(sequences.size(), i + SLICE));
            Map<Long, Row> rows = rows(slice);
            for (Long sequence : slice) {
                Row row = rows.get(sequence);
                if (row != null) {
                    if (weight >= MAX_WEIGHT) {
                        return false;
                    }
                    Task task = whole(row);
                    out.add(task);
                    weight += task.weight();
                }
            }
        }
        return true;
    }

    private static Row row(ResultSet rs) throws SQLException {
        return new Row(
                new TaskId(rs.getLong(1), rs.getLong(2)),
                ByteBuffer.wrap(rs.getBytes(3)),
                rs.getBoolean(4),
                ByteBuffer.wrap(rs.getBytes(5)),
                rs.getBoolean(6));
    }

    private Task whole(Row row) {
        return task(
                row.id,
                row.largeSpec ? payload(row.id.sequence(), 0) : row.spec,
                row.largeProgress ? payload(row.id.sequence(), 1) : row.progress);
    }

    private Task brief(Row row) {
        return Codec.brief(task(row.id, row.spec, row.progress));
    }

    private Task task(TaskId id, ByteBuffer spec, ByteBuffer progress) {
        Codec.Progress read = Codec.progress(id, Codec.spec(new Bytes.Reader(spec)), new Bytes.Reader(progress));
        Task task = read.task();
        if (!read.callbacks()) {
            return task;
        }
        CallbackCodec.Stored stored = Outbox.of(handle, id.sequence());
        return task.withCallbacks(stored.callbacks(), Math.max(task.revision(), stored.revision()));
    }

    private ByteBuffer payload(long sequence, int part) {
        java.io.ByteArrayOutputStream all = new java.io.ByteArrayOutputStream();
        handle.createQuery("SELECT data FROM payload WHERE seq = :seq AND part = :part ORDER BY chunk")
                .bind("seq", sequence)
                .bind("part", part)
                .map((rs, ctx) -> {
                    all.writeBytes(rs.getBytes(1));
                    return true;
                })
                .list();
        return ByteBuffer.wrap(all.toByteArray());
    }
}
