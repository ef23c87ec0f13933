package dev.taskpool.store;

import dev.taskpool.model.Batch;
import dev.taskpool.model.BatchPart;
import dev.taskpool.model.IdempotencyKey;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskSpec;
import dev.taskpool.model.TaskState;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Types;
import java.util.Arrays;
import java.util.Map;

/**
 * What is written to H2, by the applier's connection and in its transactions. Plain JDBC batches, because this is where
 * each task of the service passes: binding by name would double the cost of a row.
 */
final class Writes implements AutoCloseable {
    /** Larger values go to the payload table, and the row has them without what lists leave out (see {@link Codec#brief}). */
    private static final int INLINE = 8 << 10;

    /**
     * Of a value in the payload table. H2's undo log has 48 rows to a page, however large they are, and a page of more than
     * 1 MiB cannot be read while its chunk is being written ("File corrupted in chunk", Chunk.readBufferForPage looks
     * for it in the file): deleting a few rows of half a megabyte closed the database.
     */
    private static final int CHUNK = 16 << 10;

    private final long ageingMillis;
    private final Bytes buffer = new Bytes(4 << 10);
    private final PreparedStatement insertTask;
    private final PreparedStatement updateTask;
    private final PreparedStatement deleteTask;
    private final PreparedStatement insertPayload;
    private final PreparedStatement deletePayload;
    private final PreparedStatement insertOpen;
    private final PreparedStatement mergeOpen;
    private final PreparedStatement deleteOpen;
    private final PreparedStatement mergeWake;
    private final PreparedStatement deleteWake;
    private final PreparedStatement insertLabel;
    private final PreparedStatement deleteLabel;
    private final PreparedStatement insertKey;
    private final PreparedStatement deleteKey;
    private final PreparedStatement mergeCallback;
    private final PreparedStatement deleteCallback;
    private final PreparedStatement mergeBatch;
    private final PreparedStatement deleteBatch;
    private final PreparedStatement insertPart;
    private final PreparedStatement deleteParts;
    private final PreparedStatement mergePool;
    private final PreparedStatement deletePool;
    private final PreparedStatement mark;
    private final PreparedStatement[] order;

    Writes(Connection c, long ageingMillis) throws SQLException {
        this.ageingMillis = ageingMillis;
        insertTask = c.prepareStatement("""
                INSERT INTO task (seq, nonce, state, pool, callable, expires_at, spec, large_spec, progress, large_progress)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""");
        updateTask = c.prepareStatement(
                "UPDATE task SET state = ?, expires_at = ?, progress = ?, large_progress = ? WHERE seq = ?");
        deleteTask = c.prepareStatement("DELETE FROM task WHERE seq = ?");
        insertPayload = c.prepareStatement("INSERT INTO payload (seq, part, chunk, data) VALUES (?, ?, ?, ?)");
        deletePayload = c.prepareStatement("DELETE FROM payload WHERE seq = ? AND part >= ?");
        // Twice as fast as a merge, and most tasks come here once.
        insertOpen = c.prepareStatement("INSERT INTO open_task (seq, pool, phase, place) VALUES (?, ?, ?, ?)");
        mergeOpen = c.prepareStatement("MERGE INTO open_task (seq, pool, phase, place) KEY (seq) VALUES (?, ?, ?, ?)");
        deleteOpen = c.prepareStatement("DELETE FROM open_task WHERE seq = ?");
        mergeWake = c.prepareStatement("MERGE INTO wake (seq, due) KEY (seq) VALUES (?, ?)");
        deleteWake = c.prepareStatement("DELETE FROM wake WHERE seq = ?");
        insertLabel = c.prepareStatement("INSERT INTO task_label (name, content, seq) VALUES (?, ?, ?)");
        deleteLabel = c.prepareStatement("DELETE FROM task_label WHERE name = ? AND content = ? AND seq = ?");
        insertKey =
                c.prepareStatement("MERGE INTO idempotency (key_hash, body_hash, seq) KEY (key_hash) VALUES (?, ?, ?)");
        deleteKey = c.prepareStatement("DELETE FROM idempotency WHERE key_hash = ? AND seq = ?");
        mergeCallback = c.prepareStatement(Outbox.MERGE);
        deleteCallback = c.prepareStatement(Outbox.DELETE);
        mergeBatch = c.prepareStatement(
                "MERGE INTO batch (seq, nonce, unfinished, expires_at, body) KEY (seq) VALUES (?, ?, ?, ?, ?)");
        deleteBatch = c.prepareStatement("DELETE FROM batch WHERE seq = ?");
        insertPart = c.prepareStatement(
                "MERGE INTO batch_part (batch, pos, seq, size) KEY (batch, pos) VALUES (?, ?, ?, ?)");
        deleteParts = c.prepareStatement("DELETE FROM batch_part WHERE batch = ?");
        mergePool = c.prepareStatement("MERGE INTO pool (name, body) KEY (name) VALUES (?, ?)");
        deletePool = c.prepareStatement("DELETE FROM pool WHERE name = ?");
        mark = c.prepareStatement("UPDATE applied SET frame = ? WHERE id = 1");
        order = new PreparedStatement[] {
            deletePayload,
            insertTask,
            updateTask,
            insertPayload,
            insertOpen,
            mergeOpen,
            deleteOpen,
            mergeWake,
            deleteWake,
            insertLabel,
            insertKey,
            mergeCallback,
            deleteCallback,
            mergeBatch,
            insertPart,
            mergePool,
            deletePool,
            deleteLabel,
            deleteKey,
            deleteTask,
            deleteParts,
            deleteBatch,
            mark
        };
    }

    /** Adds a task that H2 does not have. */
    void create(Task task) throws SQLException {
        long seq = task.id().sequence();
        TaskSpec spec = task.spec();
        insertTask.setLong(1, seq);
        insertTask.setLong(2, task.id().nonce());
        insertTask.setInt(3, Codec.code(task.state()));
        insertTask.setString(4, spec.pool());
        insertTask.setString(5, spec.callable());
        expires(insertTask, 6, task);
        spec(task);
        progress(insertTask, 9, task);
        insertTask.addBatch();
        for (Map.Entry<String, String> label : spec.labels().entrySet()) {
            insertLabel.setString(1, label.getKey());
            insertLabel.setString(2, label.getValue());
            insertLabel.setLong(3, seq);
            insertLabel.addBatch();
        }
        IdempotencyKey key = spec.key();
        // A batch has one key for all, which its first task carries.
        if (key != null) {
            insertKey.setString(1, key.keyHash());
            insertKey.setString(2, key.bodyHash());
            insertKey.setLong(3, seq);
            insertKey.addBatch();
        }
        if (!task.done()) {
            open(task, insertOpen);
        }
        callbacks(task);
    }

    /** Brings a task that H2 has to a later revision. */
    void change(Task task) throws SQLException {
        long seq = task.id().sequence();
        updateTask.setInt(1, Codec.code(task.state()));
        expires(updateTask, 2, task);
        boolean large = progress(updateTask, 3, task);
        updateTask.setLong(5, seq);
        updateTask.addBatch();
        // What was large and is not any more was so by earlier attempts.
        if (large || ranBefore(task)) {
            deletePayload.setLong(1, seq);
            deletePayload.setInt(2, 1);
            deletePayload.addBatch();
        }
        if (task.done()) {
            deleteOpen.setLong(1, seq);
            deleteOpen.addBatch();
            if (mayHaveWaited(task)) {
                unwake(seq);
            }
        } else {
            open(task, mergeOpen);
        }
        callbacks(task);
    }

    /** Forgets a task and all that hangs on it. */
    void delete(Queries.Stored stored) throws SQLException {
        Task task = stored.task();
        long seq = task.id().sequence();
        TaskSpec spec = task.spec();
        deleteTask.setLong(1, seq);
        deleteTask.addBatch();
        if (!task.done()) {
            // It ended and was deleted between two applies: here it is in its queue still.
            deleteOpen.setLong(1, seq);
            deleteOpen.addBatch();
            unwake(seq);
        }
        if (stored.hasPayload()) {
            deletePayload.setLong(1, seq);
            deletePayload.setInt(2, 0);
            deletePayload.addBatch();
        }
        for (Map.Entry<String, String> label : spec.labels().entrySet()) {
            deleteLabel.setString(1, label.getKey());
            deleteLabel.setString(2, label.getValue());
            deleteLabel.setLong(3, seq);
            deleteLabel.addBatch();
        }
        IdempotencyKey key = spec.key();
        if (key != null) {
            deleteKey.setString(1, key.keyHash());
            deleteKey.setLong(2, seq);
            deleteKey.addBatch();
        }
        if (!task.callbacks().isEmpty()) {
            deleteCallback.setLong(1, seq);
            deleteCallback.addBatch();
        }
    }

    /** @param callbacks whether these are new as well */
    void save(Batch batch, boolean callbacks) throws SQLException {
        buffer.clear();
        BatchCodec.batch(batch, buffer);
        mergeBatch.setLong(1, batch.id().sequence());
        mergeBatch.setLong(2, batch.id().nonce());
        mergeBatch.setBoolean(3, !batch.done());
        mergeBatch.setLong(4, batch.expiresAt());
        mergeBatch.setBytes(5, buffer.copy());
        mergeBatch.addBatch();
        if (callbacks) {
            Outbox.merge(batch, mergeCallback, buffer);
        }
    }

    void add(BatchPart part) throws SQLException {
        insertPart.setLong(1, part.batch().sequence());
        insertPart.setLong(2, part.index());
        insertPart.setLong(3, part.sequence());
        insertPart.setInt(4, part.count());
        insertPart.addBatch();
    }

    void deleteBatch(long sequence) throws SQLException {
        deleteParts.setLong(1, sequence);
        deleteParts.addBatch();
        deleteBatch.setLong(1, sequence);
        deleteBatch.addBatch();
        deleteCallback.setLong(1, sequence);
        deleteCallback.addBatch();
    }

    void save(Change.StoredPool pool) throws SQLException {
        buffer.clear();
        PoolCodec.pool(pool, buffer);
        mergePool.setString(1, pool.name());
        mergePool.setBytes(2, buffer.copy());
        mergePool.addBatch();
    }

    void deletePool(String name) throws SQLException {
        deletePool.setString(1, name);
        deletePool.addBatch();
    }

    void mark(long frame) throws SQLException {
        mark.setLong(1, frame);
        mark.addBatch();
    }

    /** Sends all that was added, in an order that suits the keys. */
    void flush() throws SQLException {
        for (PreparedStatement statement : order) {
            statement.executeBatch();
        }
    }

    /** Forgets what was added and not sent. */
    void clear() throws SQLException {
        for (PreparedStatement statement : order) {
            statement.clearBatch();
        }
    }

    private void open(Task task, PreparedStatement put) throws SQLException {
        long seq = task.id().sequence();
        boolean delayed = task.state() == TaskState.PENDING && task.notBefore() > 0;
        put.setLong(1, seq);
        put.setString(2, task.spec().pool());
        put.setInt(3, task.state() == TaskState.RUNNING ? 2 : delayed ? 3 : 1);
        put.setLong(4, task.rank(ageingMillis));
        put.addBatch();
        long due = task.state() == TaskState.RUNNING ? 0 : task.lookAt();
        if (due > 0) {
            mergeWake.setLong(1, seq);
            mergeWake.setLong(2, due);
            mergeWake.addBatch();
        } else if (mayHaveWaited(task)) {
            unwake(seq);
        }
    }

    /** Whether there may have been an instant at which a task was to be looked at. */
    private static boolean mayHaveWaited(Task task) {
        TaskSpec spec = task.spec();
        return spec.delayMillis() > 0
                || spec.queueTimeoutMillis() != null
                || spec.deadlineMillis() != null
                || ranBefore(task);
    }

    /** Whether there is something of a run before the present one. */
    private static boolean ranBefore(Task task) {
        return task.attempt() > 1 || task.snoozes() > 0 || !task.history().isEmpty();
    }

    private void unwake(long seq) throws SQLException {
        deleteWake.setLong(1, seq);
        deleteWake.addBatch();
    }

    /** Brings the callbacks of a task to a later revision. */
    void callbacks(Task task) throws SQLException {
        Outbox.merge(task, mergeCallback, buffer);
    }

    private static void expires(PreparedStatement statement, int index, Task task) throws SQLException {
        if (task.expiresAt() > 0) {
            statement.setLong(index, task.expiresAt());
        } else {
            statement.setNull(index, Types.BIGINT);
        }
    }

    private void spec(Task task) throws SQLException {
        buffer.clear();
        Codec.spec(task.spec(), buffer);
        boolean large = large(task, 0);
        if (large) {
            buffer.clear();
            Codec.spec(Codec.brief(task).spec(), buffer);
        }
        insertTask.setBytes(7, buffer.copy());
        insertTask.setBoolean(8, large);
    }

    /** Returns whether it is large. */
    private boolean progress(PreparedStatement statement, int index, Task task) throws SQLException {
        buffer.clear();
        Codec.progress(task, buffer);
        boolean large = large(task, 1);
        if (large) {
            buffer.clear();
            Codec.progress(Codec.brief(task), buffer);
        }
        statement.setBytes(index, buffer.copy());
        statement.setBoolean(index + 1, large);
        return large;
    }

    /** Puts what is encoded into the payload table, if it is too large for a row; returns whether it was. */
    private boolean large(Task task, int part) throws SQLException {
        if (buffer.size() <= INLINE) {
            return false;
        }
        byte[] all = buffer.copy();
        for (int chunk = 0; chunk * CHUNK < all.length; chunk++) {
            insertPayload.setLong(1, task.id().sequence());
            insertPayload.setInt(2, part);
            insertPayload.setInt(3, chunk);
            insertPayload.setBytes(
                    4, Arrays.copyOfRange(all, chunk * CHUNK, Math.min(all.length, (chunk + 1) * CHUNK)));
            insertPayload.addBatch();
        }
        return true;
    }

    @Override
    public void close() throws SQLException {
        for (PreparedStatement statement : order) {
            statement.close();
        }
    }
}
